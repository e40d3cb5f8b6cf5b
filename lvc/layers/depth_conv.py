"""Blocks of DCVC-DC and DCVC-FM (Li et al., CVPR 2023 and 2024): depthwise, and residual across a change of size."""

import torch
from torch import Tensor, nn

from lvc.layers.conv import conv


class DepthConvBlock(nn.Module):
    """Pointwise, 3x3 depthwise and pointwise convolution, then a pointwise network, each with a shortcut.

    Args:
        inputs: Channels in.
        outputs: Channels out.
    """

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        inner = max(min(4 * outputs, 1024), 2 * outputs)
        self.depth = depthwise(inputs, outputs)
        self.skip = conv(inputs, outputs, 1) if inputs != outputs else nn.Identity()
        self.point = nn.Sequential(
            conv(outputs, inner, 1), nn.LeakyReLU(0.1), conv(inner, outputs, 1), nn.LeakyReLU(0.1)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.depth(x) + self.skip(x)
        return x + self.point(x)


class GatedDepthConvBlock(nn.Module):
    """The same on ``channels``, with two halves of unlike slope in the pointwise network (DCVC-FM).

    Args:
        channels: Channels in and out.
    """

    def __init__(self, channels: int):
        super().__init__()
        self.depth = depthwise(channels, channels)
        self.widen, self.narrow = conv(channels, 4 * channels, 1), conv(2 * channels, channels, 1)
        self.steep, self.flat = nn.LeakyReLU(0.1), nn.LeakyReLU(0.01)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.depth(x)
        steep, flat = self.widen(x).chunk(2, 1)
        return x + self.narrow(self.steep(steep) + self.flat(flat))


def depthwise(inputs: int, outputs: int) -> nn.Sequential:
    """Pointwise, 3x3 depthwise and pointwise convolution."""
    return nn.Sequential(
        conv(inputs, inputs, 1),
        nn.LeakyReLU(),
        nn.Conv2d(inputs, inputs, 3, padding=1, groups=inputs),
        conv(inputs, outputs, 1),
    )


class Resize(nn.Module):
    """Two convolutions and a shortcut, of which the first and the shortcut change the size.

    Args:
        first: Changes size and channels.
        shortcut: Does too.
        channels: Channels after that.
    """

    def __init__(self, first: nn.Module, shortcut: nn.Module, channels: int):
        super().__init__()
        self.body = nn.Sequential(first, nn.LeakyReLU(), conv(channels, channels), nn.LeakyReLU(0.1))
        self.shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x) + self.shortcut(x)


def shrink(inputs: int, outputs: int) -> Resize:
    """Residual block to half the size."""
    return Resize(conv(inputs, outputs, stride=2), conv(inputs, outputs, 1, stride=2), outputs)


def enlarge(channels: int) -> Resize:
    """Residual block to twice the size."""
    return Resize(shuffled(channels, channels), shuffled(channels, channels), channels)


def shuffled(inputs: int, outputs: int) -> nn.Sequential:
    """Pointwise convolution to four times the channels, shuffled to twice the size."""
    return nn.Sequential(conv(inputs, 4 * outputs, 1), nn.PixelShuffle(2))


def joined(*tensors: Tensor | None) -> Tensor:
    """Those tensors that there are, along channels."""
    return torch.cat([t for t in tensors if t is not None], 1)
