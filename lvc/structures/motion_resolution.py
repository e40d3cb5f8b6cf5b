"""Which resolution each frame's motion is estimated and coded at: OMRA (arXiv 2402.12816), and cheaper searches.

An encoder's decision per predicted frame; a decoder reads it, in ``log2`` of the number of factors bits. No codec is
trained for it. The paper says that the factor is signalled, not how; that its distortion is a mean squared error in
RGB, and here it is that of the frame as it is shown: clamped, without padding.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from lvc.codec import FrameCoding, FrameJob, VideoCodec
from lvc.config.contract import ConfigError, build
from lvc.config.motion_resolution import MotionResolutionConfig, check_variant
from lvc.config.spec import Model, ModelSpec
from lvc.entropy.streams import SymbolStream, Write
from lvc.errors import BitstreamError, UserError
from lvc.motion.resolution import Factors, MotionScale


@dataclass(frozen=True)
class Trial:
    """A frame, coded with its motion at one resolution.

    Attributes:
        factor: What pictures were made smaller by.
        coding: Its coding, with bits of a stream ``resolution``.
        payload: What was written.
        cost: Lambda times MSE plus bits per pixel; 0 where the search compares no costs.
        tried: Bits and cost of every factor that was compared.
    """

    factor: int
    coding: FrameCoding
    payload: bytes
    cost: float = 0.0
    tried: dict[int, tuple[int, float]] = field(default_factory=dict)


class MotionResolution:
    """A choice among resolutions of motion.

    Args:
        config: Factors, search, variant and filter; ``search`` is not ``none``.

    Attributes:
        lmbda: Weight of the distortion, ``None`` for that of the rate point.
        compares_costs: Whether the search needs it.
        option: What messages call the choice.
        instead: What a user may do where no lambda is known.
        classifier: Frame and references to a logit per factor; whoever asks for ``search=classifier`` sets it.
    """

    option = "motion_resolution"
    instead = "give motion_resolution.lmbda, or search=ranked, which needs none"
    classifier: nn.Module | None = None

    def __init__(self, config: MotionResolutionConfig):
        self.config, self.factors, self.search = config, config.factors, config.search
        self.scale = MotionScale(1, config.variant, config.filter)
        self.lmbda = config.lmbda
        self.compares_costs = config.compares_costs
        self._fitting = Factors(config.factors)

    def describe(self) -> dict[str, Any]:
        """What a decoder has to know, as a bitstream's header says it."""
        return {"factors": list(self.factors), **{k: v for k, v in asdict(self.scale).items() if k != "factor"}}

    def read(self, stream: SymbolStream) -> MotionScale:
        """The resolution that the encoder chose."""
        option, _ = stream.choose(None, len(self.factors))
        return replace(self.scale, factor=self.factors[option])

    def best(self, codec: VideoCodec, job: FrameJob, size: tuple[int, int], distance: int) -> Trial:
        """Code a frame at the resolution that the search finds best.

        Args:
            codec: The codec; it is left as it was.
            job: The frame ``(1, 3, H, W)``, padded to the codec's stride; its rate's lambda weighs the distortion.
            size: ``(h, w)`` before padding.
            distance: Frames to the references.
        """
        scales = [replace(self.scale, factor=factor) for factor in self._allowed(size, distance)]
        if self.config.narrows and len(scales) > self.config.candidates:
            scales = self._likeliest(codec, job, size, scales)
        if len(scales) > 1:
            job = replace(job, state=codec.prepared(job.state))
        best, tried = None, {}
        for trial in self._trials(codec, job, size, scales):
            best = trial if best is None or trial.cost < best.cost else best
            if len(scales) > 1:
                tried[trial.factor] = (8 * len(trial.payload), trial.cost)
        return replace(best, tried=tried)

    def _likeliest(
        self, codec: VideoCodec, job: FrameJob, size: tuple[int, int], scales: list[MotionScale]
    ) -> list[MotionScale]:
        """As many resolutions as there may be candidates, found without coding, in ascending order."""
        shown = (..., slice(size[0]), slice(size[1]))
        frame = job.frame[shown]
        if self.search == "ranked":
            warped = (codec.warped(job.kind, job.frame, job.state, scale) for scale in scales)
            unlike = [_mse(picture[shown], frame) for picture in warped]
        else:
            logits = self.classifier(frame, *(picture[shown] for picture in pictures(job.state)))[0]
            unlike = [-float(logits[self.factors.index(scale.factor)]) for scale in scales]
        best = sorted(range(len(scales)), key=unlike.__getitem__)[: self.config.candidates]
        return [scales[index] for index in sorted(best)]

    def _allowed(self, size: tuple[int, int], distance: int) -> list[int]:
        """Factors that the frame is large enough for, and its temporal level is allowed."""
        fit = self._fitting.fit(size)
        if self.search != "by_level":
            return fit
        return [factor for factor in fit if factor <= 2 * distance] or [fit[0]]

    def _trials(
        self, codec: VideoCodec, job: FrameJob, size: tuple[int, int], scales: list[MotionScale]
    ) -> Iterator[Trial]:
        """The frame coded at each resolution; ``early_stop`` ends after the first that costs more than one before."""
        least = float("inf")
        for scale in scales:
            stream = Write()
            _, bits = stream.choose(self.factors.index(scale.factor), len(self.factors))
            coding = codec.code_frame(replace(job, stream=stream, scale=scale))
            coding = replace(coding, bits={"resolution": bits, **coding.bits})
            payload = stream.payload()
            if len(scales) == 1:
                yield Trial(scale.factor, coding, payload)
                return
            shown = (..., slice(size[0]), slice(size[1]))
            error = _mse(coding.frame[shown].clamp(0, 1), job.frame[shown])
            lmbda = float(job.rate.lmbda) if self.lmbda is None else self.lmbda
            cost = lmbda * error + 8 * len(payload) / (size[0] * size[1])
            yield Trial(scale.factor, coding, payload, cost)
            if self.search == "early_stop" and cost > least:
                return
            least = min(least, cost)


