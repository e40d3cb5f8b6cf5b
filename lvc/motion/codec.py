"""The motion-vector codec of DCVC-TCM: an auto-encoder of flow with a hyperprior (Sec. III-A.2)."""

import torch
from torch import Tensor, nn

from lvc.entropy.factorized import FactorizedPrior
from lvc.entropy.hyperprior import code_hyper
from lvc.entropy.priors import ScaleLaw
from lvc.entropy.streams import SymbolStream
from lvc.layers.classical import Chain, start_hyper, start_scales
from lvc.layers.conv import ResBlock, conv, deconv
from lvc.layers.gdn import GDN, igdn
from lvc.layers.hyper import HyperDecoder, HyperEncoder, scales_and_means
from lvc.layers.rate import step_gain


class MotionCodec(nn.Module):
    """Flow ``(B, 2, H, W)`` through a latent at 1/16 of the size.

    Args:
        channels: Channels of transforms and latent.
        hyper: Channels of the hyper latent.
        law: Distribution of the latent.
    """

    def __init__(self, channels: int, hyper: int, law: ScaleLaw):
        super().__init__()
        down = [(2, channels), (channels, channels), (channels, channels)]
        self.encoder = nn.Sequential(
            *(layer for i, o in down for layer in (conv(i, o, stride=2), GDN(o), _block(o), nn.LeakyReLU(0.1))),
            conv(channels, channels, stride=2),
        )
        self.decoder = nn.Sequential(
            deconv(channels, channels),
            nn.LeakyReLU(0.1),
            _block(channels),
            igdn(channels),
            *(layer for _ in range(2) for layer in (deconv(channels, channels), igdn(channels))),
            deconv(channels, 2),
        )
        self.hyper_encoder = HyperEncoder(channels, hyper)
        self.hyper_decoder = HyperDecoder(hyper, channels)
        self.hyper_prior = FactorizedPrior(hyper, law.likelihood_bound, law.official)
        self.law = law

    def code(
        self, flow: Tensor | None, batch: int, size: tuple[int, int], stream: SymbolStream
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Code ``flow`` (``None`` when reading); ``size`` is its ``(H, W)``.

        Returns:
            Decoded flow ``(B, 2, H, W)`` and bits by stream name.
        """
        y = None if stream.reads else self.encoder(flow)
        shape = (batch, size[0] // 64, size[1] // 64)
        hyper = (self.hyper_encoder, self.hyper_decoder, self.hyper_prior)
        parameters, hyper_bits = code_hyper("motion_hyper", y, shape, *hyper, stream)
        y_hat, bits = stream.code("motion", y, self.law(*scales_and_means(parameters)))
        return self.decoder(y_hat).float(), {"motion_hyper": hyper_bits, "motion": bits}

    @torch.no_grad()
    def start_from(self, flow: Tensor, gain: float) -> None:
        """Begin as the KLT of ``(N, 2, H, W)`` flow, a latent of so much gain."""
        y = Chain([self.encoder], [self.decoder]).start_from(flow, gain)
        start_hyper(self.hyper_encoder, y, self.hyper_prior)
        start_scales(self.hyper_decoder[-1], self.law.scales_of(y.square().mean((0, 2, 3)).sqrt()))


MOTION_SHARE = 0.3
"""Part of that gain which pays, measured on estimated flow: residuals make up for the rest."""


def motion_gain(lmbda: float, frames: Tensor) -> float:
    """What the latent of motion is multiplied by at a lambda of pictures ``(N, 3, H, W)``.

    An error e of motion moves pixels by e times their slope, so that lambda times the mean squared slope is what
    weighs a squared error of either component, at most: estimated flow has details that no picture needs.
    """
    slopes = [frames.diff(dim=axis).square().mean() for axis in (2, 3)]
    return MOTION_SHARE * step_gain(lmbda * float(sum(slopes)) / 2, colours=1)


def _block(channels: int) -> ResBlock:
    return ResBlock(channels, start=False)
