"""Variable rate: what a quality index q stands for, between two bounds (DCVC-FM, Li et al., CVPR 2024)."""

import math

import torch
from torch import Tensor, nn

from lvc.layers.bounds import lower_bound


def between(low: Tensor | float, high: Tensor | float, q: Tensor, last: float) -> Tensor:
    """``low`` at q = 0, ``high`` at q = ``last``, and evenly in the logarithm between (pMCTF-L, Eq. 1).

    Where q = 0 is the last there is, ``low``.
    """
    ends = [x.log() if isinstance(x, Tensor) else math.log(x) for x in (low, high)]
    return torch.exp(ends[0] + q / (last or 1) * (ends[1] - ends[0]))


def step_gain(lmbda: float, colours: int = 3) -> float:
    """What a latent is multiplied by before rounding, at a lambda.

    At high rates a bit more lowers the error of a coefficient to a quarter: with step s the error is s^2 / 12 and its
    slope by rate s^2 ln 2 / 6. With the loss R + lambda MSE, MSE a mean over ``colours`` channels of each pixel and an
    orthonormal transform, the best step is s^2 = 6 colours / (lambda ln 2).
    """
    return math.sqrt(lmbda * math.log(2) / (6 * colours))


class QualityFactor(nn.Module):
    """A positive factor of the quality index, between two bounds.

    Args:
        start: The bounds before training.
        qualities: Number of quality indices.
        trained: Whether training moves them.
    """

    SMALLEST = 1e-4

    def __init__(self, start: tuple[float, float], qualities: int, trained: bool = True):
        super().__init__()
        self.last = qualities - 1
        bounds = torch.tensor(start, dtype=torch.float32)
        if trained:
            self.bounds = nn.Parameter(bounds)
        else:
            self.register_buffer("bounds", bounds)

    def forward(self, q: Tensor) -> Tensor:
        """Factors ``(B, 1, 1, 1)`` of quality indices ``(B,)``."""
        low, high = lower_bound(self.bounds, self.SMALLEST)
        return between(low, high, q, self.last)[:, None, None, None]

    def in_hundredths(self, q: Tensor) -> Tensor:
        """The same as the released pMCTF-L codes with, an integer number of hundredths of 16 bits."""
        return (100 * self(q)).round().clamp(1, 65500) / 100
