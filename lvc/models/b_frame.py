"""What codecs of hierarchical B frames share: motion to two references, frame synthesis, and a conditional codec.

B-CANF's pipeline (Chen et al., IEEE TCSVT 2023), with the codecs of motion and frame left to a subclass. Motion is
estimated, predicted and coded by :meth:`BFrameCodec.code_motion` at the resolution of the frames it is given; it
keeps nothing, so it may be tried at several.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor, nn

from lvc.codec import FrameCoding, FrameJob, VideoCodec
from lvc.config.b_frame import BFrameConfig
from lvc.entropy.priors import ScaleLaw
from lvc.entropy.streams import SymbolStream
from lvc.layers.adaptation import adaptations, one_hot, without_adaptations
from lvc.layers.padding import pad
from lvc.motion.flow import flow_network
from lvc.motion.prediction import MotionPrediction
from lvc.motion.resolution import FULL, MotionScale
from lvc.motion.synthesis import FrameSynthesis
from lvc.motion.warp import warp
from lvc.structures.hierarchical_b import HierarchicalB
from lvc.structures.motion_resolution import motion_resolution

Pair = tuple[Tensor, Tensor]
"""Something for each of the two references."""


@dataclass(frozen=True)
class SignalCoding:
    """What coding one signal, motion or frame, yields.

    Attributes:
        signal: Decoded, ``(B, C, H, W)`` in float32.
        bits: ``(B,)`` bits by stream name.
        end: For a normalising flow: what it leaves of the signal, which a decoder replaces by the condition;
            ``None`` when reading.
    """

    signal: Tensor
    bits: dict[str, Tensor]
    end: Tensor | None = None


class ConditionalCodec(Protocol):
    """A codec of signals given a condition of the same shape."""

    def code(self, x: Tensor | None, condition: Tensor, frame_type: Tensor, stream: SymbolStream) -> SignalCoding:
        """Code ``x``, or read it where it is ``None``; ``frame_type`` is one-hot, ``(1, types)``."""

    def describe(self) -> dict[str, tuple[int, int]]:
        """Latents by stream name: channels and downsampling."""


class BFrameCodec(VideoCodec):
    """Motion, synthesis and references of a codec of B frames.

    A subclass sets ``motion`` and ``frame``, and names its ``frame_types``.

    Args:
        config: The model's configuration.
        intra: Codec of the intra frames.
    """

    frame_types: ClassVar[dict[str, int]]
    """Number of each kind of frame, as adaptations know it."""

    motion_stride: ClassVar[int] = 64
    """Frames whose motion is coded are padded to multiples of this, whatever their resolution."""

    synthesis_stride: ClassVar[int] = 4
    """Sides of the frames that synthesis takes are multiples of this."""

    motion: ConditionalCodec
    frame: ConditionalCodec

    def __init__(self, config: BFrameConfig, intra: VideoCodec):
        super().__init__(config)
        structure = config.structure
        choice = motion_resolution(config.motion_resolution)
        self.structure = HierarchicalB(structure.gop, structure.intra_period, structure.tail, choice)
        self.clamp_references, self.sort_references = config.clamp_references, config.sort_references
        self.normalise = config.normalise
        self.intra = intra
        self.flow = flow_network(config.flow)
        # statistics of blue, green, red images, which the release applies to red, green, blue ones
        self.register_buffer("mean", torch.tensor([0.406, 0.456, 0.485])[:, None, None], persistent=False)
        self.register_buffer("deviation", torch.tensor([0.225, 0.224, 0.229])[:, None, None], persistent=False)
        self.predictor = MotionPrediction(config.predictor.channels, config.predictor.blocks)
        self.law = ScaleLaw("gaussian", config.entropy.likelihood_bound)
        self.synthesis = FrameSynthesis(config.synthesis.widths, config.synthesis.columns)
        self.synthesis.start_as_average()

    @property
    def parts(self) -> dict[str, list[nn.Module]]:
        """See :attr:`lvc.codec.VideoCodec.parts`; a subclass adds its own."""
        return {
            "flow": [self.flow],
            "predictor": [self.predictor],
            "motion": without_adaptations(self.motion),
            "synthesis": [self.synthesis],
            "frame": without_adaptations(self.frame),
            "adaptation": adaptations(self.motion) + adaptations(self.frame),
            "intra": [self.intra],
        }

    def code_frame(self, job: FrameJob) -> FrameCoding:
        """See :meth:`lvc.codec.VideoCodec.code_frame`."""
        if job.kind == "I":
            return self.intra.code_frame(job)
        kind, frame, stream, scale = job.kind, job.frame, job.stream, job.scale
        state = self._sorted(job.state)
        references = tuple(one["frame"] for one in state)
        order = min(one.get("order", 0) for one in state) + 1
        small = tuple(scale.reduce(reference) for reference in references)
        seen = None if stream.reads else scale.reduce(frame)
        flows, bits, distortions = self.code_motion(kind, seen, small, stream, scale)
        known = [one.get("features") for one in state]
        flows, prediction = self.compensate(references, flows, scale, known)
        if torch.is_grad_enabled():  # stages may weigh it
            distortions["decoded_motion"] = _warping_error(frame, references, flows)
        decoded = prediction
        if not job.motion_only:
            condition = prediction.clamp(0, 1)
            coding = self.code_signal(frame, condition, flows, self._frame_type(kind), stream)
            decoded, bits = coding.signal, bits | coding.bits
            if coding.end is not None and torch.is_grad_enabled():
                distortions["frame_condition"] = _error(coding.end, condition)
        handed_on = decoded.clamp(0, 1) if self.clamp_references or job.motion_only else decoded
        state = {"frame": handed_on, "order": order}
        return FrameCoding(kind, decoded, bits, prediction, flows[0], state, distortions, reference=references[0])

    def prepared(self, state: tuple[dict[str, Any], dict[str, Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
        """See :meth:`lvc.codec.VideoCodec.prepared`: with what synthesis sees of the references, motion aside."""
        return tuple({**one, "features": self.synthesis.features(one["frame"])} for one in state)

    def compensate(
        self, references: Pair, flows: Pair, scale: MotionScale, known: Sequence[list[Tensor] | None] = (None, None)
    ) -> tuple[Pair, Tensor]:
        """Flows as :meth:`code_motion` gives them to flows at full size, and the prediction.

        Args:
            references: Reference frames.
            flows: Decoded flows to them.
            scale: Where motion was coded and is compensated.
            known: Features of the references, where :meth:`prepared` has them.
        """
        size = references[0].shape[-2:]
        large = tuple(scale.decoded(flow, size) for flow in flows)
        if not scale.compensates_small:
            seen = [features or self.synthesis.features(r) for features, r in zip(known, references, strict=True)]
            return large, self.synthesis(seen, large)
        small = [self.synthesis.features(scale.reduce(reference, self.synthesis_stride)) for reference in references]
        prediction = self.synthesis(small, [pad(flow, self.synthesis_stride) for flow in flows])
        return large, scale.enlarge(prediction, size)

    def warped(
        self, kind: str, frame: Tensor, state: tuple[dict[str, Any], dict[str, Any]], scale: MotionScale
    ) -> Tensor:
        """Mean of both references as motion estimated at ``scale``, and not coded, warps them: ``(B, 3, H, W)``."""
        references = [one["frame"] for one in self._sorted(state)]
        small = [scale.reduce(picture, self.motion_stride) for picture in (frame, *references)]
        flows = self.estimate(kind, small[0], (small[1], small[2]))
        large = [scale.enlarge_flow(flow, frame.shape[-2:]) for flow in flows]
        return sum(warp(r, f) for r, f in zip(references, large, strict=True)) / 2

    def code_signal(
        self, frame: Tensor | None, prediction: Tensor, flows: Pair, frame_type: Tensor, stream: SymbolStream
    ) -> SignalCoding:
        """Code the frame given its prediction; ``flows`` are the decoded ones."""
        return self.frame.code(frame, prediction, frame_type, stream)

    def code_motion(
        self, kind: str, frame: Tensor | None, references: Pair, stream: SymbolStream, scale: MotionScale = FULL
    ) -> tuple[Pair, dict[str, Tensor], dict[str, Tensor]]:
        """Estimate, predict and code motion, at the resolution of the frames given.

        Args:
            kind: ``B``, ``b`` or ``P``.
            frame: ``(B, 3, h, w)`` of any size, ``None`` when reading.
            references: Two of the same size.
            stream: Where symbols go to or come from.
            scale: How the frames given were made smaller: it may ask for larger flow to be coded.

        Returns:
            Decoded flows ``(B, 2, h, w)`` to both references in pixels (as large as ``scale`` asks for), bits by
            stream, and training distortions.
        """
        height, width = references[0].shape[-2:]
        first, second = (pad(reference, self.motion_stride) for reference in references)
        # motion is nearly straight, so the second flow is coded turned round; a B* frame has one flow, coded twice
        turn = 1 if kind == "P" else -1
        signal = None
        if not stream.reads:
            frame = pad(frame, self.motion_stride)
            flows = self.estimate(kind, frame, (first, second))
            signal = scale.coded(torch.cat([flows[0], turn * flows[1]], 1))
        predicted = self.predict(kind, (first, second))
        condition = scale.coded(torch.cat([predicted[0], turn * predicted[1]], 1))
        coding = self.motion.code(signal, condition, self._frame_type(kind), stream)
        times = scale.factor if scale.codes_large else 1
        decoded = coding.signal[..., : times * height, : times * width]
        distortions = {}
        if torch.is_grad_enabled():
            end = None if coding.end is None else (coding.end[:, :2], turn * coding.end[:, 2:])
            distortions = self._motion_distortions(frame, (first, second), flows, predicted, end)
        return (decoded[:, :2], turn * decoded[:, 2:]), coding.bits, distortions

    @staticmethod
    def _motion_distortions(
        frame: Tensor, references: Pair, estimated: Pair, predicted: Pair, end: Pair | None
    ) -> dict[str, Tensor]:
        """What stages may weigh of motion before it is decoded; ``end`` is what the motion codec's flow leaves."""
        found = {
            "estimated_motion": _warping_error(frame, references, estimated),
            "predicted_motion": _warping_error(frame, references, predicted, power=1),
        }
        if end is not None:
            pairs = zip(references, end, predicted, strict=True)
            found["motion_condition"] = sum(_error(warp(r, e), warp(r, p)) for r, e, p in pairs) / 2
        return found

    def estimate(self, kind: str, frame: Tensor, references: Pair) -> Pair:
        """Flows from ``frame`` to both references; sides are multiples of the flow network's."""
        frame = self._normalised(frame)
        first = self.flow(frame, self._normalised(references[0]))
        return first, first if kind == "P" else self.flow(frame, self._normalised(references[1]))

    def predict(self, kind: str, references: Pair) -> Pair:
        """Flows that a decoder expects of a frame half-way between the references; none for a B* frame."""
        if kind == "P":
            still = torch.zeros_like(references[0][:, :2], dtype=torch.float32)
            return still, still
        return self.predictor(references)

    def _normalised(self, frame: Tensor) -> Tensor:
        return (frame - self.mean) / self.deviation if self.normalise else frame

    def _sorted(self, state: tuple[dict[str, Any], dict[str, Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Both references, the one that is fewer predictions away from an intra frame first."""
        past, future = state
        if self.sort_references and past.get("order", 0) > future.get("order", 0):
            return future, past
        return past, future

    def _frame_type(self, kind: str) -> Tensor:
        return one_hot(self.frame_types[kind], max(self.frame_types.values()) + 1, self.mean)

    def describe(self) -> dict[str, tuple[int, int]]:
        """Latents by stream name: channels and downsampling."""
        return self.intra.describe() | self.motion.describe() | self.frame.describe()


def _warping_error(frame: Tensor, references: Pair, flows: Pair, power: int = 2) -> Tensor:
    """``(B,)`` mean error of the references as ``flows`` warp them, absolute or squared."""
    return sum(_error(warp(r, f), frame, power) for r, f in zip(references, flows, strict=True)) / 2


def _error(one: Tensor, other: Tensor, power: int = 2) -> Tensor:
    """``(B,)`` mean of a power of the difference."""
    return (one - other).abs().pow(power).mean((1, 2, 3))
