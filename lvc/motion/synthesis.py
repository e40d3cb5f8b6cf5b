"""Frame synthesis of B-CANF: two references, warped with their features at three sizes and joined by a GridNet."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lvc.layers.conv import conv, start_as_identity
from lvc.layers.gridnet import GridNet
from lvc.motion.warp import warp


class FrameSynthesis(nn.Module):
    """Motion compensation from two references.

    Args:
        widths: Channels of features and grid rows at full size, half of it and a quarter.
        columns: Columns of the grid.
    """

    def __init__(self, widths: Sequence[int] = (32, 64, 96), columns: int = 6):
        super().__init__()
        inputs = (3, *widths)
        self.backbone = nn.ModuleList(
            nn.Sequential(conv(i, o, stride=2 if level else 1), nn.PReLU(), conv(o, o), nn.PReLU())
            for level, (i, o) in enumerate(zip(inputs, widths, strict=False))
        )
        self.grid = GridNet(6, [2 * n for n in widths], widths, columns, outputs=3)

    @torch.no_grad()
    def start_as_average(self) -> None:
        """Let the untrained network pass on the mean of both warped references, roughly."""
        cells = [self.grid.picture, *(column.rows[0 if column.down else -1] for column in self.grid.columns)]
        for one in cells:  # both pictures along the finest row: PReLU lets positive values through
            start_as_identity(one[1])
            start_as_identity(one[3])
        for path in (self.grid.heads[0], *(c.bridges[-1][1] for c in self.grid.columns if not c.down)):
            for parameter in path[3].parameters():
                parameter.mul_(0.03)
        first, last = self.grid.tail[1], self.grid.tail[3]
        start_as_identity(last)
        start_as_identity(first)
        for channel in range(3):
            first.weight[channel, [channel, channel + 3], 1, 1] = 0.5

    def features(self, reference: Tensor) -> list[Tensor]:
        """A ``(B, 3, H, W)`` reference, and its features at full size, half of it and a quarter."""
        found = [reference]
        for block in self.backbone:
            found.append(block(found[-1]))
        return found

    def forward(self, references: Sequence[list[Tensor]], flows: Sequence[Tensor]) -> Tensor:
        """Two references as :meth:`features` gives them, and flows to them, to the frame between, ``(B, 3, H, W)``."""
        warped = []
        for (picture, *features), flow in zip(references, flows, strict=True):
            warped.append([warp(picture, flow)])
            for level, feature in enumerate(features):
                scaled = flow if not level else F.interpolate(flow, scale_factor=0.5**level, mode="bilinear") / 2**level
                warped[-1].append(warp(feature, scaled))
        picture, *features = (torch.cat(both, 1) for both in zip(*warped, strict=True))
        return self.grid(picture, features).float()
