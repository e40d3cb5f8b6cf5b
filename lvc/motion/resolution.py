"""Motion at a lower resolution than the frame's (OMRA: arXiv 2402.12816, Sec. 3).

Flow is estimated between smaller pictures, where large motion is small, and coded there. Decoded flow is enlarged and
its values with it; compensation and all that follows run at full size. The codec's networks stay as they are.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from torch import Tensor
from torch.nn import functional as F

from lvc.config.motion_resolution import SMALLEST
from lvc.layers.padding import pad, padded_size

Variant = Literal["omra", "A", "B"]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class MotionScale:
    """Where motion is estimated, coded and compensated.

    Attributes:
        factor: Motion is estimated at 1 / factor of the frame's size; 1 is the codec as it was trained.
        variant: Table 3 of OMRA. ``omra`` codes small flow and compensates at full size; ``A`` enlarges flow before it
            is coded; ``B`` compensates at the small size too, and enlarges the prediction.
        filter: How pictures are made smaller: mean of squares (``box``), ``bilinear`` without smoothing, or
            ``antialiased`` bicubic.
    """

    factor: int = 1
    variant: Variant = "omra"
    filter: Literal["box", "bilinear", "antialiased"] = "box"

    @property
    def codes_large(self) -> bool:
        """Whether flow is coded at the frame's size though it was estimated at a smaller one."""
        return self.variant == "A" and self.factor > 1

    @property
    def compensates_small(self) -> bool:
        """Whether compensation runs at the small size."""
        return self.variant == "B" and self.factor > 1

    def reduce(self, picture: Tensor, stride: int = 1) -> Tensor:
        """``(B, C, H, W)`` at 1 / factor of its size, rounded up, then to a multiple of ``stride``."""
        if self.factor > 1:
            picture = pad(picture, self.factor)
            size = (picture.shape[-2] // self.factor, picture.shape[-1] // self.factor)
            if self.filter == "box":
                picture = F.avg_pool2d(picture, self.factor)
            elif self.filter == "bilinear":
                picture = F.interpolate(picture, size, mode="bilinear", align_corners=False)
            else:
                picture = F.interpolate(picture, size, mode="bicubic", align_corners=False, antialias=True)
        return pad(picture, stride) if any(side % stride for side in picture.shape[-2:]) else picture

    def enlarge(self, picture: Tensor, size: tuple[int, int]) -> Tensor:
        """A picture of :meth:`reduce`'s size, or one padded further, back at ``(H, W)``; bilinear."""
        if self.factor > 1:
            picture = F.interpolate(picture, scale_factor=float(self.factor), mode="bilinear", align_corners=False)
        return picture[..., : size[0], : size[1]]

    def enlarge_flow(self, flow: Tensor, size: tuple[int, int]) -> Tensor:
        """Flow of any number of channels in small pixels to flow in pixels of ``(H, W)``."""
        return self.enlarge(flow, size) * self.factor if self.factor > 1 else self.enlarge(flow, size)

    def coded(self, flow: Tensor) -> Tensor:
        """Flow of small pictures, padded, to flow that is coded."""
        size = tuple(self.factor * side for side in flow.shape[-2:])
        return self.enlarge_flow(flow, size) if self.codes_large else flow

    def coded_size(self, size: tuple[int, int], stride: int) -> tuple[int, int]:
        """``(H, W)`` of the flow that is coded for frames of ``size``, small pictures padded to ``stride``."""
        height, width = padded_size((-(-size[0] // self.factor), -(-size[1] // self.factor)), stride)
        times = self.factor if self.codes_large else 1
        return times * height, times * width

    def decoded(self, flow: Tensor, size: tuple[int, int]) -> Tensor:
        """Decoded flow to flow in pixels of ``(H, W)``."""
        return flow[..., : size[0], : size[1]] if self.codes_large else self.enlarge_flow(flow, size)


FULL = MotionScale()
"""Motion at the frame's own size."""


def fitting(factors: Sequence[int], size: tuple[int, int]) -> list[int]:
    """Ascending factors that frames of ``(h, w)``, without padding, are large enough for; the first where none is."""
    return [factor for factor in factors if min(size) >= SMALLEST * factor] or [factors[0]]


class Factors:
    """What frames may be made smaller by; those they are too small for are left out, which is said once.

    Args:
        factors: Ascending.
    """

    def __init__(self, factors: Sequence[int]):
        self.factors = tuple(factors)
        self._said = False

    def fit(self, size: tuple[int, int]) -> list[int]:
        """See :func:`fitting`."""
        fit = fitting(self.factors, size)
        if len(fit) < len(self.factors) and not self._said:
            self._said = True
            left_out = ", ".join(str(factor) for factor in self.factors if factor not in fit)
            log.warning("frames of %dx%d are too small for motion at 1/%s: left out", *reversed(size), left_out)
        return fit
