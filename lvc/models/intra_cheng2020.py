"""Cheng 2020 (anchor) intra codec without its autoregressive model, from CompressAI's layers.

The intra codec of DCVC-TCM ("IntraNoAR"): transforms, hyperprior and Gaussian of `cheng2020-anchor`, with the
hyper-synthesis giving scales and means directly.
"""

from compressai.layers import (
    ResidualBlock,
    ResidualBlockUpsample,
    ResidualBlockWithStride,
    conv3x3,
    subpel_conv3x3,
)
from torch import nn

from lvc.config.intra import IntraCheng2020Config
from lvc.layers import compressai_blocks  # noqa: F401 (what it registers)
from lvc.models.intra import IntraCodec


class IntraCheng2020(IntraCodec):
    """Residual transforms and a hyperprior of as many channels.

    Args:
        config: The model's configuration.
    """

    def __init__(self, config: IntraCheng2020Config):
        n = config.channels
        g_a = nn.Sequential(
            ResidualBlockWithStride(3, n, stride=2),
            ResidualBlock(n, n),
            ResidualBlockWithStride(n, n, stride=2),
            ResidualBlock(n, n),
            ResidualBlockWithStride(n, n, stride=2),
            ResidualBlock(n, n),
            conv3x3(n, n, stride=2),
        )
        h_a = _activated(conv3x3(n, n), conv3x3(n, n), conv3x3(n, n, stride=2), conv3x3(n, n), conv3x3(n, n, stride=2))
        h_s = _activated(
            conv3x3(n, n),
            subpel_conv3x3(n, n, 2),
            conv3x3(n, n * 3 // 2),
            subpel_conv3x3(n * 3 // 2, n * 3 // 2, 2),
            conv3x3(n * 3 // 2, n * 2),
        )
        g_s = nn.Sequential(
            ResidualBlock(n, n),
            ResidualBlockUpsample(n, n, 2),
            ResidualBlock(n, n),
            ResidualBlockUpsample(n, n, 2),
            ResidualBlock(n, n),
            ResidualBlockUpsample(n, n, 2),
            ResidualBlock(n, n),
            subpel_conv3x3(n, 3, 2),
        )
        super().__init__(config, n, n, g_a, h_a, h_s, g_s)


def _activated(*layers: nn.Module) -> nn.Sequential:
    """The layers with a LeakyReLU between each two."""
    spaced = [module for layer in layers for module in (layer, nn.LeakyReLU(inplace=True))]
    return nn.Sequential(*spaced[:-1])
