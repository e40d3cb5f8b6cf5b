"""U-Nets as frame generators, dense or in a plain cascade."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lvc.layers.conv import ResBlock, conv, start_as_identity


class GatedBlock(nn.Module):
    """``conv LReLU conv``, every channel scaled by what the whole picture says of it, plus a 1x1 shortcut.

    The scaling is squeeze-and-excitation (Hu et al., CVPR 2018), as DCVC-HEM's U-Net has it: 16 to 1, no biases.
    """

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        squeezed = max(1, outputs // 16)
        self.body = nn.Sequential(conv(inputs, outputs), nn.LeakyReLU(), conv(outputs, outputs))
        self.gate = nn.Sequential(
            nn.Linear(outputs, squeezed, bias=False), nn.ReLU(), nn.Linear(squeezed, outputs, bias=False), nn.Sigmoid()
        )
        self.shortcut = conv(inputs, outputs, kernel=1)

    @torch.no_grad()
    def start_as_copy(self, first: int = 0) -> None:
        """Begin by passing inputs on, from ``first``."""
        self.body[-1].weight.zero_()
        self.body[-1].bias.zero_()
        start_as_identity(self.shortcut, first)

    def forward(self, x: Tensor) -> Tensor:
        body = self.body(x)
        return self.shortcut(x) + body * self.gate(body.mean((2, 3)))[..., None, None]


class UNet(nn.Module):
    """Two octaves down and up again (DCVC-HEM, Li et al., ACM MM 2022).

    Args:
        inputs: Channels in.
        channels: Channels out, and half those of the quarter size.
    """

    def __init__(self, inputs: int, channels: int):
        super().__init__()
        widths = (channels // 2, channels, 2 * channels)
        self.down = nn.ModuleList(GatedBlock(i, o) for i, o in zip((inputs, *widths), widths, strict=False))
        self.pool = nn.MaxPool2d(2)
        self.middle = nn.Sequential(*(ResBlock(widths[2]) for _ in range(4)))
        self.enlarge = nn.ModuleList(_shuffled(2 * width, width) for width in (widths[1], widths[0]))
        self.up = nn.ModuleList(GatedBlock(2 * width, channels) for width in (widths[1], widths[0]))

    def start_as_copy(self) -> None:
        """Begin by passing the first half of the channels on, through the shortcuts of full size."""
        self.down[0].start_as_copy()
        self.up[1].start_as_copy(first=self.up[1].shortcut.in_channels // 2)

    def forward(self, x: Tensor) -> Tensor:
        full = self.down[0](x)
        half = self.down[1](self.pool(full))
        x = self.middle(self.down[2](self.pool(half)))
        x = self.up[0](torch.cat([self.enlarge[0](x), half], 1))
        return self.up[1](torch.cat([self.enlarge[1](x), full], 1))


def _shuffled(inputs: int, outputs: int) -> nn.Sequential:
    """1x1 convolution to four times the channels, shuffled to twice the size."""
    return nn.Sequential(conv(inputs, 4 * outputs, kernel=1), nn.PixelShuffle(2))


class UNetGenerator(nn.Module):
    """A decoded feature and the largest context to the frame and the feature that is propagated (Fig. 3 of SSNVC).

    Args:
        inputs: Channels of the decoded feature.
        channels: Channels of the context, of what every U-Net makes, and of the propagated feature.
        unets: Number of U-Nets.
        dense: Whether a U-Net gets what all before it made, or the last one's output alone.
    """

    def __init__(self, inputs: int, channels: int, unets: int, dense: bool):
        super().__init__()
        self.dense = dense
        self.merge = conv(inputs + channels, channels)
        self.unets = nn.ModuleList(UNet(channels * (n if dense else 1), channels) for n in range(1, unets + 1))
        self.frame = conv(channels, 3)

    def start_as_copy(self) -> None:
        """Let the frame begin as the first channels of the context."""
        start_as_identity(self.merge, first=self.merge.in_channels - self.merge.out_channels)
        for unet in self.unets:
            unet.start_as_copy()
        start_as_identity(self.frame)

    def forward(self, decoded: Tensor, contexts: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Frame ``(B, 3, H, W)`` and feature ``(B, channels, H, W)``."""
        features = [self.merge(torch.cat([decoded, contexts[0]], 1))]
        for unet in self.unets:
            features.append(unet(torch.cat(features, 1) if self.dense else features[-1]))
        return self.frame(features[-1]), features[-1]
