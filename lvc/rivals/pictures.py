"""What a rival codes, and what comes back: planes as they are, or made from RGB and turned back."""

from collections.abc import Iterator
from dataclasses import dataclass

import av
import numpy as np
from av.video.reformatter import ColorRange, Interpolation
from torch import Tensor

from lvc.datasets.colour import SWSCALE
from lvc.datasets.frames import to_tensor
from lvc.datasets.planes import (
    PlaneFormat,
    Planes,
    at_depth,
    cropped,
    even,
    frame_of,
    planes_from,
    planes_of,
    rgb_of,
)
from lvc.datasets.sequences import Source

SCALER = ("BICUBIC", "FULL_CHR_H_INT", "FULL_CHR_H_INP", "ACCURATE_RND", "BITEXACT")
"""swscale's flags between RGB and planes, in both directions: full chroma resolution inside, exact rounding."""

_FLAGS = sum(Interpolation[name] for name in SCALER)


@dataclass(frozen=True)
class Pictures:
    """A source as a rival sees it.

    Attributes:
        source: What is coded.
        form: The format that the rival codes.
        own: Whether those are the source's own planes; otherwise they are made from RGB.
    """

    source: Source
    form: PlaneFormat
    own: bool

    @staticmethod
    def of(source: Source, pixels: str | None) -> "Pictures":
        """The source's own planes where ``pixels`` is ``None`` and it has some; otherwise planes made from RGB."""
        if pixels is None and source.form:
            return Pictures(source, source.form, own=True)
        return Pictures(source, PlaneFormat(pixels or "yuv420p", source.sequence.matrix), own=False)

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns coded: the source's, made whole for subsampled chroma."""
        rows, columns = self.form.sampling()
        return self.source.height + -self.source.height % rows, self.source.width + -self.source.width % columns

    def planes(self) -> Iterator[Planes]:
        """What is coded, frame by frame."""
        if self.own:
            for frame in self.source.decoded():
                yield even(planes_of(frame), self.form.sampling())
        else:
            for rgb in self.source.frames():
                yield self._from_rgb(rgb)

    def back(self, decoded: Iterator[Planes], depth: int) -> Iterator[tuple[Tensor, Planes | None]]:
        """Decoded planes as ``(1, 3, H, W)`` RGB, and as planes of the source's format where it has one.

        Args:
            decoded: Planes of the coded size.
            depth: Their bits per sample; what has more than the source is rounded to it.
        """
        originals = self.source.decoded() if self.own else None
        for planes in decoded:
            planes = at_depth(planes, depth, self.form.depth)
            if not self.own:
                rgb = to_tensor(self._to_rgb(planes))
                yield rgb, planes_from(rgb, self.source.form, self.source.sequence.left) if self.source.form else None
                continue
            planes = cropped(planes, self.source.height, self.source.width)
            like = next(originals, None)
            if like is None:
                return  # more frames than were coded: the comparison says so
            yield to_tensor(rgb_of(planes, like, self.form.matrix)), planes

    def _from_rgb(self, rgb: np.ndarray) -> Planes:
        height, width = self.size
        rgb = np.pad(rgb, ((0, height - rgb.shape[0]), (0, width - rgb.shape[1]), (0, 0)), mode="edge")
        frame = av.VideoFrame.from_ndarray(rgb, format="rgb24")
        return planes_of(
            frame.reformat(
                format=self.form.pixels,
                dst_colorspace=SWSCALE[self.form.matrix],
                src_color_range=ColorRange.JPEG,
                dst_color_range=ColorRange.MPEG,
                interpolation=_FLAGS,
            )
        )

    def _to_rgb(self, planes: Planes) -> np.ndarray:
        rgb = frame_of(planes, self.form).reformat(
            format="rgb24",
            src_colorspace=SWSCALE[self.form.matrix],
            src_color_range=ColorRange.MPEG,
            dst_color_range=ColorRange.JPEG,
            interpolation=_FLAGS,
        )
        return rgb.to_ndarray()[: self.source.height, : self.source.width]

    def describe(self) -> str:
        """In words, as records and reports say it."""
        return f"{self.form.describe()}, " + ("the source's own" if self.own else "made from RGB")
