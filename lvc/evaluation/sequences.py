"""Sequences to evaluate on: read lazily, as often as needed, and checked before anything is encoded."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lvc.config.data import FolderConfig, SyntheticConfig, Vimeo90kConfig
from lvc.config.evaluate import ProtocolConfig
from lvc.errors import UserError

if TYPE_CHECKING:
    from lvc.datasets.sources import ClipSource


@dataclass(frozen=True)
class Sequence:
    """A video.

    Attributes:
        name: Unique in its data set.
        fps: Frames per second.
        matrix: YUV matrix (``bt601``, ``bt709``, ``bt2020``) that its RGB frames came from or go to.
        frames: Opens the video anew and yields ``(H, W, 3)`` uint8 RGB frames.
    """

    name: str
    fps: Fraction
    matrix: str
    frames: Callable[[], Iterator[np.ndarray]]


@dataclass(frozen=True)
class Source:
    """The part of a sequence that a protocol codes, and what identifies it.

    Attributes:
        sequence: Where the frames come from.
        count: Frames coded.
        width: Columns.
        height: Rows.
        digest: Of all coded frames' pixels.
    """

    sequence: Sequence
    count: int
    width: int
    height: int
    digest: str

    @property
    def name(self) -> str:
        """The sequence's name."""
        return self.sequence.name

    def frames(self) -> Iterator[np.ndarray]:
        """``(H, W, 3)`` uint8 frames, from the first."""
        return islice(self.sequence.frames(), self.count)

    def describe(self) -> dict[str, int | str]:
        """What a record says of its source."""
        return {
            "width": self.width,
            "height": self.height,
            "frames": self.count,
            "fps": str(self.sequence.fps),
            "matrix": self.sequence.matrix,
            "digest": self.digest,
        }


def check(sequence: Sequence, protocol: ProtocolConfig) -> Source:
    """Read a sequence once, as far as the protocol codes it, and identify it.

    Raises:
        UserError: When it cannot be read, changes its size, or is shorter than the protocol asks.
    """
    digest, count, shape = hashlib.blake2b(digest_size=16), 0, None
    for frame in islice(sequence.frames(), protocol.frames):
        if shape not in (None, frame.shape):
            raise UserError(f"{sequence.name}: frame {count} changes the size to {frame.shape[1::-1]}")
        shape, count = frame.shape, count + 1
        digest.update(np.ascontiguousarray(frame))
    if not count:
        raise UserError(f"{sequence.name}: has no frames")
    if protocol.frames is not None and count < protocol.frames and protocol.short == "refuse":
        raise UserError(
            f"{sequence.name}: has {count} frames and protocol.frames is {protocol.frames}; "
            f"protocol.short=use takes what there is, protocol.frames=null takes every sequence whole"
        )
    return Source(sequence, count, shape[1], shape[0], digest.hexdigest())


def open_sequences(config: FolderConfig | Vimeo90kConfig | SyntheticConfig) -> list[Sequence]:
    """The sequences of a data set, in its order.

    Raises:
        UserError: When its folder is missing or empty, or a video cannot be opened.
    """
    from lvc.datasets.sources import open_source

    clips = open_source(config)
    if isinstance(config, FolderConfig):
        return [_video(clips.name(i), path, config.matrix) for i, path in enumerate(clips.clips)]
    return [_clip(clips, i) for i in range(len(clips))]


def _video(name: str, path: Path, matrix: str) -> Sequence:
    from lvc.datasets.video import VideoReader

    reader = VideoReader(path, matrix)
    return Sequence(name, reader.info.fps, reader.info.matrix, lambda: iter(reader))


def _clip(clips: "ClipSource", index: int) -> Sequence:
    """A clip of a set that says neither rate nor matrix, read frame by frame."""

    def frames() -> Iterator[np.ndarray]:
        for time in range(clips.length(index)):
            yield clips.read(index, time, 1)[0]

    return Sequence(clips.name(index), Fraction(25), "bt601", frames)
