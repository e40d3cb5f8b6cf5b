"""One level of motion-compensated temporal filtering: a Haar lifting along motion, with denoising filters."""

from torch import Tensor, nn

from lvc.layers.bounds import round_through
from lvc.layers.lifting import PredictUpdate
from lvc.motion.warp import warp

GAINS = {"paper_code": (0.5**0.5, 0.5), "orthonormal": (1.0, 0.5)}
"""Gains of prediction and update. Those of the released code damp the prediction, which its filters have to learn to
undo; the others are Haar."""


class TemporalLifting(nn.Module):
    """Two frames to a low-pass frame in place of the first and a high-pass frame in place of the second.

    The update runs along the same motion turned round, at the same place of the grid.

    Args:
        channels: Channels of the denoising filters.
        gains: A key of :data:`GAINS`.
        lossless: Round what is predicted and updated: integers stay integers, and come back.
        weight: Weight of the denoising filters.
    """

    def __init__(self, channels: int, gains: str, lossless: bool = False, weight: float = 0.1):
        super().__init__()
        self.predict_filter, self.update_filter = PredictUpdate(channels), PredictUpdate(channels)
        self.gains, self.weight, self.lossless = GAINS[gains], weight, lossless

    def predict(self, reference: Tensor, flow: Tensor) -> Tensor:
        """What ``(N, 1, H, W)`` of the reference says of the other frame."""
        return self._filtered(warp(reference, flow), self.predict_filter, self.gains[0])

    def update(self, high: Tensor, flow: Tensor) -> Tensor:
        """What the other frame's residual adds to the reference."""
        return self._filtered(warp(high, -flow), self.update_filter, self.gains[1])

    def forward(self, current: Tensor, reference: Tensor, flow: Tensor) -> tuple[Tensor, Tensor]:
        """High-pass and low-pass frames of ``current`` and ``reference``, along motion from one to the other."""
        high = current - self.predict(reference, flow)
        return high, reference + self.update(high, flow)

    def inverse(self, high: Tensor, low: Tensor, flow: Tensor) -> tuple[Tensor, Tensor]:
        """Undo :meth:`forward`: ``current`` and ``reference``."""
        reference = low - self.update(high, flow)
        return high + self.predict(reference, flow), reference

    def _filtered(self, x: Tensor, denoise: nn.Module, gain: float) -> Tensor:
        x = gain * (x + self.weight * denoise(x))
        return round_through(x) if self.lossless else x
