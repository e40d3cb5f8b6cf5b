"""A latent coded in passes: each knows, besides a prior, what the passes before it decoded.

Groups of channels (ELIC, He et al., CVPR 2022), checkerboards (He et al., CVPR 2021), the quarters of 2x2 squares
(DCVC-DC, Li et al., CVPR 2023) and MASTC-VC's order are configurations of it. A pass is one vectorised evaluation of
its networks and one call of the stream, for exactly the elements it codes. Training, estimating, writing and reading
all go through the passes, so what is rated is what is coded.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate, pairwise

import torch
from torch import Tensor, nn

from lvc.config.parts import StagedContextConfig
from lvc.entropy.priors import ScaleLaw
from lvc.entropy.streams import SymbolStream
from lvc.layers.conv import full_precision
from lvc.layers.hyper import scales_and_means
from lvc.layers.space_channel import aggregation, channel_context, spatial_context

Region = tuple[slice, slice, slice, slice]
"""A lattice of a ``(B, C, h, w)`` tensor, as what it is indexed with."""

Pass = tuple[Region, ...]
"""What is coded at once: regions that do not overlap."""

Network = Callable[[int, int], nn.Module]
"""From numbers of input and output channels to a network that keeps height and width."""

_CHECKERBOARD = (((0, 0), (1, 1)), ((0, 1), (1, 0)))
_QUARTERS = ((0, 0), (1, 1), (0, 1), (1, 0))


@dataclass(frozen=True)
class Stage:
    """Passes that share their channels and their networks.

    Attributes:
        start: First of its channels.
        channels: How many they are.
        passes: Its passes, in coding order, over these channels alone.
    """

    start: int
    channels: int
    passes: tuple[Pass, ...]


def coding_order(config: StagedContextConfig) -> tuple[Stage, ...]:
    """The stages and passes that ``config`` describes. Together they hold every element once."""
    ends = list(accumulate(config.groups, initial=0))
    if config.spatial == "four_step":
        # in pass s group g is at quarter s + g: every pass knows something of every square
        groups = [slice(*pair) for pair in pairwise(ends)]
        passes = tuple(
            tuple(lattice(group, *_QUARTERS[(step + g) % 4]) for g, group in enumerate(groups)) for step in range(4)
        )
        return (Stage(0, ends[-1], passes),)
    if config.spatial == "checkerboard":
        passes = tuple(tuple(lattice(slice(None), i, j) for i, j in colour) for colour in _CHECKERBOARD)
    else:
        passes = (((slice(None),) * 4,),)
    return tuple(Stage(start, size, passes) for start, size in zip(ends[:-1], config.groups, strict=True))


def lattice(channels: slice, row: int, column: int) -> Region:
    """Every second row and column."""
    return (slice(None), channels, slice(row, None, 2), slice(column, None, 2))


def take(x: Tensor, regions: Pass) -> Tensor:
    """The elements of ``(B, C, h, w)`` that a pass codes, as ``(B, 1, 1, N)``."""
    return torch.cat([x[region].flatten(1) for region in regions], 1)[:, None, None]


def put(x: Tensor, regions: Pass, values: Tensor) -> Tensor:
    """The inverse of :func:`take`: ``x`` with the elements of a pass replaced, as a new tensor."""
    x, start = x.clone(), 0
    for region in regions:
        shape = x[region].shape
        end = start + shape[1:].numel()
        x[region] = values[:, 0, 0, start:end].reshape(shape)
        start = end
    return x


def code_passes(
    name: str,
    y: Tensor | None,
    nothing: Tensor,
    passes: Sequence[Pass],
    parameters: Callable[[int, Tensor], tuple[Tensor, Tensor]],
    law: ScaleLaw,
    stream: SymbolStream,
) -> tuple[Tensor, Tensor, Tensor]:
    """Code a tensor pass by pass.

    Args:
        name: Stream name, for the bits' account.
        y: ``(B, C, h, w)`` latent, ``None`` when reading.
        nothing: Zeros of its shape: what is decoded before the first pass.
        passes: Together they hold every element once.
        parameters: From a pass's number and what is decoded by then to scales and means of what the pass codes,
            ``(B, 1, 1, N)`` as :func:`take` gives them.
        law: Distribution of the latent.
        stream: Where symbols go to or come from.

    Returns:
        The decoded latent, its bits ``(B,)``, and where they were spent, if the stream keeps that.
    """
    decoded = spent = nothing
    bits = nothing.new_zeros(len(nothing))
    for step, regions in enumerate(passes):
        prior = law(*parameters(step, decoded))
        values, cost = stream.code(name, None if y is None else take(y, regions), prior)
        decoded, bits = put(decoded, regions, values), bits + cost.to(bits.device)
        if stream.keep_maps:
            spent = put(spent, regions, stream.maps[name])
    return decoded, bits, spent


class StagedContext(nn.Module):
    """Codes a latent in passes under a prior and the context of what is decoded.

    Args:
        config: Order of the passes, and which contexts they have.
        prior: Channels of the prior: what hyperprior and temporal prior give, concatenated or fused.
        law: Distribution of the latent.
        channel: Makes the network from decoded groups to a group's channel context.
        spatial: Makes the network from a group's decoded positions to the others' spatial context.
        aggregate: Makes the network from contexts and prior to scales and means. Must be pointwise.
    """

    def __init__(
        self,
        config: StagedContextConfig,
        prior: int,
        law: ScaleLaw,
        channel: Network | None = None,
        spatial: Network = spatial_context,
        aggregate: Network | None = None,
    ):
        super().__init__()
        self.law, self.stages = law, coding_order(config)
        self.channels = sum(config.groups)
        channel = channel or partial(channel_context, widths=config.widths)
        aggregate = aggregate or partial(aggregation, narrowest=prior)
        self.channel, self.spatial, self.aggregate = nn.ModuleDict(), nn.ModuleDict(), nn.ModuleList()
        for index, stage in enumerate(self.stages):
            width, inputs = 2 * stage.channels, prior
            if config.channel and stage.start:
                self.channel[str(index)] = channel(stage.start, width)
                inputs += width
            if len(stage.passes) > 1:  # the first pass has nothing decoded beside it
                later = range(1, len(stage.passes))
                self.spatial[str(index)] = nn.ModuleList(spatial(stage.channels, width) for _ in later)
                inputs += width
            self.aggregate.append(aggregate(inputs, width))

    def scale_networks(self) -> Iterator[tuple[nn.Module, slice]]:
        """The networks that make scales and means, each with its channels."""
        for stage, network in zip(self.stages, self.aggregate, strict=True):
            yield network, slice(stage.start, stage.start + stage.channels)

    def latent_readers(self) -> Iterator[tuple[nn.Module, slice]]:
        """The first layers of the networks that read decoded channels, each with those that it reads."""
        for index, stage in enumerate(self.stages):
            if str(index) in self.channel:
                yield self.channel[str(index)][0], slice(stage.start)
            if str(index) in self.spatial:
                for layer in self.spatial[str(index)]:
                    yield layer, slice(stage.start, stage.start + stage.channels)

    def code(self, name: str, y: Tensor | None, prior: Tensor, stream: SymbolStream) -> tuple[Tensor, Tensor]:
        """Code one latent in as many calls of ``stream`` as there are passes.

        Args:
            name: Stream name, for the bits' account.
            y: ``(B, C, h, w)`` latent, ``None`` when reading.
            prior: ``(B, P, h, w)`` prior of the latent.
            stream: Where symbols go to or come from.

        Returns:
            The decoded latent in float32, and its bits ``(B,)``.
        """
        batch, _, height, width = prior.shape
        latent = prior.new_zeros((batch, 0, height, width), dtype=torch.float32)
        bits, maps = torch.zeros(batch, device=prior.device), []
        with full_precision(prior):
            for index, stage in enumerate(self.stages):
                own = None if y is None else y[:, stage.start : stage.start + stage.channels]
                group, cost, spent = self._code_stage(name, index, own, latent, prior.float(), stream)
                latent, bits = torch.cat([latent, group], 1), bits + cost
                maps.append(spent)
        if stream.keep_maps:
            stream.maps[name] = torch.cat(maps, 1).sum(1, keepdim=True)
        return latent, bits

    def _code_stage(
        self, name: str, index: int, y: Tensor | None, before: Tensor, prior: Tensor, stream: SymbolStream
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Code the channels of stage ``index``: what they are decoded to, their bits, and where these were spent."""
        stage = self.stages[index]
        known = [self.channel[str(index)](before)] if str(index) in self.channel else []
        known.append(prior)

        def parameters(step: int, group: Tensor) -> tuple[Tensor, Tensor]:
            spatial = [self._spatial(index, step, group)] if str(index) in self.spatial else []
            found = scales_and_means(self.aggregate[index](torch.cat([*spatial, *known], 1)))
            return tuple(take(part, stage.passes[step]) for part in found)

        nothing = prior.new_zeros(len(prior), stage.channels, *prior.shape[2:])
        return code_passes(name, y, nothing, stage.passes, parameters, self.law, stream)

    def _spatial(self, index: int, step: int, group: Tensor) -> Tensor:
        """Spatial context of a pass; 0 for the first, which has nothing decoded beside it."""
        if step == 0:
            return group.new_zeros(len(group), 2 * group.shape[1], *group.shape[2:])
        return self.spatial[str(index)][step - 1](group)
