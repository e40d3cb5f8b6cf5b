"""A learned wavelet transform: the lifting steps of CDF 9/7, each with a small network beside it.

iWave++ (Ma et al., TPAMI 2022) and pWave++ (Meyer et al., ICIP 2024). One transform serves rows, columns and all
levels. A fresh one is CDF 9/7 (`bior4.4` of PyWavelets, with mode `reflect` at the border), because networks begin at
0. Bands are scaled as there, with high-pass samples of the other sign; so the low band of a level has twice the values
of the picture that it shows.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lvc.layers.bounds import round_through
from lvc.layers.conv import conv

LOW_SCALE = 1.149604398860241
"""What CDF 9/7 multiplies low-pass samples by after lifting."""

HIGH_SCALE = 0.869864451624781
"""The same for high-pass samples; its reciprocal up to 1e-9."""

_TAPS = {
    "predict1": (0.0, -1.586134342059924, -1.586134342059924),
    "update1": (-0.052980118572961, -0.052980118572961, 0.0),
    "predict2": (0.0, 0.882911075530934, 0.882911075530934),
    "update2": (0.443506852043971, 0.443506852043971, 0.0),
}
"""CDF 9/7 as lifting steps (Daubechies and Sweldens, 1998), as taps on the sample before, at and after."""


@dataclass(frozen=True)
class Details:
    """The high bands of one level, each ``(B, 1, h, w)``.

    Attributes:
        lh: Low-pass along columns, high-pass along rows: upright edges.
        hl: High-pass along columns, low-pass along rows: level edges.
        hh: High-pass along both: diagonal ones.
    """

    lh: Tensor
    hl: Tensor
    hh: Tensor


class PredictUpdate(nn.Module):
    """A residual network with tanh, ``(B, 1, H, W)`` to the same; it begins as 0.

    Args:
        channels: Channels inside.
    """

    def __init__(self, channels: int = 16):
        super().__init__()
        self.first = conv(1, channels)
        self.body = nn.Sequential(nn.Tanh(), conv(channels, channels), nn.Tanh(), conv(channels, channels))
        self.last = conv(channels, 1)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        return self.last(x + self.body(x))


class LiftingStep(nn.Module):
    """One step along columns: three taps, and what the network makes of their output.

    Args:
        taps: Weights of the sample before, at and after.
        channels: Channels of the network.
        border: ``symmetric`` continues samples as whole-sample symmetry of the signal does, ``mirror`` repeats none of
            them, which is the released code's rule and needs two samples.
        gain: Weight of the network.
        span: Range of the samples, which the network sees scaled to 1.
    """

    def __init__(
        self,
        taps: tuple[float, float, float],
        channels: int,
        border: Literal["symmetric", "mirror"] = "symmetric",
        gain: float = 0.1,
        span: float = 256.0,
    ):
        super().__init__()
        self.mode = {"symmetric": "replicate", "mirror": "reflect"}[border]
        self.gain, self.span = gain, span
        self.skip = nn.Conv2d(1, 1, (3, 1))
        self.network = PredictUpdate(channels)
        with torch.no_grad():
            self.skip.weight.copy_(torch.tensor(taps)[:, None])
            self.skip.bias.zero_()

    def forward(self, x: Tensor) -> Tensor:
        tapped = self.skip(F.pad(x, (0, 0, 1, 1), mode=self.mode))
        return tapped + self.gain * self.span * self.network(tapped / self.span)


class Lifting(nn.Module):
    """One level along columns: ``(B, 1, H, W)`` to low and high ``(B, 1, H/2, W)``; ``H`` is even.

    Args:
        channels: Channels of the networks.
        border: See :class:`LiftingStep`.
        gain: Weight of the networks.
        scales: What low and high samples are multiplied by at the end.
        lossless: Round what every step adds and leave samples unscaled: integers stay integers, and come back.
    """

    def __init__(
        self,
        channels: int = 16,
        border: Literal["symmetric", "mirror"] = "symmetric",
        gain: float = 0.1,
        scales: tuple[float, float] = (LOW_SCALE, HIGH_SCALE),
        lossless: bool = False,
    ):
        super().__init__()
        self.lossless = lossless
        self.scales = (1.0, 1.0) if lossless else scales
        self.steps = nn.ModuleDict({n: LiftingStep(taps, channels, border, gain) for n, taps in _TAPS.items()})

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        low, high = x[:, :, 0::2], x[:, :, 1::2]
        high = high + self._step("predict1", low)
        low = low + self._step("update1", high)
        high = high + self._step("predict2", low)
        low = low + self._step("update2", high)
        return low * self.scales[0], high * self.scales[1]

    def inverse(self, low: Tensor, high: Tensor) -> Tensor:
        """Undo :meth:`forward`."""
        low, high = low / self.scales[0], high / self.scales[1]
        low = low - self._step("update2", high)
        high = high - self._step("predict2", low)
        low = low - self._step("update1", high)
        high = high - self._step("predict1", low)
        return torch.stack([low, high], 3).flatten(2, 3)

    def _step(self, name: str, x: Tensor) -> Tensor:
        step = self.steps[name](x)
        return round_through(step) if self.lossless else step


class Wavelet(nn.Module):
    """Several levels in two dimensions, by one lifting.

    Args:
        levels: Levels; sides must be divisible by ``2^levels``.
        lifting: The lifting of columns and rows.
    """

    def __init__(self, levels: int, lifting: Lifting):
        super().__init__()
        self.levels, self.lifting = levels, lifting

    @property
    def gain(self) -> float:
        """What a level multiplies the values of a flat picture by, as the taps begin."""
        return 2 * (self.lifting.scales[0] / LOW_SCALE) ** 2

    def forward(self, x: Tensor) -> tuple[Tensor, list[Details]]:
        """``(B, 1, H, W)`` to the lowest band and the details of every level, finest first."""
        details = []
        for _ in range(self.levels):
            low, high = self.lifting(x)
            x, lh = self._rows(low)
            hl, hh = self._rows(high)
            details.append(Details(lh, hl, hh))
        return x, details

    def inverse(self, low: Tensor, details: list[Details]) -> Tensor:
        """Undo :meth:`forward`; with the finest levels left out, a picture of a lower level."""
        for level in reversed(details):
            upper = self._unite_rows(low, level.lh)
            low = self.lifting.inverse(upper, self._unite_rows(level.hl, level.hh))
        return low

    def _rows(self, x: Tensor) -> tuple[Tensor, Tensor]:
        low, high = self.lifting(x.transpose(2, 3))
        return low.transpose(2, 3), high.transpose(2, 3)

    def _unite_rows(self, low: Tensor, high: Tensor) -> Tensor:
        return self.lifting.inverse(low.transpose(2, 3), high.transpose(2, 3)).transpose(2, 3)
