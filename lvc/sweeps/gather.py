"""Sweep results in one place: a table of members, curves, and BD-rates between them.

Figures from training are estimates and are called so; figures of real bitstreams stand beside them, never among them.
"""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lvc.config.metrics import METRICS
from lvc.curves.bdrate import Delta
from lvc.curves.curve import Curve
from lvc.curves.plots import plot_curves
from lvc.errors import UserError
from lvc.evaluation.curves import compare as compare_records
from lvc.evaluation.curves import mean_curve
from lvc.evaluation.records import Record
from lvc.sweeps.curves import Member, anchors, compare, curve, group
from lvc.sweeps.gathered import Gathered, Section
from lvc.sweeps.measured import find_records, of_members
from lvc.sweeps.pages import write_pages
from lvc.sweeps.runs import read_runs


def gather(folders: Sequence[Path], out: Path, anchor: str | None = None) -> Gathered:
    """Read every run in and below ``folders``, and write tables and plots into ``out``.

    Args:
        folders: Where runs are, and evaluations of their exports.
        out: Folder for what is written; made when missing.
        anchor: Curve that BD-rates are relative to; the first one with two points or more where it is not given.

    Raises:
        UserError: No runs, an unknown anchor, or measurements that cannot be compared.
    """
    runs = read_runs(folders)
    members = group(runs)
    records = of_members(find_records(folders), members)
    try:
        out.mkdir(parents=True, exist_ok=True)
        sections = _estimated(members, anchors(runs), anchor, out) + _measured(records, anchor, out)
        if anchor and not any(s.anchor == anchor for s in sections):
            known = dict.fromkeys([m.curve for m in members] + [name for s in sections for name in s.curves])
            raise UserError(f"--anchor: no curve '{anchor}'; choices are: {', '.join(known)}")
        gathered = Gathered(out, members, sections, records)
        _write_members(gathered.rows(), out / "members.csv")
        _write_rates(sections, out / "bdrate.csv")
        write_pages(gathered)
    except OSError as error:
        raise UserError(f"--out: cannot write to {out}: {error.strerror or error}") from None
    return gathered


def _estimated(members: list[Member], recorded: dict[str, Curve], anchor: str | None, out: Path) -> list[Section]:
    sections = []
    names = list(dict.fromkeys(m.curve for m in members))
    for metric in METRICS:
        curves = {name: curve([m for m in members if m.curve == name], metric) for name in names}
        curves = {name: c for name, c in curves.items() if c.bpp}
        if not curves:
            continue
        dashed = set(recorded) if metric == "psnr" else set()
        curves |= recorded if metric == "psnr" else {}
        chosen = _anchor(curves, anchor)
        settings = {m.curve: m.setting for m in members}
        unlike = {n for n in settings if chosen in settings and settings[n] != settings[chosen]}
        rates = {}
        for name, own in curves.items():
            if name in unlike:
                rates[name] = (Delta(None, None, "validated on other clips than the anchor"),) * 2
            elif name != chosen:
                rates[name] = compare(own, curves[chosen])
        hollow = {n: [m.point for m in members if m.curve == n and m.run.state != "finished"] for n in names}
        section = Section("estimated", metric, chosen, curves, dashed, rates, out / f"rd-estimated-{metric}")
        plot_curves(
            curves, metric, "Estimated, on validation clips", section.plot, _styles(names, curves), dashed, hollow
        )
        sections.append(section)
    return sections


def _measured(records: list[Record], anchor: str | None, out: Path) -> list[Section]:
    sections = []
    names = list(dict.fromkeys(r.codec for r in records))
    for metric in METRICS:
        curves = {name: mean_curve(records, name, metric) for name in names}
        curves = {name: c for name, c in curves.items() if c.bpp}
        if not curves:
            continue
        chosen = _anchor(curves, anchor)
        found = {n: compare_records(records, n, chosen, metric, "akima") for n in curves if n != chosen}
        rates = {name: (c.headline, c.mean_gain) for name, c in found.items()}
        dashed = {r.codec for r in records if r.kind != "learned"}
        section = Section("measured", metric, chosen, curves, dashed, rates, out / f"rd-measured-{metric}")
        plot_curves(curves, metric, "Measured on bitstreams", section.plot, _styles(names, curves), dashed)
        sections.append(section)
    return sections


def _anchor(curves: dict[str, Curve], asked: str | None) -> str:
    if asked in curves:
        return asked
    return next((name for name, c in curves.items() if len(c.bpp) > 1), next(iter(curves)))


def _styles(names: Sequence[str], curves: dict[str, Curve]) -> dict[str, int]:
    """A curve's place in colours and markers, the same in every plot."""
    return {name: place for place, name in enumerate(dict.fromkeys([*names, *curves]))}


def _write_members(rows: list[dict[str, Any]], path: Path) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def _write_rates(sections: list[Section], path: Path) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["figures", "metric", "curve", "anchor", "bd_rate_percent", "bd_gain_db", "note"])
        for s in sections:
            for name, (rate, gain) in s.rates.items():
                writer.writerow([s.kind, s.metric, name, s.anchor, rate.value, gain.value, rate.note])
