"""The motion codec of MASTC-VC: an auto-encoder of motion features with a hyperprior (Sec. III-C, Fig. 4)."""

import torch
from torch import Tensor, nn

from lvc.entropy.factorized import BottleneckPrior
from lvc.entropy.hyperprior import code_hyper
from lvc.entropy.priors import ScaleLaw
from lvc.entropy.streams import SymbolStream
from lvc.layers.hyper import HyperDecoder, HyperEncoder, scales_and_means
from lvc.layers.residual import residual_decoder, residual_encoder


class TwoHyperDecoders(nn.ModuleDict):
    """Scales and means of a latent from decoders of their own, concatenated in this order.

    Args:
        hyper: Channels of the hyper latent.
        latent: Channels of the latent.
    """

    def __init__(self, hyper: int, latent: int):
        names = ("scales", "means")
        super().__init__({n: HyperDecoder(hyper, latent, kernel=5, slope=0.0, outputs=latent) for n in names})

    def forward(self, z: Tensor) -> Tensor:
        """``(B, hyper, h/4, w/4)`` to ``(B, 2 latent, h, w)``."""
        return torch.cat([self["scales"](z), self["means"](z)], 1)


class FeatureMotionCodec(nn.Module):
    """Motion ``(B, features, h, w)`` through a latent at 1/8 of its size, which is 1/16 of the frame's.

    Args:
        features: Channels of the motion.
        channels: Channels of transforms and latent.
        hyper: Channels of the hyper latent.
        law: Distribution of the latent.
    """

    def __init__(self, features: int, channels: int, hyper: int, law: ScaleLaw):
        super().__init__()
        self.encoder = residual_encoder(features, channels)
        self.decoder = residual_decoder(channels, features)
        self.hyper_encoder = HyperEncoder(channels, hyper, kernel=5, slope=0.0)
        self.hyper_decoder = TwoHyperDecoders(hyper, channels)
        self.hyper_prior = BottleneckPrior(hyper, law.likelihood_bound)
        self.law = law

    def code(
        self, motion: Tensor | None, batch: int, size: tuple[int, int], stream: SymbolStream
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Code ``motion`` (``None`` when reading) of a frame of ``size`` ``(H, W)``.

        Returns:
            Decoded motion ``(B, features, H/2, W/2)`` and bits by stream name.
        """
        m = None if stream.reads else self.encoder(motion)
        hyper = (self.hyper_encoder, self.hyper_decoder, self.hyper_prior)
        shape = (batch, size[0] // 64, size[1] // 64)
        parameters, hyper_bits = code_hyper("motion_hyper", m, shape, *hyper, stream)
        m_hat, bits = stream.code("motion", m, self.law(*scales_and_means(parameters)))
        return self.decoder(m_hat), {"motion_hyper": hyper_bits, "motion": bits}
