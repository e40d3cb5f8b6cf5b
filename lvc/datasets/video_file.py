"""A video file, decoded lazily; damage becomes a UserError after the frames before it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path

import av
import numpy as np
from av.video.frame import PictureType

from lvc.datasets import index_cache
from lvc.datasets.colour import SWSCALE, to_luma, to_rgb
from lvc.datasets.cut_files import is_cut
from lvc.datasets.frame_index import CUT_ANYWHERE, FrameIndex, Key, decodable, index_of, scan
from lvc.errors import UserError

SEEK_FROM = 32
"""Frame numbers from which seeking to a key frame is worth it."""

_TIMESTAMPS = ("pts", "dts")
"""By which containers find key frames: most by the first, transport streams by the second."""


@dataclass(frozen=True)
class VideoInfo:
    """Facts about a video.

    Attributes:
        width: Columns, as shown (after rotation).
        height: Rows, as shown.
        fps: Frames per second, on average.
        frames: Number of frames, ``None`` when only reading them would tell.
        matrix: YUV to RGB matrix: the file's tag where files can be written with it, else the reader's.
    """

    width: int
    height: int
    fps: Fraction
    frames: int | None
    matrix: str


class VideoFile:
    """The video stream of a file; the best one, where there are several.

    Args:
        path: Anything that FFmpeg demuxes.
        matrix: YUV to RGB matrix of untagged files.
        colour: What :meth:`frames` yields: ``rgb``, or ``luma`` as ``(H, W, 1)``.
    """

    def __init__(self, path: Path, matrix: str, colour: str = "rgb"):
        self.path, self.matrix, self.colour = path, matrix, colour

    @cached_property
    def index(self) -> FrameIndex:
        """Which frames there are, from the packets of the file; kept in the cache folder.

        Raises:
            UserError: When the file cannot be opened or not even its first frame decoded.
        """
        self._check_regular()
        return index_cache.find(self.path) or self._keep(self._scan())

    @property
    def info(self) -> VideoInfo:
        """Facts; see :attr:`index`."""
        index = self.index
        matrix = index.matrix if index.matrix in SWSCALE else self.matrix
        return VideoInfo(index.width, index.height, index.fps, index.count, matrix)

    def count(self) -> int:
        """Number of frames; see :attr:`index`.

        Raises:
            UserError: As for the index, and when the end of the file is missing.
        """
        if self.index.cut:
            with self._open() as container:
                raise self._damaged(container, self.index.count)
        return self.index.count

    def size(self) -> tuple[int, int]:
        """Height and width, as shown; see :attr:`index`."""
        return self.index.height, self.index.width

    def rate(self) -> tuple[Fraction, Fraction]:
        """Frames per second, and the width of a sample in units of its height."""
        with self._open() as container:
            return self.index.fps, container.streams.best("video").sample_aspect_ratio or Fraction(1)

    def frames(self, start: int = 0, count: int | None = None, step: int = 1) -> Iterator[np.ndarray]:
        """See :meth:`lvc.datasets.video.VideoReader.frames`."""
        last = None if count is None else start + (count - 1) * step
        index, convert = -1, to_luma if self.colour == "luma" else to_rgb
        for index, frame in self.decode(start):
            if (index - start) % step == 0:
                with self._named():
                    pixels = convert(frame, self.matrix)
                yield pixels
            if index == last:
                return
        if last is not None:
            raise UserError(f"{self.path}: has {index + 1} frames, and frame {last + 1} was asked for")

    def decode(self, start: int = 0) -> Iterator[tuple[int, av.VideoFrame]]:
        """Numbered frames from ``start`` to the end: the same ones, whether they are sought or read in passing.

        Raises:
            UserError: When the file cannot be opened; after the frames before, when it is damaged or cut short.
        """
        position = start
        for key, timestamp in self._starts(start):
            for number, frame in self._sought(key, timestamp):
                if number > position:
                    break
                if number == position:
                    yield number, frame
                    position += 1
            if position == self.index.count:
                return
        times = []
        for number, frame in enumerate(self._linear()):
            times.append(frame.pts)
            if number >= position:
                yield number, frame
        self._settle(times)

    def _starts(self, start: int) -> Iterator[tuple[Key, str]]:
        """Where decoding may begin to deliver frame ``start``, the nearest first; not every seek delivers."""
        if start >= SEEK_FROM and self.index.times is not None and start < self.index.count:
            for key in self.index.before(start):
                yield from ((key, timestamp) for timestamp in _TIMESTAMPS if getattr(key, timestamp) is not None)

    def _sought(self, key: Key, timestamp: str) -> Iterator[tuple[int, av.VideoFrame]]:
        """Numbered frames from a key frame on, as far as they are whole; none when the seek misses it."""
        found = begun = False
        with self._open() as container:
            stream = _stream(container)
            try:
                container.seek(getattr(key, timestamp), stream=stream)
                for packet in container.demux(stream):
                    found = found or (packet.pts, packet.size) == (key.pts, key.size)
                    if not found and packet.dts is not None and packet.dts > key.pts:
                        return
                    for frame in packet.decode() if found else ():
                        if not begun and frame.pts is not None and frame.pts >= key.pts:
                            if frame.pts != key.pts or not _stands_alone(frame):
                                return
                            begun = True
                        number = self.index.number(frame.pts)
                        if begun and number is not None and not frame.is_corrupt:
                            yield number, frame
            except av.error.FFmpegError:
                return  # what is wrong is found, and said, when the file is read from its start

    def _linear(self) -> Iterator[av.VideoFrame]:
        """All frames. What is damaged is not concealed."""
        good, read = 0, 0
        with self._open() as container:
            stream = _stream(container, strict=True)
            try:
                for packet in decodable(container, stream):
                    read = max(read, (packet.pos or 0) + packet.size)
                    if packet.is_corrupt:
                        raise self._damaged(container, good)
                    for frame in packet.decode():
                        good += 1
                        yield frame
            except av.error.FFmpegError:
                raise self._damaged(container, good) from None
            if not good or is_cut(self.path, container, read):
                raise self._damaged(container, good)

    def _scan(self) -> FrameIndex:
        with self._open() as container, self._named():
            stream = _stream(container, strict=True)
            found = scan(self.path, container)
            if found is None:
                raise self._damaged(container, 0)
            index, first = found
            if first.interlaced_frame and container.format.name in CUT_ANYWHERE:
                # there a field may have a packet of its own, so that only decoding tells
                return index_of((frame.pts for frame in self._linear()), [], stream, first)
            return index

    def _keep(self, index: FrameIndex) -> FrameIndex:
        index_cache.keep(self.path, index)
        return index

    def _settle(self, times: list[int | None]) -> None:
        """Correct the index where a decoder gave other frames of a whole file than its packets promised."""
        known = self.index.times
        if len(times) != self.index.count or (known is not None and times != known.tolist()):
            with self._open() as container:
                stream, first = container.streams.best("video"), next(self._linear())
                self.index = self._keep(index_of(times, self.index.keys, stream, first))

    def _open(self) -> av.container.InputContainer:
        self._check_regular()
        try:
            container = av.open(f"file:{self.path}")  # else what is before a colon would be a protocol
        except (av.error.FFmpegError, OSError) as error:
            reason = error.strerror or "unknown format"
            raise UserError(f"{self.path}: not a readable video ({reason[0].lower() + reason[1:]})") from None
        best = container.streams.best("video")
        if best is None or best.codec_context is None:
            container.close()
            raise UserError(f"{self.path}: has no video stream that can be decoded")
        return container

    def _check_regular(self) -> None:
        if not self.path.is_file():
            raise UserError(f"{self.path}: not a readable video (no regular file)")

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Put the file's name before what is wrong with a frame."""
        try:
            yield
        except UserError as error:
            raise UserError(f"{self.path}: {str(error).removeprefix(f'{self.path}: ')}") from None

    def _damaged(self, container: av.container.InputContainer, good: int) -> UserError:
        declared = _declared_frames(container)
        of = f" of {declared}" if declared > good else ""
        return UserError(f"{self.path}: damaged or cut short: {good}{of} frames could be read")


def _stream(container: av.container.InputContainer, strict: bool = False) -> av.VideoStream:
    """The video stream, about to be decoded; if strict, by a decoder that conceals no damage."""
    stream = container.streams.best("video")
    if strict:
        stream.codec_context.options = {"err_detect": "crccheck+explode"}
    stream.codec_context.thread_count = 1  # threads that decode slices swallow errors
    return stream


def _stands_alone(frame: av.VideoFrame) -> bool:
    """Whether a frame refers to no other. Containers are wrong about it, and intra refresh recovers only nearly."""
    return frame.key_frame and frame.pict_type not in (PictureType.P, PictureType.B)


def _declared_frames(container: av.container.InputContainer) -> int:
    """Frames that a container declares, 0 when it does not; a hint, good for a message only."""
    stream = container.streams.best("video")
    alone = len(container.streams) == 1 and container.duration and stream.average_rate
    return stream.frames or (round(Fraction(container.duration, av.time_base) * stream.average_rate) if alone else 0)
