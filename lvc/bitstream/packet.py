"""The unit of a bitstream: one coded frame, and the layers its payload may have."""

from dataclasses import dataclass, replace
from io import BytesIO
from typing import BinaryIO

from lvc.errors import BitstreamError, UserError

_LARGEST = 35
"""Bits of a number."""

QUALITY_STEPS = 255
"""Steps from the lowest quality to the highest, where packets say theirs."""


@dataclass(frozen=True)
class Packet:
    """One coded frame.

    Attributes:
        kind: Frame kind as the structure defines it, one ASCII letter (``I``, ``P``, ...).
        index: Display index, from 0.
        payload: The range coder's bytes.
        quality: The frame's quality in :data:`QUALITY_STEPS`, where frames have one of their own.
    """

    kind: str
    index: int
    payload: bytes
    quality: int | None = None


def join_layers(layers: list[bytes]) -> bytes:
    """A payload of several layers: each with its length, so that the last ones can be cut off."""
    return b"".join(varint(len(layer)) + layer for layer in layers)


def split_layers(payload: bytes) -> list[bytes]:
    """The layers that a payload (still) has.

    Raises:
        BitstreamError: If a layer is not whole.
    """
    file, layers = BytesIO(payload), []
    while file.tell() < len(payload):
        length = read_varint(file, f"layer {len(layers)}")
        layers.append(exactly(file, length, f"layer {len(layers)}"))
    return layers


def cut(packet: Packet, missing: int) -> Packet:
    """A packet of layers without the last ``missing`` ones.

    Raises:
        BitstreamError: If its payload has no whole layers.
    """
    layers = split_layers(packet.payload)
    return replace(packet, payload=join_layers(layers[: len(layers) - missing]))


def varint(value: int) -> bytes:
    """Seven bits a byte, low ones first, the top bit set while more follow.

    Raises:
        UserError: For more than :func:`read_varint` reads.
    """
    if value >> _LARGEST:
        raise UserError(f"a bitstream cannot say {value}: it is above 2^{_LARGEST}")
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def read_varint(file: BinaryIO, what: str) -> int:
    """The inverse of :func:`varint`; ``what`` is named in the message of a BitstreamError."""
    value = 0
    for shift in range(0, _LARGEST, 7):
        (byte,) = exactly(file, 1, what)
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value
    raise BitstreamError(f"{what} is damaged: a length that never ends")


def exactly(file: BinaryIO, count: int, what: str) -> bytes:
    """``count`` bytes, or a BitstreamError that names ``what``."""
    data = file.read(count)
    if len(data) != count:
        raise BitstreamError(f"truncated in {what}, at byte {file.tell()}")
    return data
