"""Distributions of latents: one Laplace or Gaussian per element, or one learned density per channel."""

import math
from abc import ABC, abstractmethod
from functools import cached_property
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from lvc.entropy.tables import CodingTables, counts
from lvc.layers.bounds import lower_bound


class EntropyModel(nn.Module, ABC):
    """A family of distributions of integers, with the coding tables made from it.

    Tables are made when first needed, dropped when weights may change, and taken from an export where there is one.
    """

    def __init__(self):
        super().__init__()
        self._tables: CodingTables | None = None

    @property
    def tables(self) -> CodingTables:
        """The coding tables."""
        if self._tables is None:
            with torch.no_grad():
                self._tables = self.make_tables()
        return self._tables

    @tables.setter
    def tables(self, tables: CodingTables | None) -> None:
        self._tables = tables

    @abstractmethod
    def make_tables(self) -> CodingTables:
        """Coding tables of the distributions as they are now."""

    def train(self, mode: bool = True) -> "EntropyModel":
        """Leaving eval mode drops the tables: weights are about to move."""
        if mode:
            self._tables = None
        return super().train(mode)

    def _load_from_state_dict(self, *args, **kwargs) -> None:
        self._tables = None
        super()._load_from_state_dict(*args, **kwargs)


class Prior(ABC):
    """The distribution of one latent, as both sides of a channel know it.

    Attributes:
        means: Centre of the rounding grid, broadcastable to ``shape``; float32.
        shape: Shape of the latent ``(B, C, h, w)``.
        model: Whose coding tables :meth:`index` counts in.
    """

    means: Tensor
    shape: torch.Size
    model: EntropyModel

    @abstractmethod
    def bits(self, residual: Tensor) -> Tensor:
        """Bits of each element of ``residual`` (latent minus means), differentiable, same shape."""

    @abstractmethod
    def index(self) -> np.ndarray:
        """Coding-table index of each element, unsigned integers of shape :attr:`shape`."""


class ScaleLaw(EntropyModel):
    """Zero-mean Laplace or Gaussian, one scale per element; scales are coded in 256 logarithmic steps.

    DCVC-TCM codes its latents with a Laplace law (Sec. III-A.6), CompressAI's intra codecs with a Gaussian.

    Args:
        law: Distribution.
        likelihood_bound: Smallest probability the estimate gives a symbol.
        official: Follow the released DCVC-TCM and pMCTF-L: scales clamped at 1e-5 without a gradient below, 1e-5 added
            to every probability, table indices rounded to the next smaller scale, tables at most 101 symbols wide.
    """

    LEVELS = 256

    def __init__(self, law: Literal["laplace", "gaussian"], likelihood_bound: float = 1e-9, official: bool = False):
        super().__init__()
        self.law, self.likelihood_bound, self.official = law, likelihood_bound, official
        self.smallest, largest = (0.01, 64.0) if law == "laplace" else (0.11, 256.0)
        levels = torch.logspace(math.log2(self.smallest), math.log2(largest), self.LEVELS, 2, dtype=torch.float64)
        self.register_buffer("levels", levels, persistent=False)
        # nearest level in the logarithm; the released code takes the next smaller one
        edges = levels[1:] if official else (levels[1:] * levels[:-1]).sqrt()
        self.register_buffer("edges", edges.float(), persistent=False)

    def forward(self, scales: Tensor, means: Tensor) -> "ScalePrior":
        """The prior of a latent with these ``(B, C, h, w)`` scales and means."""
        return ScalePrior(self, scales.float(), means.float())

    def scales_of(self, deviations: Tensor) -> Tensor:
        """The scales of laws of these standard deviations."""
        return deviations / math.sqrt(2) if self.law == "laplace" else deviations

    def bound(self, scales: Tensor) -> Tensor:
        """Scales as the estimate uses them."""
        return scales.clamp(1e-5, 1e10) if self.official else lower_bound(scales, self.smallest)

    def index(self, scales: Tensor) -> np.ndarray:
        """Coding-table index of each scale, uint8: how many edges are not above it.

        Comparisons only, so every machine finds the same; a look-up by leading bits saves the binary search.
        """
        edges, first = self._lookup
        scales = scales.detach().cpu().contiguous().numpy().clip(self.smallest, float(self.levels[-1]))
        index = first.take(scales.view(np.int32) >> 16)
        index += scales >= edges.take(index)
        return index

    @cached_property
    def _lookup(self) -> tuple[np.ndarray, np.ndarray]:
        """Edges between levels, and the index at the start of every cell of floats.

        A float's sign, exponent and first 7 mantissa bits name a cell, and a cell holds at most one edge.
        """
        edges = self.edges.cpu().numpy()
        cells = (np.arange(1 << 15, dtype=np.int32) << 16).view(np.float32)
        first = np.searchsorted(edges, np.nan_to_num(cells, nan=np.inf), side="right")
        return np.append(edges, np.float32(np.inf)), first.astype(np.uint8)

    def cdf(self, x: Tensor, scales: Tensor) -> Tensor:
        """Distribution function at ``x``."""
        if self.law == "gaussian":
            return 0.5 * torch.erfc(-x / (scales * math.sqrt(2)))
        return 0.5 - 0.5 * x.sign() * torch.expm1(-x.abs() / scales)

    def bits(self, residual: Tensor, scales: Tensor) -> Tensor:
        """Bits of each residual."""
        folded = -residual.abs()  # the left tail keeps its digits, the right one would cancel
        probability = self.cdf(folded + 0.5, scales) - self.cdf(folded - 0.5, scales)
        return _bits(probability, self.likelihood_bound, self.official)

    def make_tables(self) -> CodingTables:
        """One row per scale level."""
        levels = self.levels.cpu()[:, None]

        def cdf(x: np.ndarray) -> np.ndarray:
            return self.cdf(torch.tensor(x), levels).numpy()

        if not self.official:
            return CodingTables.from_cdf(cdf, self.LEVELS, widest=512, tail=2.0**-22)
        return self._official_tables(cdf)

    def _official_tables(self, cdf) -> CodingTables:
        reach = cdf(np.broadcast_to(np.arange(2.0, 51.0), (self.LEVELS, 49))) > 0.9999
        half = np.where(reach.any(1), reach.argmax(1) + 2, 50)
        edges = cdf(np.broadcast_to(np.arange(-50, 52) - 0.5, (self.LEVELS, 102)))
        rows = [np.diff(line[50 - c : 52 + c]) for line, c in zip(edges, half, strict=True)]
        return CodingTables([counts(np.append(r, max(0, 1 - r.sum()))) for r in rows], -half)


