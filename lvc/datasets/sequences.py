"""Sequences to evaluate on: read lazily, as often as needed, and checked before anything is encoded."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np

from lvc.config.data import FolderConfig, SyntheticConfig, Vimeo90kConfig
from lvc.config.evaluate import ProtocolConfig
from lvc.datasets.planes import PlaneFormat
from lvc.errors import UserError

if TYPE_CHECKING:
    from lvc.datasets.sources import ClipSource
    from lvc.datasets.video_file import VideoFile


@dataclass(frozen=True)
class Sequence:
    """A video.

    Attributes:
        name: Unique in its data set.
        fps: Frames per second.
        matrix: YUV matrix (``bt601``, ``bt709``, ``bt2020``) that its RGB frames came from or go to.
        frames: Opens the video anew and yields ``(H, W, 3)`` uint8 RGB frames.
        decoded: Opens it anew and yields its frames as FFmpeg decodes them, where they have YUV planes.
        form: Format of those planes.
        left: Whether their chroma lies on the left column of each pair.
    """

    name: str
    fps: Fraction
    matrix: str
    frames: Callable[[], Iterator[np.ndarray]]
    decoded: Callable[[], Iterator[av.VideoFrame]] | None = None
    form: PlaneFormat | None = None
    left: bool = True


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

    def decoded(self) -> Iterator[av.VideoFrame]:
        """The frames as FFmpeg decodes them; only for sequences with a `form`."""
        return islice(self.sequence.decoded(), self.count)

    @property
    def form(self) -> PlaneFormat | None:
        """Format of the source's own planes, ``None`` where it has none but RGB."""
        return self.sequence.form

    def describe(self) -> dict[str, int | str]:
        """What a record says of its source."""
        return {
            "width": self.width,
            "height": self.height,
            "frames": self.count,
            "fps": str(self.sequence.fps),
            "matrix": self.sequence.matrix,
            "format": self.form.describe() if self.form else "rgb24",
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
    made = Sequence(name, reader.info.fps, reader.info.matrix, lambda: iter(reader))
    if path.is_dir():
        return made
    from lvc.datasets.planes import chroma_on_left, format_of
    from lvc.datasets.video_file import VideoFile

    video = VideoFile(path, matrix)
    first = next(_pictures(video))
    form = format_of(first, made.matrix)
    if form is None:
        return made
    return replace(made, decoded=lambda: _pictures(video), form=form, left=chroma_on_left(first, form))


def _pictures(video: "VideoFile") -> Iterator[av.VideoFrame]:
    return (frame for _, frame in video.decode())


def _clip(clips: "ClipSource", index: int) -> Sequence:
    """A clip of a set that says neither rate nor matrix, read frame by frame."""

    def frames() -> Iterator[np.ndarray]:
        for time in range(clips.length(index)):
            yield clips.read(index, time, 1)[0]

    return Sequence(clips.name(index), Fraction(25), "bt601", frames)