def motion_resolution(config: MotionResolutionConfig) -> MotionResolution | None:
    """What a configuration asks for: a choice among resolutions, or the frame's own."""
    return None if config.search == "none" else MotionResolution(config)


def asked(config: MotionResolutionConfig, model: Model) -> MotionResolution | None:
    """What a user asks a model's encoder for.

    Raises:
        UserError: If the model's motion cannot be coded at another resolution, or not in that way.
    """
    variants = model.spec.motion_variants
    if config.search != "none" and not variants:
        raise UserError(f"motion_resolution: {model.name} has no motion that could be coded at another one")
    check_variant(config, variants or (config.variant,))
    return motion_resolution(config)


def of_header(structure: Mapping[str, Any], spec: ModelSpec) -> MotionResolution | None:
    """What a bitstream's header asks of a decoder; see :meth:`MotionResolution.describe`.

    Raises:
        BitstreamError: If it asks for what there is not, or what the model does not know.
    """
    described = structure.get("motion_resolution")
    if described is None:
        return None
    if not isinstance(described, Mapping):
        raise BitstreamError(f"not decodable: its header says {described!r} where options should be")
    try:
        config = build(MotionResolutionConfig, {"search": "exhaustive", **described}, "motion_resolution")
        check_variant(config, spec.motion_variants)
    except ConfigError as error:
        raise BitstreamError(f"not decodable: {error}") from None
    return MotionResolution(config)


def pictures(state: dict[str, Any] | Sequence[dict[str, Any]]) -> list[Tensor]:
    """The decoded frames ``(B, 3, H, W)`` that a predicted frame's state refers to: one, or past and future."""
    return [one["frame"] for one in ([state] if isinstance(state, dict) else state)]


def _mse(one: Tensor, other: Tensor) -> float:
    return float(torch.mean((one.float() - other.float()).square()))
