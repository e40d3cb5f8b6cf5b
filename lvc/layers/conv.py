"""Convolutions and residual blocks, as DCVC and its descendants define them."""

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def conv(inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> nn.Conv2d:
    """Convolution with zero padding of half the kernel."""
    return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2)


def deconv(inputs: int, outputs: int, kernel: int = 3, stride: int = 2) -> nn.ConvTranspose2d:
    """Transposed convolution; with stride 2 exactly twice the size."""
    return nn.ConvTranspose2d(inputs, outputs, kernel, stride, padding=kernel // 2, output_padding=stride - 1)


def subpixel(inputs: int, outputs: int) -> nn.Sequential:
    """3x3 convolution to four times the channels, shuffled to twice the size."""
    return nn.Sequential(conv(inputs, 4 * outputs), nn.PixelShuffle(2))


class ResBlock(nn.Module):
    """``[LReLU] conv LReLU conv [LReLU]`` plus identity (Fig. 6 of DCVC-TCM).

    Args:
        channels: Channels in and out.
        slope: Slope of every LeakyReLU in the block.
        start: Begin with an activation.
        end: End with one, before the identity is added.
        bottleneck: Half the channels between the convolutions.
    """

    def __init__(
        self, channels: int, slope: float = 0.01, start: bool = True, end: bool = False, bottleneck: bool = False
    ):
        super().__init__()
        middle = channels // 2 if bottleneck else channels
        self.start = nn.LeakyReLU(slope) if start else nn.Identity()
        self.conv1 = conv(channels, middle)
        self.middle = nn.LeakyReLU(slope)
        self.conv2 = conv(middle, channels)
        self.end = nn.LeakyReLU(slope) if end else nn.Identity()

    @torch.no_grad()
    def start_as_identity(self) -> None:
        """Begin by passing the input on: the residual starts at 0."""
        self.conv2.weight.zero_()
        self.conv2.bias.zero_()

    def forward(self, x: Tensor) -> Tensor:
        return x + self.end(self.conv2(self.middle(self.conv1(self.start(x)))))

    def at_quarter(self, x: Tensor, row: int, column: int) -> Tensor:
        """The same at every second row and column of even sides, from ``row`` and ``column`` (0 or 1) on."""
        inner = self.middle(self.conv1(self.start(x)))
        inner = F.pad(inner, (1 - column, column, 1 - row, row))
        return x[..., row::2, column::2] + self.end(F.conv2d(inner, self.conv2.weight, self.conv2.bias, stride=2))


def merge_block(channels: int) -> ResBlock:
    """The block that follows a concatenation with a temporal context ("bottleneck residual block")."""
    return ResBlock(channels, slope=0.1, start=False, end=True, bottleneck=True)


@torch.no_grad()
def start_as_identity(layer: nn.Conv2d, first: int = 0, keep: float = 0.03) -> None:
    """Let a convolution begin by passing its inputs on, with a little of its random start to break the symmetry.

    Args:
        layer: Output ``i`` begins as input ``first + i``, as far as there are such.
        first: First input that is passed on.
        keep: What is left of the random start.
    """
    for parameter in layer.parameters():
        parameter.mul_(keep)
    middle = layer.kernel_size[0] // 2
    for channel in range(min(layer.out_channels, layer.in_channels - first)):
        layer.weight[channel, first + channel, middle, middle] += 1


@torch.no_grad()
def start_as_sum(layer: nn.Conv2d, firsts: Iterable[int], channels: int = 3) -> None:
    """Let the first outputs of a convolution begin as sums of inputs, exactly; other outputs stay as they are.

    Args:
        layer: Its first ``channels`` outputs are set.
        firsts: Where the inputs of each summand begin; none for outputs of 0.
        channels: How many outputs, the picture's channels.
    """
    layer.weight[:channels] = 0
    layer.bias[:channels] = 0
    middle = layer.kernel_size[0] // 2
    for first in firsts:
        for channel in range(min(channels, layer.out_channels, layer.in_channels - first)):
            layer.weight[channel, first + channel, middle, middle] = 1


def full_precision(x: Tensor) -> AbstractContextManager:
    """Context in which nothing on ``x``'s device is computed in reduced precision."""
    kind = x.device.type
    # the meta device, which counts operations without computing, has no autocast
    return torch.autocast(kind, enabled=False) if torch.amp.is_autocast_available(kind) else nullcontext()
