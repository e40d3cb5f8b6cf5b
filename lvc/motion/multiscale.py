"""MASTC-VC's multiscale motion-aware module: motion as a feature, estimated coarse to fine (Sec. III-B, Fig. 3)."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lvc.layers.conv import conv
from lvc.layers.dynamic_kernel import PredictedConvolution, PredictedGain


class MotionEstimation(nn.Sequential):
    """Features of frame and reference at one scale, concatenated, to their motion (Eq. 2)."""

    def __init__(self, channels: int):
        super().__init__(conv(2 * channels, channels), nn.LeakyReLU(), conv(channels, channels))


class MotionAwareEncoder(nn.Sequential):
    """Motion ``(B, C, h, w)`` to one code per sample ``(B, 4C)`` (Fig. 3c); height and width are 16 or more.

    Args:
        channels: Channels of the motion.
        normalization: ``batch`` as in the paper, or ``group``, which a batch of one or two does not disturb.
    """

    def __init__(self, channels: int, normalization: Literal["batch", "group"]):
        wide, code = 2 * channels, 4 * channels
        norm = nn.BatchNorm2d if normalization == "batch" else lambda c: nn.GroupNorm(8, c)
        super().__init__(
            *(nn.Conv2d(channels, wide, 3, stride=2, padding=1), norm(wide), nn.LeakyReLU(0.1)),
            *(nn.Conv2d(wide, wide, 3, stride=2), norm(wide), nn.LeakyReLU(0.1)),
            *(nn.Conv2d(wide, code, 3), norm(code), nn.LeakyReLU(0.1)),
            *(nn.AdaptiveAvgPool2d(1), nn.Flatten()),
            *(nn.Linear(code, code), nn.LeakyReLU(0.1), nn.Linear(code, code)),
        )


class MotionAwareFusion(nn.Module):
    """Refines motion with what the motion at half the size says of the whole sample (Fig. 3b).

    Args:
        channels: Channels of the motion.
        normalization: See :class:`MotionAwareEncoder`.
        double: Double the coarse motion's values with its size, as for motion in pixels.
    """

    def __init__(self, channels: int, normalization: Literal["batch", "group"], double: bool):
        super().__init__()
        self.factor = 2.0 if double else 1.0
        self.encoder = MotionAwareEncoder(channels, normalization)
        self.convolution = PredictedConvolution(4 * channels, channels)
        self.mix = nn.Sequential(nn.LeakyReLU(0.1), conv(channels, channels, kernel=1))
        self.gain = PredictedGain(4 * channels, channels)

    def forward(self, coarse: Tensor, fine: Tensor) -> Tensor:
        """``(B, C, h/2, w/2)`` and ``(B, C, h, w)`` to refined motion ``(B, C, h, w)`` (Eqs. 3 to 6)."""
        code = self.encoder(F.interpolate(coarse, scale_factor=2, mode="bilinear", align_corners=False) * self.factor)
        return self.gain(fine, code) + self.mix(self.convolution(fine, code))


class MultiscaleMotion(nn.Module):
    """Motion of a frame against its reference, from the features of both at every scale (Fig. 3a).

    Args:
        channels: Channels of features and motion.
        levels: Number of scales; with 1 the motion of the largest is all there is.
        normalization: See :class:`MotionAwareEncoder`.
        double: See :class:`MotionAwareFusion`.
    """

    def __init__(self, channels: int, levels: int, normalization: Literal["batch", "group"], double: bool):
        super().__init__()
        self.estimate = nn.ModuleList(MotionEstimation(channels) for _ in range(levels))
        finer = range(levels - 1)
        self.fuse = nn.ModuleList(MotionAwareFusion(channels, normalization, double) for _ in finer)
        self.refine = nn.ModuleList(nn.Sequential(nn.LeakyReLU(0.1), conv(channels, channels)) for _ in finer)
        self.activation = nn.LeakyReLU(0.1)

    def forward(self, frame: Sequence[Tensor], reference: Sequence[Tensor]) -> Tensor:
        """Features ``(B, C, h / 2^l, w / 2^l)`` of both to motion ``(B, C, h, w)``."""
        pairs = zip(self.estimate, frame, reference, strict=True)
        motion = [estimate(torch.cat([f, r], 1)) for estimate, f, r in pairs]
        refined = motion.pop()
        for level in reversed(range(len(motion))):
            refined = self.refine[level](self.fuse[level](refined, motion[level]))
            refined = self.activation(refined) if level else refined + motion[level]  # Eqs. 7 and 9
        return refined
