"""Generalised divisive normalisation."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lvc.layers.bounds import lower_bound

_PEDESTAL = 2.0**-36


class GDN(nn.Module):
    """``x_i / sqrt(beta_i + sum_j gamma_ij x_j^2)``; the inverse multiplies (Balle et al., ICLR 2016).

    Stored as square roots, so that released weights of DCVC-TCM and CompressAI fit as they are.

    Args:
        channels: Channels.
        inverse: Multiply instead of dividing.
    """

    def __init__(self, channels: int, inverse: bool = False):
        super().__init__()
        self.inverse = inverse
        self.beta = nn.Parameter((torch.ones(channels) + _PEDESTAL).sqrt())
        self.gamma = nn.Parameter((0.1 * torch.eye(channels) + _PEDESTAL).sqrt())

    def forward(self, x: Tensor) -> Tensor:
        beta = lower_bound(self.beta, (1e-6 + _PEDESTAL) ** 0.5) ** 2 - _PEDESTAL
        gamma = lower_bound(self.gamma, _PEDESTAL**0.5) ** 2 - _PEDESTAL
        norm = F.conv2d(x * x, gamma[:, :, None, None], beta)
        return x * (norm.sqrt() if self.inverse else norm.rsqrt())


def igdn(channels: int) -> GDN:
    """Inverse GDN."""
    return GDN(channels, inverse=True)
