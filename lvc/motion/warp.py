"""Backward warping and resizing of flow."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from lvc.layers.conv import full_precision


def warp(x: Tensor, flow: Tensor, interpolation: str = "bilinear") -> Tensor:
    """Sample ``x`` where ``flow`` points, with border padding, computed in float32.

    Args:
        x: ``(B, C, H, W)`` reference.
        flow: ``(B, 2, H, W)`` in pixels, channel 0 horizontal, from the target to the reference.
        interpolation: ``bilinear``, or ``bicubic``, which blurs less.

    Returns:
        ``(B, C, H, W)`` in float32.
    """
    height, width = x.shape[-2:]
    with full_precision(x):
        rows = torch.linspace(-1, 1, height, device=x.device)[:, None].expand(height, width)
        columns = torch.linspace(-1, 1, width, device=x.device).expand(height, width)
        scale = torch.tensor([2 / max(width - 1, 1), 2 / max(height - 1, 1)], device=x.device)
        grid = torch.stack([columns, rows], -1) + flow.float().permute(0, 2, 3, 1) * scale
        return F.grid_sample(x.float(), grid, mode=interpolation, padding_mode="border", align_corners=True)


def warp_scales(scales: Sequence[Tensor], flow: Tensor) -> list[Tensor]:
    """Warp features at ``1 / 2^l`` of the flow's size, each with the flow at its size."""
    warped = []
    for level, scale in enumerate(scales):
        flow = halve(flow) if level else flow
        warped.append(warp(scale, flow))
    return warped


def halve(flow: Tensor) -> Tensor:
    """Flow at half the size, in that size's pixels."""
    return F.interpolate(flow, scale_factor=0.5, mode="bilinear", align_corners=False) / 2


def double(flow: Tensor) -> Tensor:
    """Flow at twice the size, in that size's pixels."""
    return F.interpolate(flow, scale_factor=2, mode="bilinear", align_corners=False) * 2
