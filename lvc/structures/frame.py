"""Coding one frame in training, to a packet and from one: what structures do that code frame by frame."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from lvc.bitstream.packet import Packet
from lvc.codec import CodingStructure, EncodedFrame, FrameCoding, FrameJob, Rate, VideoCodec
from lvc.config.adaptive_gop import AdaptiveGOPConfig
from lvc.config.spec import Model, ModelSpec
from lvc.entropy.streams import Estimate, Read, Write
from lvc.errors import BitstreamError, UserError
from lvc.structures import motion_resolution
from lvc.structures.motion_resolution import MotionResolution


class FrameByFrame(CodingStructure):
    """A structure that codes one frame after the other; its encoder may choose the resolution of each one's motion.

    Args:
        choice: Chooses it; ``None`` for the frame's own.
    """

    by_frame = True

    def __init__(self, choice: MotionResolution | None = None):
        self.choice = choice

    def _described(self) -> dict[str, Any]:
        """The choice, as a bitstream's header says it."""
        return {} if self.choice is None else {"motion_resolution": self.choice.describe()}

    def with_choice(self, config: Any, model: Model) -> CodingStructure:
        """See :meth:`lvc.codec.CodingStructure.with_choice`: a :class:`MotionResolutionConfig`."""
        if isinstance(config, AdaptiveGOPConfig):
            if config.adaptive:
                raise UserError(f"structure.adaptive: {model.name} has no groups that could be split")
            return self
        return self._choosing(motion_resolution.asked(config, model))

    def of_header(self, described: Mapping[str, Any], spec: ModelSpec) -> CodingStructure:
        """See :meth:`lvc.codec.CodingStructure.of_header`."""
        return self._choosing(motion_resolution.of_header(described, spec))

    def _choosing(self, choice: MotionResolution | None) -> CodingStructure:
        other = type(self).__new__(type(self))
        other.__dict__ |= self.__dict__ | {"choice": choice}
        return other

    @staticmethod
    def estimate(codec: VideoCodec, job: FrameJob, checkpointing: bool = False) -> FrameCoding:
        """Code a frame in training. A kind that trains nothing is coded as in test: rounded, without gradient."""
        if not (torch.is_grad_enabled() and codec.trains(job.kind)):
            with torch.no_grad():
                still = Estimate(training=False, keep_maps=job.stream.keep_maps)
                coding = codec.code_frame(replace(job, stream=still))
                job.stream.maps.update(still.maps)
                return coding
        if checkpointing:  # which looks among its arguments for the device whose random state it keeps
            return checkpoint(lambda frame: codec.code_frame(replace(job, frame=frame)), job.frame, use_reentrant=False)
        return codec.code_frame(job)

    def write(
        self,
        codec: VideoCodec,
        kind: str,
        index: int,
        frame: Tensor,
        state: Any,
        rate: Rate,
        distance: int = 1,
        offset: float = 0.0,
    ) -> tuple[EncodedFrame, dict[str, Any]]:
        """Code ``(1, 3, h, w)`` of any size to a packet; returns it and the state that later frames refer to.

        ``distance`` is that of its references, in frames; ``offset`` moves its quality.
        """
        height, width = frame.shape[-2:]
        padded, factor, tried = codec.pad(frame), None, {}
        stream, rate = Write(), rate.at(index, offset)
        job = FrameJob(kind, padded, state, stream, rate, tuple(padded.shape[-2:]))
        if not codec.spec.kinds[kind].intra and self.choice is not None:
            best = self.choice.best(codec, job, (height, width), distance)
            coding, payload, factor, tried = best.coding, best.payload, best.factor, best.tried
        else:
            coding = codec.code_frame(job)
            payload = stream.payload()
        encoded = EncodedFrame(
            packet=Packet(kind, index, payload, rate.step),
            frame=coding.frame[..., :height, :width].clamp(0, 1),
            bits={name: float(bits.sum()) for name, bits in coding.bits.items()},
            motion_factor=factor,
            tried=tried,
            coding=coding,
        )
        return encoded, coding.state

    def read(
        self, codec: VideoCodec, packet: Packet, state: Any, size: tuple[int, int], rate: Rate, offset: float = 0.0
    ) -> tuple[Tensor, dict[str, Any]]:
        """Decode a packet to ``(1, 3, h, w)`` of ``size``; returns it and the state that later frames refer to.

        ``offset`` moves its quality, unless the packet says what it is.
        A packet without its last layers gives a smaller picture.

        Raises:
            BitstreamError: The payload does not fit what the networks compute.
        """
        if packet.kind not in codec.spec.kinds:
            raise BitstreamError(f"frame {packet.index} is of unknown kind '{packet.kind}'")
        stream = Read(packet.payload)
        padded = codec.padded_size(size)
        if packet.quality is not None and codec.spec.qualities is not None:
            rate = rate.of_step(packet.quality, codec.spec.qualities - 1)
        else:
            rate = rate.at(packet.index, offset)
        job = FrameJob(packet.kind, None, state, stream, rate, padded)
        if not codec.spec.kinds[packet.kind].intra and self.choice is not None:
            job = replace(job, scale=self.choice.read(stream))
        coding = codec.code_frame(job)
        stream.finish()
        scale = padded[0] // coding.frame.shape[-2]
        height, width = (-(-side // scale) for side in size)
        return coding.frame[..., :height, :width].clamp(0, 1), coding.state


def detached(state: dict[str, Any]) -> dict[str, Any]:
    """A frame's state without the gradient's way back into it."""
    return {name: value.detach() if isinstance(value, Tensor) else value for name, value in state.items()}


def with_clipped_gradients(state: dict[str, Any], most: float) -> dict[str, Any]:
    """A frame's state through which gradients go back with a norm of at most ``most`` per tensor and sample.

    Chains of frames multiply gradients; a clip that explodes would otherwise use up the step of the whole batch.
    """

    def clip(gradient: Tensor) -> Tensor:
        norm = gradient.flatten(1).norm(dim=1).clamp(min=1e-20)
        return gradient * (most / norm).clamp(max=1).view(-1, *[1] * (gradient.dim() - 1))

    kept = {}
    for name, value in state.items():
        if isinstance(value, Tensor) and value.requires_grad:
            value = value.view_as(value)  # a tensor of its own: the loss's gradient of this frame is not clipped
            value.register_hook(clip)
        kept[name] = value
    return kept
