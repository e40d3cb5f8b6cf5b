"""RGB to one luma and two chroma planes and back, differentiable. Frames in [0, 1], planes in 0 ... 255."""

import torch
from torch import Tensor
from torch.nn import functional as F

RED, BLUE = 0.299, 0.114
"""Weights of ITU-R BT.601 luma."""

MIDDLE = 128.0
"""Chroma of grey."""


def to_ycbcr(frame: Tensor) -> Tensor:
    """``(B, 3, H, W)`` RGB to full-range BT.601 Y, Cb, Cr."""
    red, green, blue = (255 * frame).unbind(1)
    luma = RED * red + (1 - RED - BLUE) * green + BLUE * blue
    return torch.stack([luma, (blue - luma) / (2 - 2 * BLUE) + MIDDLE, (red - luma) / (2 - 2 * RED) + MIDDLE], 1)


def from_ycbcr(planes: Tensor) -> Tensor:
    """The inverse of :func:`to_ycbcr`."""
    luma, cb, cr = planes.unbind(1)
    red = luma + (2 - 2 * RED) * (cr - MIDDLE)
    blue = luma + (2 - 2 * BLUE) * (cb - MIDDLE)
    green = (luma - RED * red - BLUE * blue) / (1 - RED - BLUE)
    return torch.stack([red, green, blue], 1) / 255


def to_ycocg(frame: Tensor) -> Tensor:
    """``(B, 3, H, W)`` RGB of 8 bits to the integers of YCoCg-R (Malvar and Sullivan, 2003), which lose nothing."""
    red, green, blue = (255 * frame).round().unbind(1)
    orange = red - blue
    between = blue + (orange / 2).floor()
    leaf = green - between
    return torch.stack([between + (leaf / 2).floor(), orange, leaf], 1)


def from_ycocg(planes: Tensor) -> Tensor:
    """The inverse of :func:`to_ycocg`."""
    luma, orange, leaf = planes.unbind(1)
    between = luma - (leaf / 2).floor()
    blue = between - (orange / 2).floor()
    return torch.stack([blue + orange, leaf + between, blue], 1) / 255


def halve_chroma(chroma: Tensor) -> Tensor:
    """Chroma planes at half the size, each sample amid the four it stands for."""
    return F.avg_pool2d(chroma, 2)


def double_chroma(chroma: Tensor) -> Tensor:
    """Chroma planes at twice the size."""
    return F.interpolate(chroma, scale_factor=2.0, mode="bilinear", align_corners=False)
