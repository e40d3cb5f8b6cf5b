"""Motion of blocks, made finer by what it leaves unpredicted (Lucas and Kanade, IJCAI 1981)."""

import torch
from torch import Tensor
from torch.nn import functional as F

from lvc.motion.warp import warp

REGULARISER = 1e-4
"""Squared slope of brightness per pixel at which a step is halved: where there is less, motion cannot be told."""

LONGEST = 1.0
"""Longest step in pixels, each way: slopes say nothing of what is further away."""

WINDOW = (1, 4, 1)
"""Weights of a block and its neighbours, each way."""


@torch.no_grad()
def refinement(flow: Tensor, frame: Tensor, reference: Tensor) -> Tensor:
    """A Gauss-Newton step of the error of prediction over the motion of every block.

    Args:
        flow: ``(B, 2, h, w)`` in pixels of the frame, on a grid of blocks.
        frame: ``(B, C, H, W)`` in [0, 1].
        reference: What ``flow`` points to.

    Returns:
        What to add to ``flow``.
    """
    block = frame.shape[-1] // flow.shape[-1]
    dense = F.interpolate(flow.float(), scale_factor=block, mode="bilinear", align_corners=False)
    predicted = warp(reference, dense, "bicubic")
    error = (frame - predicted).mean(1, keepdim=True)
    x, y = _slopes(predicted.mean(1, keepdim=True))
    sums = F.avg_pool2d(torch.cat([x * x, x * y, y * y, x * error, y * error], 1), block)
    xx, xy, yy, xe, ye = _with_neighbours(sums).split(1, 1)
    xx, yy = xx + REGULARISER, yy + REGULARISER
    step = torch.cat([yy * xe - xy * ye, xx * ye - xy * xe], 1) / (xx * yy - xy * xy)
    return step.clamp(-LONGEST, LONGEST)


def _slopes(picture: Tensor) -> tuple[Tensor, Tensor]:
    """Central differences of ``(B, 1, H, W)``, horizontal and vertical."""
    padded = F.pad(picture, (1, 1, 1, 1), mode="replicate")
    return (padded[..., 1:-1, 2:] - padded[..., 1:-1, :-2]) / 2, (padded[..., 2:, 1:-1] - padded[..., :-2, 1:-1]) / 2


def _with_neighbours(sums: Tensor) -> Tensor:
    """Weighted sums over each block and those around it."""
    line = torch.tensor(WINDOW, dtype=sums.dtype, device=sums.device) / sum(WINDOW)
    kernel = (line[:, None] * line).expand(sums.shape[1], 1, 3, 3)
    return F.conv2d(F.pad(sums, (1, 1, 1, 1), mode="replicate"), kernel, groups=sums.shape[1])
