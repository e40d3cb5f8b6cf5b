"""The context model of pWave++: wavelet bands, coarse to fine, under what is decoded of all bands before.

A long-term context of three convolutional LSTM cells goes through all bands. Every band but the lowest is coded in
four passes, a quarter of every 2x2 square each, under that context, the band of the same orientation one level below,
and the passes before. Several planes of one size go side by side: networks see them as a batch, streams as channels.
"""

from dataclasses import dataclass, field
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lvc.config.pwave import WaveletCoderConfig
from lvc.entropy.priors import ScaleLaw
from lvc.entropy.raster import START, RasterBand
from lvc.entropy.staged import code_passes, lattice
from lvc.entropy.streams import SymbolStream
from lvc.layers.bounds import round_through
from lvc.layers.conv import ResBlock, conv, full_precision
from lvc.layers.depth_conv import DepthConvBlock
from lvc.layers.hyper import scales_and_means, start_with_scale

ORIENTATIONS = ("lh", "hl", "hh")
"""Bands of a level in coding order; the long-term context has a channel for each."""

_QUARTERS = ((0, 0), (0, 1), (1, 0), (1, 1))
"""Row and column within 2x2 squares, pass by pass."""

_PASSES = tuple((lattice(slice(None), i, j),) for i, j in _QUARTERS)

Cell = tuple[Tensor, Tensor]
"""Hidden state and memory of an LSTM cell."""


@dataclass
class Decoded:
    """What is decoded of planes of one size.

    Attributes:
        lowest: ``(B, P, h, w)`` LL band, quantised.
        details: Bands by orientation, coarsest level first.
        bits: ``(B,)`` by stream name.
        cells: States of the long-term context.
        maps: ``(B, 1, h, w)`` where bits were spent, by stream name and level, if the stream keeps that.
    """

    lowest: Tensor
    details: list[dict[str, Tensor]] = field(default_factory=list)
    bits: dict[str, Tensor] = field(default_factory=dict)
    cells: list[Cell] = field(default_factory=list)
    maps: dict[tuple[str, int], Tensor] = field(default_factory=dict)


class LongTermContext(nn.Module):
    """Three convolutional LSTM cells over the bands, with one gate for input, output and forgetting.

    Args:
        channels: Hidden channels of the first two cells.
        levels: Levels of the transform.
    """

    def __init__(self, channels: int, levels: int):
        super().__init__()
        widths = (1, channels, channels, len(ORIENTATIONS))
        self.widths = widths[1:]
        self.inputs = nn.ModuleList(conv(i, o) for i, o in pairwise(widths))
        self.hidden = nn.ModuleList(conv(o, o) for o in self.widths)
        self.enlarge = nn.ModuleList(
            nn.ModuleList(nn.ModuleList(conv(o, o) for _ in range(2)) for o in self.widths) for _ in range(levels - 1)
        )

    def start(self, like: Tensor) -> list[Cell]:
        """States before the first band, for ``(N, 1, h, w)`` bands."""
        shapes = ((len(like), o, *like.shape[2:]) for o in self.widths)
        return [(zero, zero) for zero in map(like.new_zeros, shapes)]

    def forward(self, band: Tensor, cells: list[Cell]) -> list[Cell]:
        """States after ``(N, 1, h, w)`` of a decoded band; the last hidden state is the context."""
        after = []
        for inputs, recurrent, (hidden, memory) in zip(self.inputs, self.hidden, cells, strict=True):
            mixed = inputs(band) + recurrent(hidden)
            gate = mixed.sigmoid()
            memory = gate * memory + gate * mixed.tanh()
            band = gate * memory.tanh()
            after.append((band, memory))
        return after

    def to_next_level(self, level: int, cells: list[Cell]) -> list[Cell]:
        """States at twice the size, from ``level`` (0 is the coarsest) to the next."""
        return [
            tuple(layer(F.interpolate(state, scale_factor=2.0)) for layer, state in zip(layers, cell, strict=True))
            for layers, cell in zip(self.enlarge[level], cells, strict=True)
        ]


class QuarterHead(nn.Sequential):
    """Features ``(N, C, h, w)`` to scales and means ``(N, 2, h/2, w/2)`` of one quarter of the positions.

    Args:
        channels: Channels of the features.
    """

    def __init__(self, channels: int):
        super().__init__(_block(channels), _block(channels), conv(channels, 2, 1))

    def forward(self, x: Tensor, row: int, column: int) -> Tensor:
        first, second, last = self
        return last(second.at_quarter(first(x), row, column))


