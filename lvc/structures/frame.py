"""Coding one frame in training, to a packet and from one: what every coding structure does between its frames."""

from typing import Any

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from lvc.bitstream.packet import Packet
from lvc.codec import EncodedFrame, FrameCoding, Rate, VideoCodec
from lvc.entropy.streams import Estimate, Read, SymbolStream, Write
from lvc.errors import BitstreamError
from lvc.layers.padding import pad, padded_size


def estimate_frame(
    codec: VideoCodec,
    kind: str,
    frame: Tensor,
    state: Any,
    stream: SymbolStream,
    rate: Rate,
    checkpointing: bool = False,
    motion_only: bool = False,
) -> FrameCoding:
    """Code ``(B, 3, H, W)`` in training. A kind that trains nothing is coded as in test: rounded, without gradient.

    Args:
        codec: The codec.
        kind: The frame's kind.
        frame: In [0, 1], sides multiples of the codec's stride.
        state: What it refers to (see :meth:`VideoCodec.code_frame`).
        stream: An estimating stream.
        rate: The rate point.
        checkpointing: Recompute activations in the backward pass.
        motion_only: Code motion alone.
    """
    size = tuple(frame.shape[-2:])
    if not (torch.is_grad_enabled() and codec.trains(kind)):
        with torch.no_grad():
            still = Estimate(training=False, keep_maps=stream.keep_maps)
            coding = codec.code_frame(kind, frame, state, still, rate, size, motion_only)
            stream.maps.update(still.maps)
            return coding
    args = (kind, frame, state, stream, rate, size, motion_only)
    if checkpointing:
        return checkpoint(codec.code_frame, *args, use_reentrant=False)
    return codec.code_frame(*args)


def write_frame(
    codec: VideoCodec, kind: str, index: int, frame: Tensor, state: Any, rate: Rate, distance: int = 1
) -> tuple[EncodedFrame, dict[str, Any]]:
    """Code ``(1, 3, h, w)`` of any size to a packet; returns it and the state that later frames refer to.

    ``distance`` is that of its references, in frames.
    """
    height, width = frame.shape[-2:]
    padded, factor, tried = pad(frame, codec.stride), None, {}
    if not codec.spec.kinds[kind].intra and codec.motion_resolution is not None:
        best = codec.motion_resolution.best(codec, kind, padded, state, rate, (height, width), distance)
        coding, payload, factor, tried = best.coding, best.payload, best.factor, best.tried
    else:
        stream = Write()
        coding = codec.code_frame(kind, padded, state, stream, rate, tuple(padded.shape[-2:]))
        payload = stream.payload()
    encoded = EncodedFrame(
        packet=Packet(kind, index, payload),
        frame=coding.frame[..., :height, :width].clamp(0, 1),
        bits={name: float(bits.sum()) for name, bits in coding.bits.items()},
        motion_factor=factor,
        tried=tried,
        coding=coding,
    )
    return encoded, coding.state


def read_frame(
    codec: VideoCodec, packet: Packet, state: Any, size: tuple[int, int], rate: Rate
) -> tuple[Tensor, dict[str, Any]]:
    """Decode a packet to ``(1, 3, h, w)`` of ``size``; returns it and the state that later frames refer to.

    A packet without its last layers gives a smaller picture.

    Raises:
        BitstreamError: The payload does not fit what the networks compute.
    """
    if packet.kind not in codec.spec.kinds:
        raise BitstreamError(f"frame {packet.index} is of unknown kind '{packet.kind}'")
    stream = Read(packet.payload)
    padded = padded_size(size, codec.stride)
    motion = {}
    if not codec.spec.kinds[packet.kind].intra and codec.motion_resolution is not None:
        motion["scale"] = codec.motion_resolution.read(stream)
    coding = codec.code_frame(packet.kind, None, state, stream, rate, padded, **motion)
    stream.finish()
    scale = padded[0] // coding.frame.shape[-2]
    height, width = (-(-side // scale) for side in size)
    return coding.frame[..., :height, :width].clamp(0, 1), coding.state


def detached(state: dict[str, Any]) -> dict[str, Any]:
    """A frame's state without the gradient's way back into it."""
    return {name: value.detach() if isinstance(value, Tensor) else value for name, value in state.items()}
