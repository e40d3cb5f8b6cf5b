"""I P P P ...: every frame refers to the one before it."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from lvc.bitstream.packet import Packet
from lvc.codec import EncodedFrame, FrameCoding, Rate, VideoCodec
from lvc.entropy.streams import SymbolStream
from lvc.structures.frame import detached, estimate_frame, read_frame, write_frame


class LowDelay:
    """Display order is coding order; one reference state is all that is kept between frames.

    Args:
        intra_period: Frames from one intra frame to the next.

    Attributes:
        references: Decoded frames that a predicted frame refers to.
    """

    references = 1

    def __init__(self, intra_period: int = 32):
        self.intra_period = intra_period

    def kind(self, index: int) -> str:
        """Frame kind at display ``index``."""
        return "P" if index % self.intra_period else "I"

    def kinds(self, frames: int) -> list[str]:
        """Kinds of the frames of a training clip, in coding order."""
        return [self.kind(index) for index in range(frames)]

    def with_intra_period(self, intra_period: int) -> "LowDelay":
        """The same structure with another intra period."""
        return LowDelay(intra_period)

    def describe(self) -> dict[str, Any]:
        """Name and parameters, as a bitstream's header says them."""
        return {"name": "low_delay", "intra_period": self.intra_period}

    def unroll(
        self,
        codec: VideoCodec,
        clip: Tensor,
        rate: Rate,
        stream: SymbolStream,
        detach: bool = False,
        checkpointing: bool = False,
        motion_only: bool = False,
    ) -> Iterator[FrameCoding]:
        """Code ``(B, T, 3, H, W)`` frame by frame, handing the decoded state on.

        Args:
            codec: The codec.
            clip: Frames in [0, 1], sides multiples of the codec's stride.
            rate: The rate point.
            stream: An estimating stream.
            detach: Cut the gradient between a frame and its reference.
            checkpointing: Recompute each frame's activations in the backward pass.
            motion_only: Code motion alone (see :meth:`VideoCodec.code_frame`).

        Yields:
            Codings in coding order, each with its display index.
        """
        state = None
        for index, frame in enumerate(clip.unbind(1)):
            coding = estimate_frame(codec, self.kind(index), frame, state, stream, rate, checkpointing, motion_only)
            state = detached(coding.state) if detach else coding.state
            yield replace(coding, index=index)

    @torch.inference_mode()
    def encode(self, codec: VideoCodec, frames: Iterable[Tensor], rate: Rate) -> Iterator[EncodedFrame]:
        """Encode ``(1, 3, H, W)`` frames one at a time."""
        state = None
        for index, frame in enumerate(frames):
            encoded, state = write_frame(codec, self.kind(index), index, frame, state, rate)
            yield encoded

    @torch.inference_mode()
    def decode(
        self, codec: VideoCodec, packets: Iterable[Packet], size: tuple[int, int], rate: Rate
    ) -> Iterator[Tensor]:
        """Decode packets one at a time to ``(1, 3, H, W)`` frames of ``size``."""
        state = None
        for packet in packets:
            frame, state = read_frame(codec, packet, state, size, rate)
            yield frame
