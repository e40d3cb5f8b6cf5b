"""I P P P ...: every frame refers to the one before it."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from lvc.bitstream.packet import Packet
from lvc.codec import PLAIN, EncodedFrame, FrameCoding, FrameJob, Rate, Unrolling, VideoCodec
from lvc.entropy.streams import SymbolStream
from lvc.structures.frame import FrameByFrame, detached
from lvc.structures.motion_resolution import MotionResolution


class LowDelay(FrameByFrame):
    """Display order is coding order; one reference state is all that is kept between frames.

    Args:
        intra_period: Frames from one intra frame to the next.
        choice: Chooses the resolution of motion; ``None`` for the frame's own.
    """

    references = 1

    def __init__(self, intra_period: int = 32, choice: MotionResolution | None = None):
        super().__init__(choice)
        self.intra_period = intra_period

    def kind(self, index: int) -> str:
        """Frame kind at display ``index``."""
        return "P" if index % self.intra_period else "I"

    def with_intra_period(self, intra_period: int) -> "LowDelay":
        """The same structure with another intra period."""
        return LowDelay(intra_period, self.choice)

    def describe(self) -> dict[str, Any]:
        """See :meth:`lvc.codec.CodingStructure.describe`."""
        return {"name": "low_delay", "intra_period": self.intra_period, **self._described()}

    def unroll(
        self, codec: VideoCodec, clip: Tensor, rate: Rate, stream: SymbolStream, how: Unrolling = PLAIN
    ) -> Iterator[FrameCoding]:
        """See :meth:`lvc.codec.CodingStructure.unroll`: the decoded state is handed on."""
        state = None
        for index, frame in enumerate(clip.unbind(1)):
            size = tuple(frame.shape[-2:])
            job = FrameJob(self.kind(index), frame, state, stream, rate, size, how.motion_only)
            coding = self.estimate(codec, job, how.checkpointing)
            state = detached(coding.state) if how.detach else coding.state
            yield replace(coding, index=index)

    @torch.inference_mode()
    def encode(self, codec: VideoCodec, frames: Iterable[Tensor], rate: Rate) -> Iterator[EncodedFrame]:
        """Encode ``(1, 3, H, W)`` frames one at a time."""
        state = None
        for index, frame in enumerate(frames):
            encoded, state = self.write(codec, self.kind(index), index, frame, state, rate)
            yield encoded

    @torch.inference_mode()
    def decode(
        self, codec: VideoCodec, packets: Iterable[Packet], size: tuple[int, int], rate: Rate
    ) -> Iterator[Tensor]:
        """Decode packets one at a time to ``(1, 3, H, W)`` frames of ``size``."""
        state = None
        for packet in packets:
            frame, state = self.read(codec, packet, state, size, rate)
            yield frame
