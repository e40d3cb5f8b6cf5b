"""What a codec did with each frame: kind, temporal level, bits, and the resolution of its motion."""

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lvc.evaluation.records import Record

FRAME_COLUMNS = (
    *("sequence", "codec", "point", "frame", "kind", "level", "bits", "psnr", "psnr_8bit", "ms_ssim"),
    *("factor", "cost", "bits_factor_1", "cost_factor_1"),
)
"""What a table of frames holds. The last three are there where a search compared costs, lambda * MSE + bits per pixel:
the payload and the cost of the same frame with motion at its own resolution."""


@dataclass(frozen=True)
class FrameFacts:
    """One coded frame.

    Attributes:
        kind: As the codec's structure names it: ``I``, ``P``, ``B``, ...
        bits: Of its packet in the file, with the packet's head and checksum.
        level: Temporal level, 0 for frames that no others enclose; ``None`` where a codec does not say.
        factor: What the frame was made smaller by for its motion, where that was chosen.
        tried: Bits of the payload and cost (lambda * MSE + bits per pixel) by factor, where a search compared them.
    """

    kind: str
    bits: int
    level: int | None = None
    factor: int | None = None
    tried: dict[int, tuple[int, float]] = field(default_factory=dict)


def as_columns(frames: Mapping[int, FrameFacts]) -> dict[str, list[Any]]:
    """Facts by display index as columns in display order, as records hold them."""
    ordered = [frames[index] for index in sorted(frames)]
    return {
        "kind": [f.kind for f in ordered],
        "bits": [f.bits for f in ordered],
        "level": [f.level for f in ordered],
        "factor": [f.factor for f in ordered],
        "tried": [{str(factor): list(pair) for factor, pair in f.tried.items()} for f in ordered],
    }


@dataclass(frozen=True)
class Saving:
    """What a choice of resolution saved over a sequence, each frame compared on the references that it had.

    Attributes:
        frames: Frames whose cost at their own resolution is known.
        cheaper: Those that cost less than that.
        dearer: Those that cost more; none where costs were compared.
        bits: Bits written for them.
        bits_plain: Bits that they would have had at their own resolution.
    """

    frames: int
    cheaper: int
    dearer: int
    bits: int
    bits_plain: int


def saving(record: "Record") -> Saving | None:
    """What the resolutions of motion saved in a record, ``None`` where no search compared costs."""
    pairs = [
        (tried[str(factor)], tried["1"])
        for factor, tried in zip(*(record.per_frame.get(name, []) for name in ("factor", "tried")), strict=True)
        if "1" in tried
    ]
    if not pairs:
        return None
    return Saving(
        frames=len(pairs),
        cheaper=sum(taken[1] < plain[1] for taken, plain in pairs),
        dearer=sum(taken[1] > plain[1] for taken, plain in pairs),
        bits=sum(taken[0] for taken, _ in pairs),
        bits_plain=sum(plain[0] for _, plain in pairs),
    )


def frame_rows(records: Iterable["Record"]) -> Iterator[list[Any]]:
    """One row of :data:`FRAME_COLUMNS` per frame of every record, in display order."""
    names = ("kind", "level", "bits", "psnr", "psnr_8bit", "ms_ssim", "factor", "tried")
    for record in records:
        columns = [record.per_frame.get(name, []) for name in names]
        for index, (*values, factor, tried) in enumerate(zip_longest(*columns)):
            _, cost = (tried or {}).get(str(factor), (None, None))
            plain = (tried or {}).get("1", (None, None))
            yield [record.sequence, record.codec, record.point, index, *values, factor, cost, *plain]


def write_frames_csv(records: Iterable["Record"], path: Path) -> None:
    """Write :func:`frame_rows` with their head."""
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(FRAME_COLUMNS)
        writer.writerows(frame_rows(records))
