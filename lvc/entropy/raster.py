"""An autoregressive band: every sample knows what comes before it in raster order (pWave++'s LL band).

The network is evaluated once for all samples where they are known. Where they are not (and where they are written, so
that a decoder computes the same) it is evaluated along a wavefront: a sample needs the row above it up to one column to
the right, so samples of equal ``column + 2 * row`` are coded at once, and every layer keeps what it made of earlier
ones. That takes ``w + 2 h`` evaluations instead of ``w h``, and none is done twice.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lvc.entropy.priors import ScaleLaw, ScalePrior
from lvc.entropy.streams import Estimate, SymbolStream
from lvc.entropy.wavefront import wavefronts
from lvc.layers.bounds import round_through
from lvc.layers.conv import conv
from lvc.layers.hyper import scales_and_means, start_with_scale

SLOPE = 0.2

START = 32.0
"""Scale before training: samples are means of the picture, far from 0."""


class CausalConv(nn.Conv2d):
    """3x3 convolution over the positions before one in raster order.

    Args:
        inputs: Channels in.
        outputs: Channels out.
        centre: Whether the position itself is seen too.
    """

    def __init__(self, inputs: int, outputs: int, centre: bool):
        super().__init__(inputs, outputs, 3, padding=1)
        self.centre = centre
        self.taps = [(0, 0), (0, 1), (0, 2), (1, 0)] + [(1, 1)] * centre
        mask = torch.zeros(3, 3)
        for row, column in self.taps:
            mask[row, column] = 1
        self.register_buffer("mask", mask, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.weight * self.mask, self.bias, padding=1)

    def at(self, known: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
        """The same at ``K`` positions of ``(N, C, h + 2, w + 2)`` zero-padded inputs: ``(N, outputs, K, 1)``."""
        windows = torch.stack([known[:, :, rows + i, columns + j] for i, j in self.taps], 2)
        weight = torch.stack([self.weight[:, :, i, j] for i, j in self.taps], 2)
        out = torch.matmul(weight.flatten(1), windows.flatten(1, 2)) + self.bias[:, None]
        return out[..., None]


class _IntegerPrior(ScalePrior):
    """A latent of integers: the grid is where they are, and they are rated where the grid puts the mean."""

    def __init__(self, model: ScaleLaw, scales: Tensor, means: Tensor):
        super().__init__(model, scales, round_through(means))


class _RatedAtMeans(_IntegerPrior):
    """The same, rated at the means themselves, as the released code does."""

    def __init__(self, model: ScaleLaw, scales: Tensor, means: Tensor):
        super().__init__(model, scales, means)
        self.rest = self.means - means

    def bits(self, residual: Tensor) -> Tensor:
        return super().bits(residual + self.rest)


class RasterBand(nn.Module):
    """A band of integers under a Laplace law whose scale and mean come from the samples before.

    Means are rounded, so that a decoder gets integers whatever the mean; the symbols are those of the released code.
    With an ``official`` law their bits are too: estimated at the means as they were before rounding.

    Args:
        channels: Channels of the network.
        law: Distribution of the samples.
    """

    def __init__(self, channels: int, law: ScaleLaw):
        super().__init__()
        self.law = law
        self.first = CausalConv(1, channels, centre=False)
        self.blocks = nn.ModuleList(
            nn.ModuleList(CausalConv(channels, channels, centre=True) for _ in range(2)) for _ in range(2)
        )
        self.last = CausalConv(channels, channels, centre=True)
        self.head = nn.Sequential(
            nn.LeakyReLU(SLOPE),
            conv(channels, channels, 1),
            nn.LeakyReLU(SLOPE),
            conv(channels, channels, 1),
            nn.LeakyReLU(SLOPE),
            conv(channels, 2, 1),
        )
        start_with_scale(self.head[-1], START)

    def parameters_of(self, x: Tensor | None, apply: Callable[[CausalConv, Tensor], Tensor]) -> tuple[Tensor, Tensor]:
        """Scales and means; ``apply`` evaluates a layer, everywhere or at some positions."""
        first = features = apply(self.first, x)
        for before, after in self.blocks:
            features = features + apply(after, F.leaky_relu(apply(before, features), SLOPE))
        return scales_and_means(self.head(apply(self.last, features + first)))

    def prior(self, scales: Tensor, means: Tensor) -> ScalePrior:
        """The prior of samples with these scales and means: the grid is the integers."""
        return (_RatedAtMeans if self.law.official else _IntegerPrior)(self.law, scales.float(), means.float())

    def code(self, name: str, y: Tensor | None, nothing: Tensor, stream: SymbolStream) -> tuple[Tensor, Tensor, Tensor]:
        """Code the band of several planes side by side.

        Args:
            name: Stream name.
            y: ``(B, P, h, w)`` samples, rounded here; ``None`` when reading.
            nothing: Zeros of that shape.
            stream: Where symbols go to or come from.

        Returns:
            The decoded band, its bits ``(B,)``, and where they were spent, if the stream keeps that.
        """
        if y is None or not isinstance(stream, Estimate):
            return self._code_in_turn(name, y, nothing, stream)
        y = round_through(y)
        scales, means = self.parameters_of(y.flatten(0, 1)[:, None], lambda layer, x: layer(x))
        decoded, bits = stream.code(name, y, self.prior(scales.view_as(y), means.view_as(y)))
        return decoded, bits, stream.maps[name] if stream.keep_maps else nothing

    def _code_in_turn(
        self, name: str, y: Tensor | None, nothing: Tensor, stream: SymbolStream
    ) -> tuple[Tensor, Tensor, Tensor]:
        (batch, planes, height, width), bits = nothing.shape, nothing.new_zeros(len(nothing))
        known: dict[CausalConv, Tensor] = {}

        def held(layer: CausalConv) -> Tensor:
            if layer not in known:
                known[layer] = nothing.new_zeros(batch * planes, layer.in_channels, height + 2, width + 2)
            return known[layer]

        def apply(layer: CausalConv, x: Tensor | None) -> Tensor:
            if x is not None:
                held(layer)[:, :, rows + 1, columns + 1] = x[..., 0]
            return layer.at(held(layer), rows, columns)

        for rows, columns in wavefronts(height, width, 2, nothing.device):
            scales, means = (p.view(batch, planes, -1, 1) for p in self.parameters_of(None, apply))
            own = None if y is None else y[:, :, rows, columns][..., None].round()
            values, cost = stream.code(name, own, self.prior(scales, means))
            held(self.first)[:, :, rows + 1, columns + 1] = values.flatten(0, 1)[:, None, :, 0]
            bits = bits + cost.to(bits.device)
        return known[self.first][:, 0, 1:-1, 1:-1].reshape(nothing.shape), bits, nothing
