"""What is known of a sweep: its members, curves, and BD-rates between them."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lvc.curves.bdrate import Delta
from lvc.curves.curve import Curve
from lvc.evaluation.records import Record
from lvc.sweeps.curves import Member


@dataclass(frozen=True)
class Section:
    """Curves that may be compared with each other.

    Attributes:
        kind: ``estimated`` or ``measured``.
        metric: ``psnr`` or ``ms_ssim``.
        anchor: What BD-rates are relative to.
        curves: By name, those recorded or coded traditionally last.
        dashed: Names of the latter.
        rates: BD-rate and gain to the anchor by curve.
        plot: Path of the plot without its ending.
    """

    kind: str
    metric: str
    anchor: str
    curves: dict[str, Curve]
    dashed: set[str]
    rates: dict[str, tuple[Delta, Delta]]
    plot: Path


@dataclass(frozen=True)
class Gathered:
    """What was found, and where it was written."""

    folder: Path
    members: list[Member]
    sections: list[Section]
    records: list[Record] = field(default_factory=list)

    def rows(self) -> list[dict[str, Any]]:
        """One row per member."""
        return [_row(member, self.records) for member in self.members]


def _row(member: Member, records: list[Record]) -> dict[str, Any]:
    run, figures = member.run, member.run.figures
    own = [r for r in records if (r.codec, r.point) == (member.curve, member.point) and not r.error]
    count = len({r.sequence for r in own})
    return {
        "curve": member.curve,
        "lambda": run.lmbda,
        "state": run.state,
        "detail": run.detail,
        "step": run.step,
        "estimated_bpp": figures.get("val/bpp"),
        "estimated_psnr": figures.get("val/psnr"),
        "estimated_ms_ssim": figures.get("val/ms_ssim"),
        "validation_cost": figures.get("val/loss"),
        "measured_bpp": sum(r.bpp for r in own) / count if count else None,
        "measured_psnr": sum(r.psnr for r in own) / count if count else None,
        "sequences": count or None,
        "folder": str(run.folder),
    }
