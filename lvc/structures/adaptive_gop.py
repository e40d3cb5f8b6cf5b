"""Which groups a block of frames is split into, and the resolution of each group's motion: pMCTF-CA-L.

An encoder's decision per block, on what it costs: lambda times MSE plus bits per pixel, summed over the frames, with
the bits of the payloads and the error of frames as they are shown. Packets tell the groups as ever, each by its
low-pass frame; a group tells its factor before its first motion, in ``log2`` of the number of factors bits.

Paper: "content adaptive GOP choice from [6]", no more (Meyer and Kaup 2025, Sec. 4.2). ``early_stop`` is the released
code's search, a length and a factor per block. ``exhaustive`` is ours: halves are split, or not, on their own, and
each group has its own factor. The released code tells a decoder neither, and weighs the mean PSNR of Y, Cb and Cr;
here it is the error in RGB, which evaluations measure.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import torch
from torch import Tensor

from lvc.codec import EncodedFrame, Rate
from lvc.config.adaptive_gop import AdaptiveGOPConfig
from lvc.config.contract import ConfigError, build
from lvc.entropy.streams import SymbolStream
from lvc.errors import BitstreamError
from lvc.motion.resolution import Factors, MotionScale, fitting
from lvc.structures.dyadic import Span, groups

Write = Callable[[Span, MotionScale], Iterable[EncodedFrame]]
"""Codes a group of a block with motion at a resolution."""


@dataclass(frozen=True)
class Trial:
    """A group, coded.

    Attributes:
        span: Its place in the block.
        frames: What it became, in coding order.
        cost: Lambda times MSE plus bits per pixel, summed over its frames.
    """

    span: Span
    frames: list[EncodedFrame]
    cost: float


Try = Callable[[Span, int], Trial]
"""Codes a group with motion at 1 / factor of the size."""


class AdaptiveGOP:
    """A choice of groups.

    Args:
        config: Lengths, factors, search and filter.

    Attributes:
        lmbda: Weight of the distortion, ``None`` for that of the rate point.
        compares_costs: Whether the search needs it.
        option: What messages call the choice.
        instead: What a user may do where no lambda is known.
    """

    option = "structure.adaptive"
    instead = "give structure.lmbda"

    def __init__(self, config: AdaptiveGOPConfig):
        self.search, self.gops, self.factors = config.search, config.gops, config.factors
        self.scale = MotionScale(1, "omra", config.filter)
        self.lmbda = config.lmbda
        self.compares_costs = len(self.gops) > 1 or len(self.factors) > 1
        self._fitting = Factors(config.factors)

    def describe(self) -> dict[str, Any]:
        """What a decoder has to know, as a bitstream's header says it."""
        return {"factors": list(self.factors), "filter": self.scale.filter}

    def tell(self, scale: MotionScale, stream: SymbolStream) -> dict[str, Tensor]:
        """Write a group's resolution; returns its bits by stream name, none where there is nothing to choose."""
        if len(self.factors) == 1:
            return {}
        return {"resolution": stream.choose(self.factors.index(scale.factor), len(self.factors))[1]}

    def read(self, stream: SymbolStream, size: tuple[int, int]) -> MotionScale:
        """The resolution that the encoder chose for a group of frames of ``(h, w)``.

        Raises:
            BitstreamError: If no encoder would have chosen it.
        """
        option, _ = stream.choose(None, len(self.factors))
        if self.factors[option] not in fitting(self.factors, size):
            frames = f"frames of {size[1]}x{size[0]}, which are too small for it"
            raise BitstreamError(f"damaged choice: motion at 1/{self.factors[option]} of {frames}")
        return replace(self.scale, factor=self.factors[option])

    def best(self, block: list[Tensor], rate: Rate, write: Write) -> Iterator[EncodedFrame]:
        """Code a block as the search finds best.

        Args:
            block: ``(1, 3, h, w)`` frames in [0, 1], at most as many as the longest group has.
            rate: The rate point; its lambda weighs the distortion.
            write: Codes a group of it.
        """
        lmbda = self.lmbda if self.lmbda is not None else 0.0 if rate.lmbda is None else float(rate.lmbda)
        gops = [gop for gop in self.gops if gop <= len(block)] or [len(block)]
        factors = self._fitting.fit(tuple(block[0].shape[-2:]))

        def trial(span: Span, factor: int) -> Trial:
            frames = list(write(span, replace(self.scale, factor=factor)))
            shown = zip(sorted(frames, key=lambda f: f.packet.index), block[span[0] : sum(span)], strict=True)
            return Trial(span, frames, sum(frame_cost(coded, frame, lmbda) for coded, frame in shown))

        search = _early_stop if self.search == "early_stop" else _exhaustive
        for chosen in search(len(block), gops, factors, trial):
            yield from chosen.frames


