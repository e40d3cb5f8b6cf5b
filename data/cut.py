"""One source: its clips on disk, and a record of everything that was found."""

import base64
import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from data.frames import Frame, LeftOut, SourceFrames
from data.measure import hashes, measure, reason
from data.options import BuildOptions
from data.shots import Clip, ClipCutter, shots
from data.sources import Source
from lvc.datasets.video_writer import VideoWriter
from lvc.errors import UserError
from lvc.files import replacing

PICTURES = 4
"""Small pictures kept per source and reason, for the report."""


def cut_source(source: Source, options: BuildOptions, pool: Path, record: Path) -> dict[str, Any]:
    """Cut a source into clips below ``pool``, then write its ``record``: what is recorded is on disk.

    What is wrong with the source is recorded, never raised.

    Raises:
        UserError: When clips or record cannot be written.
    """
    cv2.setNumThreads(1)
    frames = SourceFrames(source.path, options.dimensions, options.matrix, options.max_upscale)
    cutter, trouble = ClipCutter(options), {"reason": "", "detail": ""}
    clips, pictures = [], Counter()
    found = shots(_readable(frames, trouble), options.cut_ratio, options.cut_change)
    for clip in cutter.cut(found):
        if options.clips_per_source is not None and sum(not c["reason"] for c in clips) == options.clips_per_source:
            break
        clips.append(_examined(clip, options, pictures))
        if not clips[-1]["reason"]:
            clips[-1] |= _written(clip, pool, f"{source.stem}_{clip.first:06d}", frames, options)
    left_out = trouble["reason"] not in ("", "damaged")
    facts = {
        "source": source.name,
        **stamp(source.path),
        "sha256": digest(source.path),
        **trouble,
        **frames.facts,
        "frames": cutter.frames,
        "shots": cutter.shots,
        "short": [] if left_out else cutter.short,
        "clips": [] if left_out else clips,
    }
    write_record(record, facts)
    return facts


def _readable(frames: Iterable[Frame], trouble: dict[str, str]) -> Iterator[Frame]:
    """The frames up to where a source cannot be read any further, and why, put into ``trouble``."""
    read = False
    try:
        for frame in frames:
            read = True
            yield frame
    except LeftOut as error:
        trouble |= {"reason": error.reason, "detail": str(error)}
    except (UserError, av.error.FFmpegError, ValueError, OSError) as error:
        trouble |= {"reason": "damaged" if read else "unreadable", "detail": re.sub(r"^.*?: ", "", str(error))}


def _examined(clip: Clip, options: BuildOptions, pictures: Counter) -> dict[str, Any]:
    figures = measure(clip)
    why = reason(figures, options)
    pictures[why] += 1
    return {
        "shot": clip.shot,
        "first": clip.first,
        "seconds": [round(clip.frames[i].seconds, 4) for i in (0, -1)],
        "reason": why,
        **asdict(figures),
        "hashes": [f"{h:016x}" for h in hashes(clip)],
        "picture": _picture(clip.frames[len(clip.frames) // 2].image) if pictures[why] <= PICTURES else "",
    }


def _written(clip: Clip, pool: Path, stem: str, frames: SourceFrames, options: BuildOptions) -> dict[str, str]:
    name = stem if options.format == "png" else f"{stem}.{options.format}"
    width, height = options.dimensions
    if options.format == "png":
        (pool / name).mkdir(exist_ok=True)  # a name with dots in it would be taken for that of a file
    with VideoWriter(pool / name, (height, width), frames.fps, "bt709") as writer:
        for frame in clip.frames:
            writer.write(frame.image)
    return {"file": name, "clip_sha256": digest(pool / name)}


def _picture(image: np.ndarray) -> str:
    """A small JPEG as text."""
    small = cv2.resize(image, (160, max(round(160 * image.shape[0] / image.shape[1]), 1)), interpolation=cv2.INTER_AREA)
    _, data = cv2.imencode(".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 75])
    return base64.b64encode(data.tobytes()).decode()


def write_record(path: Path, found: dict[str, Any]) -> None:
    """Write what was found of a source.

    Raises:
        UserError: When the disk refuses.
    """
    with replacing(path) as part:
        part.write_text(json.dumps(found))


def stamp(path: Path) -> dict[str, int]:
    """Size in bytes and time of last change, of a folder its files' sum and latest."""
    facts = [entry.stat() for entry in _files(path)]
    return {"bytes": sum(f.st_size for f in facts), "changed": max((f.st_mtime_ns for f in facts), default=0)}


def digest(path: Path) -> str:
    """SHA-256 of a file, or of a folder's files one after the other; empty if they cannot be read."""
    total = hashlib.sha256()
    try:
        for entry in _files(path):
            with open(entry, "rb") as file:
                while block := file.read(1 << 20):
                    total.update(block)
    except OSError:
        return ""
    return total.hexdigest()


def _files(path: Path) -> list[Path]:
    return sorted(p for p in path.iterdir() if p.is_file()) if path.is_dir() else [path]
