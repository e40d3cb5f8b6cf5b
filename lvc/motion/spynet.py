"""SpyNet: optical flow by a pyramid of small networks (Ranjan and Black, CVPR 2017)."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lvc.layers.conv import conv
from lvc.motion.warp import double, warp


class SpyNet(nn.Module):
    """Flow from a frame to its reference, coarse to fine, each level correcting the one above.

    As DCVC-TCM uses it: RGB in [0, 1] without normalisation, average-pooled pyramid, warping with aligned corners.

    Args:
        levels: Pyramid levels; sides must be divisible by ``2^(levels - 1)``.
        widths: Channels between the five 7x7 convolutions of a level.
    """

    def __init__(self, levels: int = 4, widths: Sequence[int] = (32, 64, 32, 16)):
        super().__init__()
        self.levels = nn.ModuleList(_level(widths) for _ in range(levels))

    def forward(self, frame: Tensor, reference: Tensor) -> Tensor:
        """``(B, 3, H, W)`` frames to ``(B, 2, H, W)`` flow in pixels, pointing from ``frame`` to ``reference``."""
        pyramid = [(frame, reference)]
        for _ in range(len(self.levels) - 1):
            pyramid.append(tuple(F.avg_pool2d(image, 2) for image in pyramid[-1]))
        coarsest = pyramid[-1][0]
        flow = torch.zeros_like(coarsest[:, :2], dtype=torch.float32)
        for level, (target, source) in zip(self.levels, reversed(pyramid), strict=True):
            flow = flow if target is coarsest else double(flow)
            flow = flow + level(torch.cat([target, warp(source, flow), flow], 1)).float()
        return flow


def _level(widths: Sequence[int]) -> nn.Sequential:
    channels = (8, *widths, 2)
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(channels):
        layers += [conv(inputs, outputs, kernel=7), nn.ReLU()]
    return nn.Sequential(*layers[:-1])