def _early_stop(frames: int, gops: list[int], factors: list[int], trial: Try) -> list[Trial]:
    """One length for the block, one factor for its groups: each smaller than the one before, until one costs more."""
    best = _until_dearer([trial(span, factors[0]) for span in groups(frames, gop)] for gop in gops)
    if all(length == 1 for _, length in (group.span for group in best)):
        return best  # nothing moves
    smaller = ([trial(group.span, factor) for group in best] for factor in factors[1:])
    return _until_dearer(chain([best], smaller))


def _until_dearer(options: Iterable[list[Trial]]) -> list[Trial]:
    """The last of the options before one that costs more than the one before it."""
    best: list[Trial] = []
    for option in options:
        if best and _total(option) > _total(best):
            break
        best = option
    return best


def _exhaustive(frames: int, gops: list[int], factors: list[int], trial: Try) -> list[Trial]:
    """Every group whole or split, each part in its turn, and every factor of each."""

    def split(start: int, length: int) -> list[Trial]:
        own = factors if length > 1 else factors[:1]
        whole = [min((trial((start, length), factor) for factor in own), key=lambda group: group.cost)]
        shorter = next((gop for gop in gops if gop < length), None)
        if shorter is None:
            return whole
        parts = [group for at in range(start, start + length, shorter) for group in split(at, shorter)]
        return parts if _total(parts) < _total(whole) else whole

    return [group for span in groups(frames, gops[0]) for group in split(*span)]


def _total(groups: list[Trial]) -> float:
    return sum(group.cost for group in groups)


def frame_cost(coded: EncodedFrame, frame: Tensor, lmbda: float) -> float:
    """Lambda times MSE plus bits per pixel of ``(1, 3, h, w)`` in [0, 1]."""
    return lmbda * frame_error(coded, frame) + 8 * len(coded.packet.payload) / (frame.shape[-2] * frame.shape[-1])


def frame_error(coded: EncodedFrame, frame: Tensor) -> float:
    """MSE of ``(1, 3, h, w)`` in [0, 1], as it is shown."""
    return float(torch.mean((coded.frame.float() - frame.float()).square()))


def adaptive_gop(config: AdaptiveGOPConfig) -> AdaptiveGOP | None:
    """What a configuration asks for: a choice of groups, or none."""
    return AdaptiveGOP(config) if config.adaptive else None


def of_header(structure: dict[str, Any]) -> AdaptiveGOP | None:
    """What a bitstream's header asks of a decoder; see :meth:`AdaptiveGOP.describe`.

    Raises:
        BitstreamError: If it asks for what there is not.
    """
    described = structure.get("adaptive")
    if described is None:
        return None
    if not isinstance(described, Mapping):
        raise BitstreamError(f"not decodable: its header says {described!r} where options should be")
    try:
        return AdaptiveGOP(build(AdaptiveGOPConfig, {"adaptive": True, **described}, "structure"))
    except ConfigError as error:
        raise BitstreamError(f"not decodable: {error}") from None
