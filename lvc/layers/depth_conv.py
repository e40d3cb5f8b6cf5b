"""The depthwise block of DCVC-DC (Li et al., CVPR 2023)."""

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
        self.depth = nn.Sequential(
            conv(inputs, inputs, 1),
            nn.LeakyReLU(),
            nn.Conv2d(inputs, inputs, 3, padding=1, groups=inputs),
            conv(inputs, outputs, 1),
        )
        self.skip = conv(inputs, outputs, 1) if inputs != outputs else nn.Identity()
        self.point = nn.Sequential(
            conv(outputs, inner, 1), nn.LeakyReLU(0.1), conv(inner, outputs, 1), nn.LeakyReLU(0.1)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.depth(x) + self.skip(x)
        return x + self.point(x)
