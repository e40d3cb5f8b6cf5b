"""The factorised priors of hyper latents."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lvc.entropy.priors import ChannelModel


class FactorizedPrior(ChannelModel):
    """Four scalar layers per channel, as in DCVC and DCVC-TCM: 11 parameters a channel.

    Layers 1 to 3 map ``u = x * softplus(h) + b`` to ``u + tanh(u) * tanh(a)``; the fourth is affine. The rounding grid
    is the integers; there are no quantiles to train, because the coding tables find their support themselves.
    """

    def __init__(self, channels: int, likelihood_bound: float = 1e-9, official: bool = False):
        super().__init__(channels, likelihood_bound, official)
        self.h = nn.Parameter(torch.randn(4, channels) * 0.01)
        self.b = nn.Parameter(torch.randn(4, channels) * 0.01)
        self.a = nn.Parameter(torch.randn(3, channels) * 0.01)

    def logits(self, x: Tensor) -> Tensor:
        for h, b, a in zip(self.h[:3], self.b[:3], self.a, strict=True):
            u = x * F.softplus(h)[:, None] + b[:, None]
            x = u + torch.tanh(u) * torch.tanh(a)[:, None]
        return x * F.softplus(self.h[3])[:, None] + self.b[3][:, None]

    def sharpen(self, factor: float) -> None:
        self.h.copy_(inverse_softplus(F.softplus(self.h) * factor**0.25))


class BottleneckPrior(ChannelModel):
    """CompressAI's `EntropyBottleneck` (Balle et al. 2018, appendix 6.1), its density alone.

    Its quantiles stay as they are: the medians fix the rounding grid, so training and coding round alike, and the
    support of the coding tables is solved from the density when tables are made. No auxiliary loss is needed.

    Args:
        channels: Channels of the latent.
        likelihood_bound: Smallest probability the estimate gives a symbol.
        filters: Widths of the density's hidden layers.
    """

    def __init__(self, channels: int, likelihood_bound: float = 1e-9, filters: tuple[int, ...] = (3, 3, 3, 3)):
        from compressai.entropy_models import EntropyBottleneck

        super().__init__(channels, likelihood_bound)
        self.bottleneck = EntropyBottleneck(channels, filters=filters)
        self.bottleneck.quantiles.requires_grad_(False)

    def logits(self, x: Tensor) -> Tensor:
        return self.bottleneck._logits_cumulative(x[:, None], stop_gradient=False)[:, 0]

    def sharpen(self, factor: float) -> None:
        first = self.bottleneck.matrices[0]
        first.copy_(inverse_softplus(F.softplus(first) * factor))

    def medians(self) -> Tensor:
        return self.bottleneck.quantiles[:, 0, 1].detach()


def inverse_softplus(x: Tensor) -> Tensor:
    """What softplus makes ``x`` of, ``x`` above 0."""
    return x + torch.log(-torch.expm1(-x))
