"""I P P P ...: every frame refers to the one before it."""

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from lvc.bitstream.packet import Packet
from lvc.codec import EncodedFrame, FrameCoding, Rate, VideoCodec
from lvc.entropy.streams import Estimate, Read, SymbolStream, Write


class LowDelay:
    """Display order is coding order; one reference state is all that is kept between frames.

    Args:
        intra_period: Frames from one intra frame to the next.
    """

    def __init__(self, intra_period: int = 32):
        self.intra_period = intra_period

    def kind(self, index: int) -> str:
        """Frame kind at display ``index``."""
        return "P" if index % self.intra_period else "I"

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

        A frame whose kind trains nothing is coded as in test: rounded, without gradient.

        Args:
            codec: The codec.
            clip: Frames in [0, 1], sides multiples of the codec's stride.
            rate: The rate point.
            stream: An estimating stream.
            detach: Cut the gradient between a frame and its reference.
            checkpointing: Recompute each frame's activations in the backward pass.
            motion_only: Code motion alone (see :meth:`VideoCodec.code_frame`).
        """
        state = None
        size = tuple(clip.shape[-2:])
        for index, frame in enumerate(clip.unbind(1)):
            kind = self.kind(index)
            if not (torch.is_grad_enabled() and codec.trains(kind)):
                with torch.no_grad():
                    still = Estimate(training=False, keep_maps=stream.keep_maps)
                    coding = codec.code_frame(kind, frame, state, still, rate, size, motion_only)
                    stream.maps.update(still.maps)
            elif checkpointing:
                args = (kind, frame, state, stream, rate, size, motion_only)
                coding = checkpoint(codec.code_frame, *args, use_reentrant=False)
            else:
                coding = codec.code_frame(kind, frame, state, stream, rate, size, motion_only)
            state = {k: v.detach() for k, v in coding.state.items()} if detach else coding.state
            yield coding

    @torch.inference_mode()
    def encode(self, codec: VideoCodec, frames: Iterable[Tensor], rate: Rate) -> Iterator[EncodedFrame]:
        """Encode ``(1, 3, H, W)`` frames one at a time."""
        state = None
        for index, frame in enumerate(frames):
            kind, (height, width) = self.kind(index), frame.shape[-2:]
            padded = pad(frame, codec.stride)
            stream = Write()
            coding = codec.code_frame(kind, padded, state, stream, rate, tuple(padded.shape[-2:]))
            state = coding.state
            yield EncodedFrame(
                packet=Packet(kind, index, stream.payload()),
                frame=coding.frame[..., :height, :width].clamp(0, 1),
                bits={name: float(bits.sum()) for name, bits in coding.bits.items()},
            )

    @torch.inference_mode()
    def decode(
        self, codec: VideoCodec, packets: Iterable[Packet], size: tuple[int, int], rate: Rate
    ) -> Iterator[Tensor]:
        """Decode packets one at a time to ``(1, 3, H, W)`` frames of ``size``."""
        state = None
        padded = padded_size(size, codec.stride)
        for packet in packets:
            stream = Read(packet.payload)
            coding = codec.code_frame(packet.kind, None, state, stream, rate, padded)
            stream.finish()
            state = coding.state
            yield coding.frame[..., : size[0], : size[1]].clamp(0, 1)


def padded_size(size: tuple[int, int], stride: int) -> tuple[int, int]:
    """``size`` rounded up to multiples of ``stride``."""
    return -(-size[0] // stride) * stride, -(-size[1] // stride) * stride


def pad(frame: Tensor, stride: int) -> Tensor:
    """Extend ``(B, C, H, W)`` right and down to multiples of ``stride`` by replicating the border."""
    height, width = padded_size(tuple(frame.shape[-2:]), stride)
    return F.pad(frame, (0, width - frame.shape[-1], 0, height - frame.shape[-2]), mode="replicate")
