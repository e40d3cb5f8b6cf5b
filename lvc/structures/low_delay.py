"""I P P P ...: every frame refers to the one before it."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from lvc.bitstream.packet import Packet
from lvc.codec import PLAIN, EncodedFrame, FrameCoding, FrameJob, Rate, Unrolling, VideoCodec
from lvc.config.parts import LowDelayConfig
from lvc.entropy.streams import SymbolStream
from lvc.structures.frame import FrameByFrame, detached, with_clipped_gradients
from lvc.structures.motion_resolution import MotionResolution


class LowDelay(FrameByFrame):
    """Display order is coding order; one reference state is all that is kept between frames.

    Args:
        intra_period: Frames from one intra frame to the next.
        choice: Chooses the resolution of motion; ``None`` for the frame's own.
        intra_offset: Quality of intra frames above that of others, in quality indices.
        offsets: Quality offsets of the frames after an intra frame, repeated.
        refresh: Frames from one that refers to the decoded picture alone to the next.
    """

    references = 1

    def __init__(
        self,
        intra_period: int = 32,
        choice: MotionResolution | None = None,
        intra_offset: float = 0.0,
        offsets: tuple[float, ...] = (),
        refresh: int | None = None,
    ):
        super().__init__(choice)
        self.intra_period, self.intra_offset, self.offsets, self.refresh = intra_period, intra_offset, offsets, refresh

    def kind(self, index: int) -> str:
        """Frame kind at display ``index``."""
        return "P" if index % self.intra_period else "I"

    def with_intra_period(self, intra_period: int) -> "LowDelay":
        """The same structure with another intra period."""
        return LowDelay(intra_period, self.choice, self.intra_offset, self.offsets, self.refresh)

    def offset(self, position: int) -> float:
        """What moves the quality of the frame ``position`` frames after its intra frame."""
        if not position:
            return self.intra_offset
        return self.offsets[(position - 1) % len(self.offsets)] if self.offsets else 0.0

    def referred(self, state: dict[str, Any] | None, position: int) -> dict[str, Any] | None:
        """What that frame may know of the one before it: at a refresh, the picture alone."""
        if state is None or self.refresh is None or position % self.refresh:
            return state
        return {"frame": state["frame"]}

    def describe(self) -> dict[str, Any]:
        """See :meth:`lvc.codec.CodingStructure.describe`."""
        more = {"intra_offset": self.intra_offset, "offsets": list(self.offsets), "refresh": self.refresh}
        more = {name: value for name, value in more.items() if value}
        return {"name": "low_delay", "intra_period": self.intra_period, **more, **self._described()}

    def unroll(
        self, codec: VideoCodec, clip: Tensor, rate: Rate, stream: SymbolStream, how: Unrolling = PLAIN
    ) -> Iterator[FrameCoding]:
        """See :meth:`lvc.codec.CodingStructure.unroll`: the decoded state is handed on."""
        state = None
        for index, frame in enumerate(clip.unbind(1)):
            position, size = index % self.intra_period, tuple(frame.shape[-2:])
            own, known = rate.at(index, self.offset(position)), self.referred(state, position)
            if index == 0 and how.first == "original":
                coding = FrameCoding(self.kind(0), frame, {}, state={"frame": frame})
            else:
                job = FrameJob(self.kind(index), frame, known, stream, own, size, how.motion_only)
                coding = self.estimate(codec, job, how.checkpointing)
            state = detached(coding.state) if how.detach else coding.state
            if how.clip_between is not None:
                state = with_clipped_gradients(state, how.clip_between)
            yield replace(coding, index=index)

    @torch.inference_mode()
    def encode(self, codec: VideoCodec, frames: Iterable[Tensor], rate: Rate) -> Iterator[EncodedFrame]:
        """Encode ``(1, 3, H, W)`` frames one at a time."""
        state = None
        for index, frame in enumerate(frames):
            position = index % self.intra_period
            known, offset = self.referred(state, position), self.offset(position)
            encoded, state = self.write(codec, self.kind(index), index, frame, known, rate, offset=offset)
            yield encoded

    @torch.inference_mode()
    def decode(
        self, codec: VideoCodec, packets: Iterable[Packet], size: tuple[int, int], rate: Rate
    ) -> Iterator[Tensor]:
        """Decode packets one at a time to ``(1, 3, H, W)`` frames of ``size``."""
        state, position = None, 0
        for packet in packets:
            position = 0 if packet.kind == "I" else position + 1
            known, offset = self.referred(state, position), self.offset(position)
            frame, state = self.read(codec, packet, known, size, rate, offset)
            yield frame


def low_delay(config: LowDelayConfig, choice: MotionResolution | None = None) -> LowDelay:
    """The structure that ``config`` describes."""
    return LowDelay(config.intra_period, choice, config.intra_offset, config.offsets, config.refresh)
