"""What a codec is asked for and what it answers: rate points, jobs, and the codings of frames and clips."""

from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from lvc.bitstream.packet import QUALITY_STEPS, Packet
from lvc.entropy.streams import SymbolStream
from lvc.motion.resolution import FULL, MotionScale


@dataclass(frozen=True)
class Rate:
    """A rate point.

    Attributes:
        lmbda: ``(B,)``, or ``(B, T)`` by frame: weight of the distortion in the loss; all that a fixed-rate model
            needs, and only for training.
        q: ``(B,)``, or ``(B, T)`` by frame: real-valued quality index of a variable-rate model, ``None`` for a
            fixed-rate one.
        step: That quality in the steps of a packet, where frames have one of their own.
    """

    lmbda: Tensor | None = None
    q: Tensor | None = None
    step: int | None = None

    def at(self, index: int, offset: float = 0.0) -> "Rate":
        """The rate point of the frame at display ``index``, with its quality moved by ``offset``."""
        q, lmbda = (x[:, index] if x is not None and x.dim() == 2 else x for x in (self.q, self.lmbda))
        return replace(self, lmbda=lmbda, q=q if q is None or not offset else q + offset)

    def of_step(self, step: int, highest: float) -> "Rate":
        """The rate point of a quality in the steps of a packet."""
        return replace(self, q=torch.full_like(self.q, step / QUALITY_STEPS * highest), step=step)


@dataclass(frozen=True)
class FrameJob:
    """One frame to code: all that :meth:`lvc.codec.VideoCodec.code_frame` is told.

    Attributes:
        kind: The frame's kind, one of those of the codec's spec.
        frame: ``(B, 3, H, W)`` in [0, 1], sides multiples of the codec's stride; ``None`` when ``stream`` reads.
        state: The state of the reference frame's coding; a pair, past and future, where a structure gives two
            references; ``None`` for an intra frame.
        stream: Where symbols go to or come from.
        rate: The rate point.
        size: ``(H, W)`` of ``frame``, known to a decoder too.
        motion_only: Stop after motion: the prediction stands for the frame (stages that train motion alone).
        scale: The resolution that motion is estimated and coded at, for codecs whose motion has variants.
    """

    kind: str
    frame: Tensor | None
    state: Any
    stream: SymbolStream
    rate: Rate
    size: tuple[int, int]
    motion_only: bool = False
    scale: MotionScale = FULL

    @property
    def reads(self) -> bool:
        """Whether the frame is decoded: then encoder-only networks do not run."""
        return self.stream.reads

    @property
    def batch(self) -> int:
        """Frames that are coded at once; a decoder has one."""
        return 1 if self.frame is None else len(self.frame)


@dataclass(frozen=True)
class Unrolling:
    """How a clip is coded in training.

    Attributes:
        detach: Cut the gradient between a frame and its references.
        checkpointing: Recompute activations in the backward pass instead of keeping them.
        motion_only: Code motion alone; predictions stand for the frames.
        distance: Frames of the source from one frame of the clip to the next.
        first: `original` hands a low-delay clip's first frame on as it is, without coding it.
        clip_between: Largest norm of the gradient that a low-delay frame's state takes back, per tensor and sample.
    """

    detach: bool = False
    checkpointing: bool = False
    motion_only: bool = False
    distance: int = 1
    first: str = "coded"
    clip_between: float | None = None


@dataclass(frozen=True)
class FrameCoding:
    """What coding one frame yields.

    Attributes:
        kind: ``I`` or ``P`` (structures may define more).
        frame: ``(B, 3, H, W)`` reconstruction, not clamped (losses need its gradient everywhere).
        bits: ``(B,)`` bits by stream name (``motion``, ``motion_hyper``, ``frame``, ``frame_hyper``, ``intra``, ...).
        prediction: ``(B, 3, H, W)`` motion-compensated reference frame, where there is one.
        flow: ``(B, 2, H, W)`` decoded motion in pixels, where there is one.
        state: What the next frame needs, as a structure hands it on.
        distortions: ``(B,)`` distortions beside those of frame and prediction, by the names a stage weighs them with.
        index: Display index in the clip, which the structure fills in.
        reference: ``(B, 3, H, W)`` the frame that `flow` points to, where the prediction is more than it, warped.
    """

    kind: str
    frame: Tensor
    bits: dict[str, Tensor]
    prediction: Tensor | None = None
    flow: Tensor | None = None
    state: dict[str, Any] = field(default_factory=dict)
    distortions: dict[str, Tensor] = field(default_factory=dict)
    index: int = 0
    reference: Tensor | None = None


@dataclass(frozen=True)
class ClipCoding:
    """Frame codings stacked over time. Losses see only this.

    Attributes:
        frames: ``(B, T, 3, H, W)`` reconstructions.
        bits: ``(B, T)`` bits by stream name; a frame without a stream counts 0 there.
        predictions: ``(B, T, 3, H, W)`` motion-compensated frames, ``None`` unless every frame has one.
        flows: ``(B, T, 2, H, W)`` decoded motion, ``None`` unless every frame has one.
        distortions: ``(B, T)`` further distortions by name; a frame without one counts 0 there.
        kinds: Kind of each frame.
        indices: Display index of each frame.
    """

    frames: Tensor
    bits: dict[str, Tensor]
    predictions: Tensor | None = None
    flows: Tensor | None = None
    distortions: dict[str, Tensor] = field(default_factory=dict)
    kinds: tuple[str, ...] = ()
    indices: tuple[int, ...] = ()

    @staticmethod
    def stack(codings: list[FrameCoding]) -> "ClipCoding":
        """Stack frame codings in the order given."""
        none = torch.zeros(len(codings[0].frame), device=codings[0].frame.device)

        def stacked(named: list[dict[str, Tensor]]) -> dict[str, Tensor]:
            names = dict.fromkeys(name for one in named for name in one)
            return {name: torch.stack([one.get(name, none) for one in named], 1) for name in names}

        return ClipCoding(
            frames=torch.stack([c.frame for c in codings], 1),
            bits=stacked([c.bits for c in codings]),
            predictions=_stack([c.prediction for c in codings]),
            flows=_stack([c.flow for c in codings]),
            distortions=stacked([c.distortions for c in codings]),
            kinds=tuple(c.kind for c in codings),
            indices=tuple(c.index for c in codings),
        )


def _stack(tensors: list[Tensor | None]) -> Tensor | None:
    present = [t for t in tensors if t is not None]
    return torch.stack(present, 1) if len(present) == len(tensors) else None


@dataclass(frozen=True)
class EncodedFrame:
    """One encoded frame: the packet that goes to the file, and what a decoder will make of it.

    Attributes:
        packet: The coded bytes.
        frame: ``(1, 3, H, W)`` the encoder's reconstruction, clamped to [0, 1] and cropped to the video's size.
        bits: Bits written, by stream name.
        level: Temporal level in the coding structure, 0 for frames that no others enclose.
        motion_factor: What the frame was made smaller by for its motion, where that is chosen per frame.
        tried: Bits of the payload and cost (lambda * MSE + bits per pixel) by factor, where a search compared them.
        coding: How the frame came about, before cropping: its prediction and its motion; not of every structure.
    """

    packet: Packet
    frame: Tensor
    bits: dict[str, float]
    level: int = 0
    motion_factor: int | None = None
    tried: dict[int, tuple[int, float]] = field(default_factory=dict)
    coding: FrameCoding | None = None
