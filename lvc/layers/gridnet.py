"""GridNet: rows of resolutions, columns that pass features down and up again (Fourure et al., BMVC 2017)."""

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from lvc.layers.conv import conv


def cell(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    """PReLU and 3x3 convolution, twice; the first convolution has the stride."""
    return nn.Sequential(nn.PReLU(), conv(inputs, outputs, stride=stride), nn.PReLU(), conv(outputs, outputs))


def up(inputs: int, outputs: int) -> nn.Sequential:
    """Twice the size, bilinear, and a cell."""
    return nn.Sequential(nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False), cell(inputs, outputs))


class Column(nn.Module):
    """A cell per row, without skip, and what the row before passes on.

    Args:
        widths: Channels of each row, the finest first.
        down: Pass features from finer to coarser rows, otherwise the other way.
    """

    def __init__(self, widths: Sequence[int], down: bool):
        super().__init__()
        self.down = down
        order = list(widths) if down else list(widths)[::-1]
        self.rows = nn.ModuleList(cell(n, n) for n in order)
        self.bridges = nn.ModuleList(cell(i, o, stride=2) if down else up(i, o) for i, o in pairwise(order))

    def forward(self, rows: list[Tensor]) -> list[Tensor]:
        rows = rows if self.down else rows[::-1]
        out: list[Tensor] = []
        for index, (row, x) in enumerate(zip(self.rows, rows, strict=True)):
            x = row(x)
            out.append(x + self.bridges[index - 1](out[-1]) if index else x)
        return out if self.down else out[::-1]


class GridNet(nn.Module):
    """Pictures and features of several sizes to one picture of the largest size.

    Args:
        picture: Channels of the picture that joins the finest row.
        inputs: Channels of the features, the finest first.
        widths: Channels of the rows.
        columns: Columns with the one of heads; of the others the first half leads down, the rest up.
        outputs: Channels of the result.
    """

    def __init__(self, picture: int, inputs: Sequence[int], widths: Sequence[int], columns: int, outputs: int):
        super().__init__()
        self.picture = cell(picture, widths[0])
        self.heads = nn.ModuleList(cell(i, n) for i, n in zip(inputs, widths, strict=True))
        self.bridges = nn.ModuleList(cell(i, o, stride=2) for i, o in pairwise(widths))
        self.columns = nn.Sequential(*(Column(widths, n < (columns - 1) // 2) for n in range(columns - 1)))
        self.tail = cell(widths[0], outputs)

    def forward(self, picture: Tensor, features: Sequence[Tensor]) -> Tensor:
        """``(B, picture, H, W)`` and ``features[l]`` at ``1 / 2^l`` of the size to ``(B, outputs, H, W)``."""
        rows = [self.heads[0](features[0]) + self.picture(picture)]
        for head, bridge, feature in zip(self.heads[1:], self.bridges, features[1:], strict=True):
            rows.append(head(feature) + bridge(rows[-1]))
        return self.tail(self.columns(rows)[0])
