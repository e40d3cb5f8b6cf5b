"""Convolutions and residual blocks, as DCVC and its descendants define them."""

import torch
from torch import Tensor, nn


def conv(inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> nn.Conv2d:
    """Convolution with zero padding of half the kernel."""
    return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2)


def deconv(inputs: int, outputs: int, stride: int = 2) -> nn.ConvTranspose2d:
    """Transposed 3x3 convolution; with stride 2 exactly twice the size."""
    return nn.ConvTranspose2d(inputs, outputs, 3, stride, padding=1, output_padding=stride - 1)


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

    def forward(self, x: Tensor) -> Tensor:
        return x + self.end(self.conv2(self.middle(self.conv1(self.start(x)))))


def merge_block(channels: int) -> ResBlock:
    """The block that follows a concatenation with a temporal context ("bottleneck residual block")."""
    return ResBlock(channels, slope=0.1, start=False, end=True, bottleneck=True)


def full_precision(x: Tensor) -> torch.autocast:
    """Context in which nothing on ``x``'s device is computed in reduced precision."""
    return torch.autocast(x.device.type, enabled=False)
