"""A video file, decoded lazily; damage becomes a UserError after the frames before it."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path

import av
import numpy as np

from lvc.datasets.colour import matrix_of, to_luma, to_rgb
from lvc.errors import UserError

SEEK_FROM = 32
"""Frame numbers from which seeking to a key frame is worth it."""

_Y4M_MARKER = 6  # bytes of "FRAME\n"


@dataclass(frozen=True)
class VideoInfo:
    """Facts about a video.

    Attributes:
        width: Columns, as shown (after rotation).
        height: Rows, as shown.
        fps: Frames per second.
        frames: Number of frames as far as the container tells without decoding, else ``None``.
        matrix: YUV to RGB matrix: the file's own tag, else the one the reader was given.
    """

    width: int
    height: int
    fps: Fraction
    frames: int | None
    matrix: str


class VideoFile:
    """The first video stream of a file.

    Args:
        path: Anything that FFmpeg demuxes.
        matrix: YUV to RGB matrix of untagged files.
        colour: What :meth:`frames` yields: ``rgb``, or ``luma`` as ``(H, W, 1)``.
    """

    def __init__(self, path: Path, matrix: str, colour: str = "rgb"):
        self.path, self.matrix, self.colour = path, matrix, colour

    @cached_property
    def info(self) -> VideoInfo:
        """Facts, from the container and the first frame.

        Raises:
            UserError: When the file cannot be opened or not even its first frame decoded.
        """
        with self._open() as container:
            declared = _declared_frames(container)
        _, frame = next(self.decode())
        turned = round(frame.rotation / 90) % 2
        width, height = (frame.height, frame.width) if turned else (frame.width, frame.height)
        return VideoInfo(width, height, self.rate()[0], declared, matrix_of(frame, self.matrix))

    def count(self) -> int:
        """Number of frames: what the container declares, else packets counted without decoding them."""
        with self._open() as container:
            declared = _declared_frames(container)
            return declared or sum(1 for packet in container.demux(video=0) if packet.size)

    def rate(self) -> tuple[Fraction, Fraction]:
        """Frames per second, and the width of a sample in units of its height."""
        with self._open() as container:
            stream = container.streams.video[0]
            rate = stream.average_rate or stream.guessed_rate
            return rate or Fraction(25), stream.sample_aspect_ratio or Fraction(1)

    def frames(self, start: int = 0, count: int | None = None, step: int = 1) -> Iterator[np.ndarray]:
        """See :meth:`lvc.datasets.video.VideoReader.frames`."""
        last = None if count is None else start + (count - 1) * step
        index, convert = -1, to_luma if self.colour == "luma" else to_rgb
        for index, frame in self._from(start):
            if index >= start and (index - start) % step == 0:
                yield convert(frame, self.matrix)
            if index == last:
                return
        if last is not None:
            raise UserError(f"{self.path}: has {index + 1} frames, and frame {last + 1} was asked for")

    def _from(self, start: int) -> Iterator[tuple[int, av.VideoFrame]]:
        """Numbered frames, beginning at or before ``start``."""
        if start >= SEEK_FROM:
            sought = self.decode(start)
            first = next(sought, None)
            # Seeking may land behind the frame (open groups of pictures); then read from the beginning.
            if first is not None and first[0] <= start:
                yield first
                yield from sought
                return
        yield from self.decode()

    def decode(self, seek: int = 0) -> Iterator[tuple[int, av.VideoFrame]]:
        """Numbered frames as they are decoded, from the key frame at or before frame ``seek`` to the end.

        Raises:
            UserError: When the file cannot be opened; after the frames before, when it is damaged or cut short.
        """
        index, last, bytes_read = -1, None, 0
        with self._open() as container:
            stream = container.streams.video[0]
            rate, base, origin = stream.average_rate, stream.time_base, stream.start_time or 0
            seeks = bool(seek and rate)
            stream.codec_context.thread_count = 1  # threads that decode slices swallow errors
            try:
                if seeks:
                    container.seek(origin + int(seek / rate / base), stream=stream)
                else:
                    # Decoders would otherwise conceal damage. After a seek, missing references are no damage.
                    stream.codec_context.options = {"err_detect": "crccheck+explode"}
                for packet in container.demux(stream):
                    bytes_read = max(bytes_read, (packet.pos or 0) + packet.size)
                    for frame in packet.decode():
                        if seeks and last is None and frame.pts is not None:
                            index = round((frame.pts - origin) * base * rate) - 1
                        index, last = index + 1, frame
                        yield index, frame
            except av.error.FFmpegError:
                raise self._damaged(container, index + 1) from None
            if last is None or _ends_early(container, last) or self._has_half_frame(container, bytes_read):
                raise self._damaged(container, index + 1)

    def _open(self) -> av.container.InputContainer:
        try:
            container = av.open(str(self.path))
        except (av.error.FFmpegError, OSError) as error:
            reason = error.strerror or "unknown format"
            raise UserError(f"{self.path}: not a readable video ({reason[0].lower() + reason[1:]})") from None
        if not container.streams.video:
            container.close()
            raise UserError(f"{self.path}: has no video stream")
        return container

    def _damaged(self, container: av.container.InputContainer, good: int) -> UserError:
        declared = _declared_frames(container)
        of = f" of {declared}" if declared and declared > good else ""
        return UserError(f"{self.path}: damaged or cut short: {good}{of} frames could be read")

    def _has_half_frame(self, container: av.container.InputContainer, bytes_read: int) -> bool:
        """Whether bytes are left behind the last frame of a y4m file, whose demuxer drops them silently."""
        is_y4m = container.format.name == "yuv4mpegpipe"
        return is_y4m and self.path.stat().st_size > bytes_read + _Y4M_MARKER


def _declared_seconds(container: av.container.InputContainer) -> Fraction | None:
    """Length of the video stream as the container declares it."""
    stream = container.streams.video[0]
    if stream.duration:
        return stream.duration * stream.time_base
    tag = stream.metadata.get("DURATION", "")  # Matroska, per stream: 00:00:01.640000000
    if tag.count(":") == 2:
        hours, minutes, seconds = tag.split(":")
        return int(hours) * 3600 + int(minutes) * 60 + Fraction(seconds)
    alone = len(container.streams) == 1
    return Fraction(container.duration, av.time_base) if alone and container.duration else None


def _declared_frames(container: av.container.InputContainer) -> int | None:
    stream = container.streams.video[0]
    seconds, rate = _declared_seconds(container), stream.average_rate
    return stream.frames or (round(seconds * rate) if seconds and rate else None)


def _ends_early(container: av.container.InputContainer, last: av.VideoFrame) -> bool:
    """Whether the last frame ends more than 3/4 of a frame before the declared end.

    Times are compared, not counts: edit lists and variable frame rates make counts differ in sound files.
    """
    stream = container.streams.video[0]
    seconds, rate = _declared_seconds(container), stream.average_rate
    if not seconds or not rate or last.pts is None:
        return False
    shown = max((last.duration or 0) * stream.time_base, 1 / rate)
    end = (last.pts - (stream.start_time or 0)) * stream.time_base + shown
    return seconds - end > Fraction(3, 4) / rate
