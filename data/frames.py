"""The frames of a source as they go into clips: right way up, 8-bit RGB, scaled and cropped, one at a time."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from pathlib import Path

import av
import numpy as np

from lvc.datasets.colour import to_rgb
from lvc.datasets.orientation import orientation, shown_size
from lvc.datasets.png import FPS, PngFrames
from lvc.datasets.video_file import VideoFile
from lvc.errors import UserError

_HDR = {16: "PQ", 18: "HLG"}
"""Transfer characteristics (ITU-T H.273) that have no one right conversion to 8 bits."""


class LeftOut(UserError):
    """A source that no clip may come from.

    Attributes:
        reason: One or two words, the same for all of a kind.
    """

    def __init__(self, reason: str, detail: str):
        super().__init__(detail)
        self.reason = reason


@dataclass(frozen=True)
class Frame:
    """A frame of a clip to be.

    Attributes:
        image: uint8 ``(height, width, 3)`` RGB.
        seconds: When it is shown, from the first frame of its source on.
    """

    image: np.ndarray
    seconds: float


class SourceFrames:
    """Frames of a source, decoded one after the other. Memory does not grow with the length.

    Args:
        path: Video file or folder of PNG frames.
        size: Width and height of a frame.
        matrix: YUV to RGB matrix of untagged files.
        max_upscale: Largest allowed enlargement.

    Attributes:
        facts: What the source is, after the first frame: ``width``, ``height`` (as shown), ``fps``, ``pixels``.
    """

    def __init__(self, path: Path, size: tuple[int, int], matrix: str, max_upscale: float):
        self.path, self.size, self.matrix, self.max_upscale = path, size, matrix, max_upscale
        self.facts: dict[str, object] = {}

    @property
    def fps(self) -> Fraction:
        """Frames per second, after the first frame."""
        return Fraction(str(self.facts["fps"]))

    def __iter__(self) -> Iterator[Frame]:
        """Yield every frame, in the order of the file; none is invented or dropped where the frame rate varies.

        Raises:
            LeftOut: When the source is interlaced, HDR or too small.
            UserError: When it is unreadable, or damaged behind the frames before.
        """
        shape, start = None, None
        for index, (frame, fps, aspect) in enumerate(self._decoded()):
            if shape is None:
                shape = shown_size(frame)
                self._examine(frame, fps, aspect)
            if shown_size(frame) != shape:
                raise UserError(f"{self.path}: frames change their size after frame {index}")
            if frame.interlaced_frame:
                raise LeftOut("interlaced", "deinterlace it first, for example with FFmpeg's bwdif filter")
            seconds = float(frame.time) if frame.time is not None else index / float(fps)
            start = seconds if start is None else start
            yield Frame(self._fit(frame, aspect), seconds - start)
        if shape is None:
            raise UserError(f"{self.path}: has no frames")

    def _decoded(self) -> Iterator[tuple[av.VideoFrame, Fraction, Fraction]]:
        """Frames with the source's rate and the aspect ratio of its samples."""
        if self.path.is_dir():
            for number, image in enumerate(PngFrames(self.path, self.matrix).frames()):
                frame = av.VideoFrame.from_ndarray(image, format="rgb24")
                frame.pts, frame.time_base = number, 1 / FPS
                yield frame, FPS, Fraction(1)
            return
        video = VideoFile(self.path, self.matrix)
        fps, aspect = video.rate()
        for _, frame in video.decode():
            yield frame, fps, aspect

    def _examine(self, frame: av.VideoFrame, fps: Fraction, aspect: Fraction) -> None:
        turned = orientation(frame)[0]
        width, height = round(frame.width * aspect), frame.height
        width, height = (height, width) if turned else (width, height)
        rate = fps.limit_denominator(1001)
        self.facts = {"width": width, "height": height, "fps": str(rate), "pixels": frame.format.name}
        if name := _HDR.get(int(frame.color_trc)):
            raise LeftOut("HDR", f"has HDR transfer {name}, which has no one right conversion; tone-map it first")
        needed = max(self.size[0] / width, self.size[1] / height)
        if needed > self.max_upscale:
            what = f"{width}x{height} would be enlarged {needed:.2f} times for clips of {self.size[0]}x{self.size[1]}"
            raise LeftOut("too small", f"{what}; max_upscale={ceil(needed * 100) / 100:g} would allow it")

    def _fit(self, frame: av.VideoFrame, aspect: Fraction) -> np.ndarray:
        """Scale the frame to cover the size, turn it, cut out the middle."""
        width, height = self.size
        turned = orientation(frame)[0]
        w, h = (height, width) if turned else (width, height)
        shown = frame.width * aspect
        scale = max(w / shown, h / frame.height)
        scaled = max(w, round(shown * scale)), max(h, round(frame.height * scale))
        image = to_rgb(frame, self.matrix, scaled)
        top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
        return np.ascontiguousarray(image[top : top + height, left : left + width])
