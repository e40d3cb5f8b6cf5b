"""A y4m video from a pipe, which can be read once and from its start."""

import sys
from collections.abc import Iterator
from fractions import Fraction
from functools import cached_property
from itertools import chain
from pathlib import Path

import av
import numpy as np

from lvc.datasets.colour import SWSCALE, tagged_matrix, to_luma, to_rgb
from lvc.datasets.video_file import VideoInfo
from lvc.errors import UserError


def is_pipe(path: Path) -> bool:
    """Whether a path stands for standard input, or is a pipe by itself."""
    return str(path) == "-" or path.is_fifo()


class PipedVideo:
    """Frames of a y4m stream.

    Args:
        path: ``-`` for standard input, or a named pipe such as ``/dev/stdin``.
        matrix: YUV to RGB matrix, which y4m cannot tell.
        colour: ``rgb`` or ``luma``.
    """

    def __init__(self, path: Path, matrix: str, colour: str = "rgb"):
        self.path, self.matrix, self.colour = path, matrix, colour
        self._begun = False

    @cached_property
    def info(self) -> VideoInfo:
        """Facts, from the stream's head and its first frame; how many frames will come is not known."""
        first, rate = self._first
        tag = tagged_matrix(first)
        matrix = tag if tag in SWSCALE else self.matrix
        return VideoInfo(first.width, first.height, Fraction(rate or 25), None, matrix)

    def frames(self, start: int = 0, count: int | None = None, step: int = 1) -> Iterator[np.ndarray]:
        """See :meth:`lvc.datasets.video.VideoReader.frames`; only once, and all of them.

        Raises:
            UserError: When it is asked for again, or breaks off.
        """
        if self._begun or start or step != 1:
            raise UserError(f"{self.path}: a pipe can be read only once, from its start; write it to a file first")
        self._begun = True
        convert = to_luma if self.colour == "luma" else to_rgb
        for number, frame in enumerate(chain([self._first[0]], self._decoded)):
            if number == count:
                return
            yield convert(frame, self.matrix)

    def count(self) -> int:
        """Refused: nothing tells.

        Raises:
            UserError: Always.
        """
        raise UserError(f"{self.path}: a pipe does not tell its length, which is needed here; write it to a file first")

    @cached_property
    def _first(self) -> tuple[av.VideoFrame, Fraction | None]:
        frame = next(self._decoded, None)
        if frame is None:
            raise UserError(f"{self.path}: the pipe holds no y4m video")
        return frame, self._container.streams.video[0].average_rate

    @cached_property
    def _container(self) -> av.container.InputContainer:
        source = sys.stdin.buffer if str(self.path) == "-" else f"file:{self.path}"
        try:
            return av.open(source, format="yuv4mpegpipe")
        except (av.error.FFmpegError, OSError, EOFError):
            raise UserError(f"{self.path}: the pipe holds no y4m video") from None

    @cached_property
    def _decoded(self) -> Iterator[av.VideoFrame]:
        return self._container.decode(self._container.streams.video[0])