class FourStepBand(nn.Module):
    """A band in four passes under Laplace laws.

    Args:
        channels: Channels of the networks.
        context: Whether the long-term context is known.
        lower: Whether the band below is known.
        law: Distribution of the samples.
        integer: Round means, so that decoded samples are integers.
        start: Scale before training.
    """

    def __init__(self, channels: int, context: bool, lower: bool, law: ScaleLaw, integer: bool, start: float = 1.0):
        super().__init__()
        self.law, self.integer = law, integer
        self.lower = conv(1, 1) if lower else None
        self.known = nn.Sequential(conv(max(context + lower, 1), channels), _block(channels), _block(channels))
        self.first = DepthConvBlock(channels, 2)
        self.decoded = nn.ModuleList(nn.Sequential(conv(1, channels), _block(channels)) for _ in _PASSES[1:])
        self.heads = nn.ModuleList(QuarterHead(channels) for _ in _PASSES[1:])
        for layer in (self.first.depth[-1], *(head[-1] for head in self.heads)):
            start_with_scale(layer, start)

    def code(
        self,
        name: str,
        y: Tensor | None,
        nothing: Tensor,
        stream: SymbolStream,
        context: Tensor | None = None,
        lower: Tensor | None = None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Code ``y`` as :func:`lvc.entropy.staged.code_passes` does.

        Args:
            name: Stream name.
            y: ``(B, P, h, w)`` band, ``None`` when reading.
            nothing: Zeros of that shape.
            stream: Where symbols go to or come from.
            context: ``(B * P, 1, h, w)`` long-term context, if there is one.
            lower: ``(B, P, h/2, w/2)`` decoded band below, if there is one.
        """
        inputs = [] if context is None else [context]
        if lower is not None:
            inputs.append(self.lower(F.interpolate(as_batch(lower), scale_factor=2.0)))
        known = self.known(torch.cat(inputs or [as_batch(nothing)], 1))

        def parameters(step: int, decoded: Tensor) -> tuple[Tensor, Tensor]:
            row, column = _QUARTERS[step]
            if step == 0:
                found = self.first(known)[..., row::2, column::2]
            else:
                found = self.heads[step - 1](known + self.decoded[step - 1](as_batch(decoded)), row, column)
            scales, means = (part.reshape(len(nothing), 1, 1, -1) for part in scales_and_means(found))
            return scales, round_through(means) if self.integer else means

        return code_passes(name, y, nothing, _PASSES, parameters, self.law, stream)


class SubbandCoder(nn.Module):
    """All bands of planes of one size. Bands are in units of the quantisation step.

    Args:
        config: The coder's configuration.
        law: Distribution of the samples.
    """

    def __init__(self, config: WaveletCoderConfig, law: ScaleLaw):
        super().__init__()
        self.levels = config.levels
        self.lowest = (
            RasterBand(config.ll_channels, law)
            if config.ll_context == "autoregressive"
            else FourStepBand(config.context_channels, False, False, law, config.lossless, START)
        )
        self.memory = LongTermContext(config.memory_channels, config.levels)
        self.bands = nn.ModuleList(
            nn.ModuleDict(
                {o: FourStepBand(config.context_channels, True, level > 0, law, config.lossless) for o in ORIENTATIONS}
            )
            for level in range(config.levels)
        )

    def code_lowest(self, y: Tensor | None, shape: tuple[int, int, int, int], stream: SymbolStream) -> Decoded:
        """Code the LL band.

        Args:
            y: ``(B, P, h, w)`` band, ``None`` when reading.
            shape: Its shape.
            stream: Where symbols go to or come from.
        """
        nothing = torch.zeros(shape, device=self.memory.inputs[0].weight.device)
        with full_precision(nothing):
            lowest, bits, spent = self.lowest.code("ll", None if y is None else y.float(), nothing, stream)
            decoded = Decoded(lowest, bits={"ll": bits}, cells=self.memory.start(as_batch(nothing)))
            decoded.cells = self.memory(as_batch(lowest), decoded.cells)
        if stream.keep_maps:
            decoded.maps["ll", 0] = spent.sum(1, keepdim=True)
        return decoded

    def code_level(self, y: dict[str, Tensor] | None, decoded: Decoded, stream: SymbolStream) -> None:
        """Code the next level's bands, coarse to fine, and add them to ``decoded``.

        Args:
            y: ``(B, P, h, w)`` bands by orientation, ``None`` when reading.
            decoded: What is decoded so far.
            stream: Where symbols go to or come from.
        """
        level, below = len(decoded.details), decoded.details[-1] if decoded.details else {}
        bands: dict[str, Tensor] = {}
        with full_precision(decoded.lowest):
            if level:
                decoded.cells = self.memory.to_next_level(level - 1, decoded.cells)
            for channel, name in enumerate(ORIENTATIONS):
                context = decoded.cells[-1][0][:, channel : channel + 1]
                batch, planes = decoded.lowest.shape[:2]
                nothing = context.new_zeros(batch, planes, *context.shape[2:])
                own = None if y is None else y[name].float()
                coder = self.bands[level][name]
                bands[name], bits, spent = coder.code(name, own, nothing, stream, context, below.get(name))
                decoded.bits[name] = decoded.bits.get(name, 0) + bits
                if (level, name) != (self.levels - 1, ORIENTATIONS[-1]):  # nothing comes after the very last band
                    decoded.cells = self.memory(as_batch(bands[name]), decoded.cells)
                if stream.keep_maps:
                    decoded.maps[name, level] = spent.sum(1, keepdim=True)
        decoded.details.append(bands)


def _block(channels: int) -> ResBlock:
    return ResBlock(channels, slope=0.2, start=False)


def as_batch(x: Tensor) -> Tensor:
    """Planes ``(B, P, h, w)`` as a batch ``(B * P, 1, h, w)``."""
    return x.flatten(0, 1)[:, None]