class ScalePrior(Prior):
    """A latent with one mean and one scale per element."""

    def __init__(self, model: ScaleLaw, scales: Tensor, means: Tensor):
        self.model, self.scales, self.means, self.shape = model, scales, means, means.shape

    def bits(self, residual: Tensor) -> Tensor:
        return self.model.bits(residual, self.model.bound(self.scales))

    def index(self) -> np.ndarray:
        return self.model.index(self.scales)


class ChannelModel(EntropyModel):
    """One learned density per channel: what a hyper latent is coded with.

    A subclass gives :meth:`logits`, increasing functions whose sigmoid is the distribution function.

    Args:
        channels: Channels of the latent.
        likelihood_bound: Smallest probability the estimate gives a symbol.
        official: Add 1e-5 to every probability, as the released DCVC-TCM and pMCTF-L do.
    """

    def __init__(self, channels: int, likelihood_bound: float = 1e-9, official: bool = False):
        super().__init__()
        self.channels, self.likelihood_bound, self.official = channels, likelihood_bound, official

    @abstractmethod
    def logits(self, x: Tensor) -> Tensor:
        """``(C, K)`` points of each channel to ``(C, K)`` logits of the distribution function."""

    @abstractmethod
    def sharpen(self, factor: float) -> None:
        """Make the slopes of :meth:`logits` this many times as steep, before training."""

    @torch.no_grad()
    def start_with_deviation(self, deviation: float) -> None:
        """Begin as about a logistic law of this deviation in every channel."""
        device = self.medians().device
        ends = torch.tensor([[-0.5, 0.5]], device=device).expand(self.channels, -1) + self.medians()[:, None]
        slope = self.logits(ends).diff(dim=1).mean()
        self.sharpen(math.pi / (math.sqrt(3) * deviation) / float(slope))

    def medians(self) -> Tensor:
        """``(C,)`` centre of each channel's rounding grid."""
        return torch.zeros(self.channels, device=next(self.parameters()).device)

    def forward(self, shape: tuple[int, ...]) -> "ChannelPrior":
        """The prior of a latent of ``shape`` ``(B, C, h, w)``."""
        return ChannelPrior(self, torch.Size(shape))

    def bits(self, residual: Tensor) -> Tensor:
        """Bits of each element of ``(B, C, h, w)`` residuals."""
        x = residual.transpose(0, 1).reshape(self.channels, -1) + self.medians()[:, None]
        lower, upper = self.logits(x - 0.5), self.logits(x + 0.5)
        sign = -(lower + upper).sign().detach()  # subtract in the tail where sigmoids keep their digits
        probability = (torch.sigmoid(sign * upper) - torch.sigmoid(sign * lower)).abs()
        bits = _bits(probability, self.likelihood_bound, self.official)
        shape = residual.shape
        return bits.reshape(shape[1], shape[0], *shape[2:]).transpose(0, 1)

    def make_tables(self) -> CodingTables:
        """One row per channel; the support is where the density is, found from the distribution function."""
        medians = self.medians().cpu().double().numpy()[:, None]

        def cdf(x: np.ndarray) -> np.ndarray:
            points = torch.from_numpy(x + medians).float().to(self.medians().device)
            return torch.sigmoid(self.logits(points).double()).cpu().numpy()

        return CodingTables.from_cdf(cdf, self.channels, widest=512, tail=2.0**-22)


class ChannelPrior(Prior):
    """A latent with one learned density per channel."""

    def __init__(self, model: ChannelModel, shape: torch.Size):
        self.model, self.shape = model, shape
        self.means = model.medians().detach()[:, None, None]

    def bits(self, residual: Tensor) -> Tensor:
        return self.model.bits(residual)

    def index(self) -> np.ndarray:
        channels = np.arange(self.shape[1], dtype=np.uint16)
        return np.broadcast_to(channels[:, None, None], self.shape)


def _bits(probability: Tensor, bound: float, official: bool) -> Tensor:
    """Information of symbols, kept finite as the model's own or the released code does it."""
    if official:
        return (-torch.log2(probability + 1e-5)).clamp(0, 50)
    return -torch.log2(lower_bound(probability, bound))
