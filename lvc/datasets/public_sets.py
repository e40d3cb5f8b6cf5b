"""The sequences that papers measure on: what a copy of a set should hold, and whether it does."""

import csv
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from lvc.errors import UserError

BVI_DVC = {"A": (3840, 2176), "B": (1920, 1088), "C": (960, 544), "D": (480, 272)}
"""Classes of BVI-DVC: each has the same 200 scenes, 64 frames of 10 bit each, as `A...`, `B...` and so on."""

_SCENES, _FRAMES = 200, 64

_SIZE = re.compile(r"(\d{2,5})x(\d{2,5})")


@dataclass(frozen=True)
class Expected:
    """A sequence of a set; what is ``None`` is not fixed by the set.

    Attributes:
        name: What its file or folder begins with.
        width: Columns.
        height: Rows.
        fps: Frames per second.
        frames: Frames of the whole sequence.
        depth: Bits per sample of its original.
    """

    name: str
    width: int
    height: int
    fps: int | None
    frames: int | None
    depth: int | None


@dataclass(frozen=True)
class Found:
    """What was found of a sequence.

    Attributes:
        name: The sequence.
        path: Its file or folder, ``None`` where there is none.
        problems: What is wrong with it, in words.
        facts: What it is, in words.
    """

    name: str
    path: Path | None
    problems: tuple[str, ...]
    facts: str = ""


@cache
def public_sets() -> dict[str, tuple[Expected, ...]]:
    """Sequences by set. BVI-DVC is known by its counts alone (:func:`check_set`)."""
    found: dict[str, list[Expected]] = {}
    with (files("lvc.datasets") / "public_sets.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            numbers = {k: int(row[k]) if row[k] else None for k in ("width", "height", "fps", "frames", "depth")}
            found.setdefault(row["set"], []).append(Expected(row["sequence"], **numbers))
    return {name: tuple(members) for name, members in found.items()}


def set_names() -> list[str]:
    """Names of all sets that can be checked."""
    return [*public_sets(), "bvi_dvc"]


def check_set(name: str, folder: Path) -> list[Found]:
    """Compare a folder with a set.

    Raises:
        UserError: For a set that is not known, or a folder that is not there.
    """
    if name not in set_names():
        raise UserError(f"'{name}' is no set; choices are: {', '.join(set_names())}")
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder")
    entries = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    if name == "bvi_dvc":
        return _check_bvi_dvc(entries)
    return [_check(expected, entries) for expected in public_sets()[name]]


def _check(expected: Expected, entries: list[Path]) -> Found:
    pattern = re.compile(rf"{re.escape(expected.name)}(?![A-Za-z0-9])", re.IGNORECASE)
    own = [path for path in entries if pattern.match(path.stem)]
    if not own:
        return Found(expected.name, None, (f"missing: nothing begins with {expected.name}",))
    if len(own) > 1:
        return Found(expected.name, own[0], (f"there twice: {', '.join(path.name for path in own)}",))
    problems, facts = _raw(own[0], expected) if own[0].suffix.lower() == ".yuv" else _video(own[0], expected)
    return Found(expected.name, own[0], tuple(problems), facts)


def _raw(path: Path, expected: Expected) -> tuple[list[str], str]:
    """A raw file has no head: its size says whether all frames are there, in 4:2:0."""
    named = _SIZE.search(path.name)
    width, height = (int(named[1]), int(named[2])) if named else (expected.width, expected.height)
    deep = expected.depth is not None and expected.depth > 8
    deep = "10bit" in path.name.lower() or (deep and "8bit" not in path.name.lower())
    frame = width * height * 3 // 2 * (2 if deep else 1)
    count, rest = divmod(path.stat().st_size, frame)
    problems = _unlike(expected, width, height, count)
    if rest:
        depth = "10" if deep else "8"
        problems.append(
            f"{path.stat().st_size} bytes are no whole number of {width}x{height} frames of {depth} bit 4:2:0"
        )
    return problems, f"raw, {width}x{height}, {count} frames"


def _video(path: Path, expected: Expected) -> tuple[list[str], str]:
    from lvc.datasets.video import open_video

    try:
        video = open_video(path)
        info, count = video.info, video.count()
    except UserError as error:
        return [str(error)], ""
    problems = _unlike(expected, info.width, info.height, count)
    if expected.fps and path.is_file() and abs(float(info.fps) - expected.fps) > 0.5:
        problems.append(f"{float(info.fps):g} frames per second, {expected.fps} are expected")
    return problems, f"{info.width}x{info.height}, {count} frames"


def _unlike(expected: Expected, width: int, height: int, count: int) -> list[str]:
    problems = []
    if (width, height) != (expected.width, expected.height):
        problems.append(f"{width}x{height}, {expected.width}x{expected.height} is expected")
    if expected.frames and count < expected.frames:
        problems.append(f"{count} frames, {expected.frames} are expected")
    return problems


def _check_bvi_dvc(entries: list[Path]) -> list[Found]:
    found = []
    for letter, (width, height) in BVI_DVC.items():
        own = [path for path in entries if path.name.startswith(letter) and f"{width}x{height}" in path.name]
        problems = [] if len(own) == _SCENES else [f"{len(own)} sequences, {_SCENES} are expected"]
        short = [(p, n) for p, n in ((p, _raw_frames(p, width, height)) for p in own) if n is not None and n < _FRAMES]
        if short:
            problems.append(f"{short[0][0].name} has {short[0][1]} frames, {_FRAMES} are expected")
        facts = f"{width}x{height}, {len(own)} sequences"
        found.append(Found(f"class {letter}", own[0].parent if own else None, tuple(problems), facts))
    return found


def _raw_frames(path: Path, width: int, height: int) -> int | None:
    """Frames of a raw 10-bit file; of other files nothing is said, for opening 800 would take minutes."""
    return path.stat().st_size // (width * height * 3) if path.suffix.lower() == ".yuv" else None
