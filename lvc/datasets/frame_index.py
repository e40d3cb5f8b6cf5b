"""Which frames a video file has and when each is shown, from its packets: what containers declare is often wrong."""

import json
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np

from lvc.datasets.colour import tagged_matrix
from lvc.datasets.cut_files import is_cut
from lvc.datasets.orientation import shown_size

CUT_ANYWHERE = {"h264", "hevc", "m4v", "mpeg", "mpegts", "mpegvideo", "obu"}
"""Streams that may begin between key frames, or have packets that are no whole frames."""

_TRUSTED = Fraction(1, 50)
"""Share by which a declared frame rate may miss the measured one, which is rounded to the container's ticks."""


@dataclass(frozen=True)
class Key:
    """A packet that decoding can begin with.

    Attributes:
        pts: When its frame is shown, in ticks of the stream.
        dts: When it is decoded; ``None`` where the container does not tell.
        size: Bytes, by which it is known again after a seek.
    """

    pts: int
    dts: int | None
    size: int


@dataclass(frozen=True, eq=False)
class FrameIndex:
    """The frames of a video file.

    Attributes:
        count: Number of frames that are shown.
        times: When each is shown, in ticks of the stream, ascending; ``None`` where frames have no time of their own.
        keys: Key frames, in ascending order of their times; none where frames have no times.
        width: Columns, as shown.
        height: Rows, as shown.
        fps: Frames per second, on average.
        matrix: YUV to RGB matrix that the first frame is tagged with, else ``None``.
        cut: Whether bytes are missing, so that there were more frames.
    """

    count: int
    times: np.ndarray | None
    keys: list[Key]
    width: int
    height: int
    fps: Fraction
    matrix: str | None
    cut: bool = False

    def before(self, frame: int) -> Iterator[Key]:
        """Key frames to decode ``frame`` from: the nearest, then ever further back (1, 2, 4, ... key frames)."""
        place = int(np.searchsorted([key.pts for key in self.keys], self.times[frame], "right")) - 1
        back = 0
        while place - back > 0:  # from the first, a seek saves nothing
            yield self.keys[place - back]
            back = 2 * back or 1

    def number(self, pts: int | None) -> int | None:
        """Which frame is shown at a time; ``None`` when there is none."""
        if pts is None:
            return None
        place = int(np.searchsorted(self.times, pts))
        return place if place < self.count and self.times[place] == pts else None

    def to_bytes(self) -> bytes:
        """The index for :meth:`from_bytes`; times are kept as differences, which are mostly the same."""
        times = None if self.times is None else [int(self.times[0]), *np.diff(self.times).tolist()]
        keys = [[key.pts, key.dts, key.size] for key in self.keys]
        fields = [self.count, times, keys, self.width, self.height, str(self.fps), self.matrix, self.cut]
        return zlib.compress(json.dumps(fields, separators=(",", ":")).encode())

    @staticmethod
    def from_bytes(data: bytes) -> "FrameIndex":
        """The index that :meth:`to_bytes` packed."""
        count, times, keys, width, height, fps, *rest = json.loads(zlib.decompress(data))
        times = None if times is None else np.cumsum(times, dtype=np.int64)
        return FrameIndex(count, times, [Key(*key) for key in keys], width, height, Fraction(fps), *rest)


def scan(path: Path, container: av.container.InputContainer) -> tuple[FrameIndex, av.VideoFrame] | None:
    """The index of a file, from all its packets, and its first frame; only that is decoded.

    Args:
        path: The file.
        container: It, just opened, for a decoder that conceals nothing.

    Returns:
        ``None`` when no frame can be decoded.
    """
    stream = container.streams.best("video")
    hides = stream.codec_context.name == "vp8"
    first, times, keys, cut, read = None, [], [], False, 0
    try:
        for packet in decodable(container, stream):
            read = max(read, (packet.pos or 0) + packet.size)
            cut = cut or packet.is_corrupt
            if packet.size and not packet.is_discard and not (hides and _is_hidden_vp8(packet)):
                times.append(packet.pts)
                if packet.is_keyframe:
                    keys.append(Key(packet.pts, packet.dts, packet.size))
            if first is None:
                first = next(iter(packet.decode()), None)
    except av.error.FFmpegError:
        cut = True
    if first is None:
        return None
    known = first.pts is not None and None not in times
    # what is shown before the first decoded frame refers to what is not there
    times = sorted(pts for pts in times if pts >= first.pts) if known else times
    keys = [key for key in keys if key.pts >= first.pts] if known else []
    return index_of(times, keys, stream, first, cut or is_cut(path, container, read)), first


def decodable(container: av.container.InputContainer, stream: av.VideoStream) -> Iterator[av.Packet]:
    """Packets, from the first key frame on where a stream may begin anywhere."""
    begun = container.format.name not in CUT_ANYWHERE
    for packet in container.demux(stream):
        begun = begun or packet.is_keyframe
        if begun:
            yield packet


def index_of(
    times: Iterable[int | None], keys: list[Key], stream: av.VideoStream, first: av.VideoFrame, cut: bool = False
) -> FrameIndex:
    """An index of frames shown at ``times``, which count only if all are known and each is later than the last."""
    times = list(times)
    known = bool(times) and None not in times and all(a < b for a, b in pairwise(times))
    array = np.array(times, np.int64) if known else None
    keys = sorted(keys, key=lambda key: key.pts) if known else []
    fps = _rate(array, stream)
    return FrameIndex(len(times), array, keys, *shown_size(first), fps, tagged_matrix(first), cut)


def _is_hidden_vp8(packet: av.Packet) -> bool:
    """Whether a packet only updates references (RFC 6386, 9.1): bit 4 of its first byte says that it is shown."""
    return not memoryview(packet)[0] & 0x10


def _rate(times: np.ndarray | None, stream: av.VideoStream) -> Fraction:
    """Declared frames per second, unless the frames' times say otherwise."""
    declared = stream.average_rate or stream.guessed_rate or Fraction(25)
    if times is None or len(times) < 2:
        return declared
    measured = (len(times) - 1) / (int(times[-1] - times[0]) * stream.time_base)
    return declared if abs(declared / measured - 1) <= _TRUSTED else measured.limit_denominator(1001)
