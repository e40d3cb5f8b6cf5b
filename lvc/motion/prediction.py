"""Motion prediction of B-CANF: flow from a frame half-way to its two references, seen from the references alone."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lvc.layers.conv import conv
from lvc.motion.warp import warp

SCALES = (4, 2, 1)
"""Downsampling at which the blocks work, coarse to fine."""


class MotionPrediction(nn.Module):
    """Three blocks, coarse to fine, each correcting the flow so far (after RIFE's, Huang et al., ECCV 2022).

    Args:
        channels: Channels of each block.
        blocks: Convolutions within a block.
    """

    def __init__(self, channels: Sequence[int] = (240, 150, 90), blocks: int = 8):
        super().__init__()
        inputs = (6, 16, 16)  # both references; both, warped too, and the two flows
        self.blocks = nn.ModuleList(_Block(i, n, blocks) for i, n in zip(inputs, channels, strict=True))

    def forward(self, references: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Two ``(B, 3, H, W)`` references, sides multiples of 16, to ``(B, 2, H, W)`` flows to each in pixels."""
        both = torch.cat(list(references), 1)
        flow = self.blocks[0](both, None, SCALES[0])
        for block, scale in zip(self.blocks[1:], SCALES[1:], strict=True):
            warped = [warp(r, f) for r, f in zip(references, flow.chunk(2, 1), strict=True)]
            flow = flow + block(torch.cat([both, *warped], 1), flow, scale)
        first, second = flow.chunk(2, 1)
        return first, second


class _Block(nn.Module):
    def __init__(self, inputs: int, channels: int, blocks: int):
        super().__init__()
        self.down = nn.Sequential(
            conv(inputs, channels // 2, stride=2),
            nn.PReLU(channels // 2),
            conv(channels // 2, channels, stride=2),
            nn.PReLU(channels),
        )
        layers = [layer for _ in range(blocks) for layer in (conv(channels, channels), nn.PReLU(channels))]
        self.body = nn.Sequential(*layers)
        self.up = nn.ConvTranspose2d(channels, 4, 4, 2, 1)

    def forward(self, x: Tensor, flow: Tensor | None, scale: int) -> Tensor:
        size = x.shape[-2:]
        x = _resize(x, (size[0] // scale, size[1] // scale))
        if flow is not None:
            x = torch.cat([x, _resize(flow, x.shape[-2:]) / scale], 1)
        x = self.down(x)
        return _resize(self.up(x + self.body(x)).float(), size) * (2 * scale)


def _resize(x: Tensor, size: Sequence[int]) -> Tensor:
    return x if x.shape[-2:] == tuple(size) else F.interpolate(x, tuple(size), mode="bilinear", align_corners=False)
