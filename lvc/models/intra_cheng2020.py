"""Cheng 2020 (anchor) intra codec without its autoregressive model, from CompressAI's layers.

The intra codec of DCVC-TCM ("IntraNoAR"): transforms, hyperprior and Gaussian of `cheng2020-anchor`, with the
hyper-synthesis giving scales and means directly. Names follow CompressAI, so weights of its model zoo fit.
"""

from typing import ClassVar

from compressai.layers import (
    ResidualBlock,
    ResidualBlockUpsample,
    ResidualBlockWithStride,
    conv3x3,
    subpel_conv3x3,
)
from torch import Tensor, nn

from lvc.codec import FrameCoding, Rate, VideoCodec
from lvc.config.intra import IntraCheng2020Config
from lvc.entropy.factorized import BottleneckPrior
from lvc.entropy.priors import ScaleLaw
from lvc.entropy.streams import SymbolStream
from lvc.layers.conv import full_precision
from lvc.layers.hyper import scales_and_means
from lvc.structures.low_delay import LowDelay


class IntraCheng2020(VideoCodec):
    """One latent at 1/16 and one hyper latent at 1/64 of the frame's size.

    Args:
        config: The model's configuration.
    """

    stride = 64
    kind_parts: ClassVar = {"I": ("intra",)}
    kind_streams: ClassVar = {"I": ("intra_hyper", "intra")}

    def __init__(self, config: IntraCheng2020Config):
        super().__init__()
        n = config.channels
        self.channels = n
        self.structure = LowDelay(config.structure.intra_period)
        self.g_a = nn.Sequential(
            ResidualBlockWithStride(3, n, stride=2),
            ResidualBlock(n, n),
            ResidualBlockWithStride(n, n, stride=2),
            ResidualBlock(n, n),
            ResidualBlockWithStride(n, n, stride=2),
            ResidualBlock(n, n),
            conv3x3(n, n, stride=2),
        )
        self.h_a = _activated(
            conv3x3(n, n), conv3x3(n, n), conv3x3(n, n, stride=2), conv3x3(n, n), conv3x3(n, n, stride=2)
        )
        self.h_s = _activated(
            conv3x3(n, n),
            subpel_conv3x3(n, n, 2),
            conv3x3(n, n * 3 // 2),
            subpel_conv3x3(n * 3 // 2, n * 3 // 2, 2),
            conv3x3(n * 3 // 2, n * 2),
        )
        self.g_s = nn.Sequential(
            ResidualBlock(n, n),
            ResidualBlockUpsample(n, n, 2),
            ResidualBlock(n, n),
            ResidualBlockUpsample(n, n, 2),
            ResidualBlock(n, n),
            ResidualBlockUpsample(n, n, 2),
            ResidualBlock(n, n),
            subpel_conv3x3(n, 3, 2),
        )
        self.hyper_prior = BottleneckPrior(n, config.entropy.likelihood_bound)
        self.law = ScaleLaw("gaussian", config.entropy.likelihood_bound)

    @property
    def parts(self) -> dict[str, list[nn.Module]]:
        return {"intra": [self.g_a, self.h_a, self.h_s, self.g_s, self.hyper_prior]}

    def code_frame(
        self,
        kind: str,
        frame: Tensor | None,
        state: dict[str, Tensor] | None,
        stream: SymbolStream,
        rate: Rate,
        size: tuple[int, int],
        motion_only: bool = False,
    ) -> FrameCoding:
        """See :meth:`lvc.codec.VideoCodec.code_frame`; every frame is intra."""
        y = None if stream.reads else self.g_a(frame)
        z = None if stream.reads else self.h_a(y)
        shape = (1 if frame is None else len(frame), self.channels, size[0] // 64, size[1] // 64)
        z_hat, hyper_bits = stream.code("intra_hyper", z, self.hyper_prior(shape))
        with full_precision(z_hat):
            scales, means = scales_and_means(self.h_s(z_hat))
        y_hat, bits = stream.code("intra", y, self.law(scales, means))
        decoded = self.g_s(y_hat).float()
        state = {"frame": decoded.clamp(0, 1)}
        return FrameCoding(kind, decoded, {"intra_hyper": hyper_bits, "intra": bits}, state=state)

    def describe(self) -> dict[str, tuple[int, int]]:
        """Latents by stream name: channels and downsampling."""
        return {"intra": (self.channels, 16), "intra_hyper": (self.channels, 64)}


def _activated(*layers: nn.Module) -> nn.Sequential:
    """The layers with a LeakyReLU between each two."""
    spaced = [module for layer in layers for module in (layer, nn.LeakyReLU(inplace=True))]
    return nn.Sequential(*spaced[:-1])
