"""The `.lvc` container: a header, packets with lengths and CRC-32, and an end mark. Bytes, not tensors.

Layout, little-endian: ``LVC`` and a version byte; the header as a length, MessagePack bytes and a CRC-32; then packets,
each a kind letter, the display index, a quality where the letter's top bit is set, the payload's length, the payload,
and the CRC-32 of all of these. Integers are of variable length. The last packet is of kind ``.`` with the frame count
as index: a file without it is truncated.
"""

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

import msgpack
from pydantic import TypeAdapter, ValidationError

from lvc.bitstream.packet import Packet, exactly, read_varint, varint
from lvc.errors import BitstreamError, UserError

MAGIC = b"LVC"
VERSION = 1
END = "."
MAX_SIDE = 1 << 14
MAX_HEADER = 1 << 12
MAX_THREADS = 1 << 10
MAX_RATE = 1 << 32
MAX_LAYERS = 1 << 5
HAS_QUALITY = 0x80
"""Bit of a packet's kind letter."""


@dataclass(frozen=True)
class Header:
    """Everything decoding needs beside the model.

    Attributes:
        model: Model name.
        digest: First 8 bytes of the export's SHA-256 digest.
        height: Rows before padding.
        width: Columns before padding.
        fps: Frames per second.
        colour: YUV matrix that RGB was made with (``bt601``, ``bt709``), for writing YUV files.
        structure: Name and parameters of the coding structure.
        q: Quality index of a variable-rate model.
        threads: CPU threads the encoder computed with: sums are split among threads, so a decoder takes as many.
        build: What the encoder computed with; named when a decoder gets out of step.
        layers: One more than the layers at every packet's end that may be left out, each of which halves the picture.
    """

    model: str
    digest: bytes
    height: int
    width: int
    fps: Fraction
    colour: str
    structure: dict[str, object]
    q: float | None = None
    threads: int = 1
    build: str = ""
    layers: int = 1


_HEADER = TypeAdapter(Header)


def write_header(file: BinaryIO, header: Header) -> int:
    """Write the file's start; returns the bytes written.

    Raises:
        UserError: What a reader would refuse.
    """
    values = {**asdict(header), "fps": [header.fps.numerator, header.fps.denominator]}
    body = msgpack.packb(list(values.values()))
    problem = _problem(header) or (f"{len(body)} bytes" if len(body) > MAX_HEADER else None)
    if problem:
        raise UserError(f"a bitstream cannot say {problem}")
    return file.write(MAGIC + bytes([VERSION]) + struct.pack("<H", len(body)) + body + _crc(body))


def read_header(file: BinaryIO) -> Header:
    """Read and verify the file's start.

    Raises:
        BitstreamError: Not an lvc file, another version, or damaged.
    """
    start = file.read(4)
    if start[:3] != MAGIC:
        raise BitstreamError("not an lvc bitstream: it does not start with 'LVC'")
    if start[3:] != bytes([VERSION]):
        found = start[3] if len(start) == 4 else "none"
        raise BitstreamError(f"format version {found}, and this build reads version {VERSION}")
    (length,) = struct.unpack("<H", exactly(file, 2, "the header"))
    if length > MAX_HEADER:
        raise BitstreamError(f"damaged header: it claims {length} bytes")
    body = exactly(file, length, "the header")
    if exactly(file, 4, "the header") != _crc(body):
        raise BitstreamError("damaged header: its checksum does not match")
    header = _header(body)
    if problem := _problem(header):
        raise BitstreamError(f"damaged header: {problem}")
    return header


def check_size(height: int, width: int) -> None:
    """Refuse frames before they are coded that no bitstream can say.

    Raises:
        UserError: For a side that is too long.
    """
    if problem := _size_problem(height, width):
        raise UserError(f"a bitstream cannot say {problem}; sides have {MAX_SIDE} samples at most")


def _header(body: bytes) -> Header:
    """The header whose fields ``body`` holds."""
    try:
        values = msgpack.unpackb(body)
        names = [field.name for field in fields(Header)]
        if len(values) > len(names):
            raise BitstreamError(
                f"its header says {len(values)} things and this build knows {len(names)}: take a newer"
            )
        given = dict(zip(names, values, strict=False))
        return _HEADER.validate_python({**given, "fps": Fraction(*given["fps"])})
    except (ValueError, TypeError, LookupError, ZeroDivisionError, msgpack.UnpackException) as error:
        reason = error.errors()[0]["loc"][0] if isinstance(error, ValidationError) else type(error).__name__
        raise BitstreamError(f"its header does not say what this build expects ({reason})") from None


def _problem(header: Header) -> str | None:
    """What a header says that cannot be."""
    if header.fps <= 0 or max(header.fps.numerator, header.fps.denominator) > MAX_RATE:
        return f"{header.fps} frames per second"
    if not 0 < header.threads <= MAX_THREADS:
        return f"{header.threads} threads"
    if not 0 < header.layers <= MAX_LAYERS:
        return f"{header.layers} layers"
    return _size_problem(header.height, header.width)


def _size_problem(height: int, width: int) -> str | None:
    return None if 0 < height <= MAX_SIDE and 0 < width <= MAX_SIDE else f"a frame of {width}x{height}"


@contextmanager
def open_bitstream(source: Path | str) -> Iterator[tuple[Header, Iterator[Packet]]]:
    """Open a file: its header, and its packets as they are read.

    Raises:
        BitstreamError: It cannot be read, or any such error inside the context, which is named in front of the message.
    """
    try:
        file = Path(source).open("rb")  # noqa: SIM115 (closed below)
    except OSError as error:
        raise BitstreamError(f"{source}: cannot be read ({error.strerror})") from None
    with file:
        try:
            yield read_header(file), read_packets(file)
        except BitstreamError as error:
            raise BitstreamError(f"{source}: {error}") from None


def file_header(source: Path | str) -> Header:
    """The header of a bitstream file.

    Raises:
        BitstreamError: Not an lvc file, or its header is damaged.
    """
    with open_bitstream(source) as (header, _):
        return header


def packet_bytes(packet: Packet) -> bytes:
    """A packet as it stands in a file: kind, display index, quality, length, payload, checksum."""
    start = packet.kind.encode() + varint(packet.index)
    if packet.quality is not None:
        start = bytes([start[0] | HAS_QUALITY]) + start[1:] + bytes([packet.quality])
    body = start + varint(len(packet.payload)) + packet.payload
    return body + _crc(body)


def write_packet(file: BinaryIO, packet: Packet) -> int:
    """Append a packet; returns the bytes written."""
    return file.write(packet_bytes(packet))


def write_end(file: BinaryIO, frames: int) -> int:
    """Append the end mark; returns the bytes written."""
    return write_packet(file, Packet(END, frames, b""))


def read_packets(file: BinaryIO) -> Iterator[Packet]:
    """Packets up to the end mark, each verified before it is handed out.

    Raises:
        BitstreamError: After the last good packet of a damaged or truncated file.
    """
    count = 0
    while True:
        what = f"packet {count}"
        start = file.tell()
        (letter,) = exactly(file, 1, what)
        index = read_varint(file, what)
        quality = exactly(file, 1, what)[0] if letter & HAS_QUALITY else None
        length = read_varint(file, what)
        payload = exactly(file, length, what)
        end = file.tell()
        file.seek(start)
        body = file.read(end - start)
        if exactly(file, 4, what) != _crc(body):
            raise BitstreamError(f"{what} is damaged: its checksum does not match")
        packet = Packet(chr(letter & ~HAS_QUALITY), index, payload, quality)
        if packet.kind == END:
            if packet.index != count:
                raise BitstreamError(f"the end mark counts {packet.index} frames, and {count} were read")
            _check_end(file)
            return
        yield packet
        count += 1


def _check_end(file: BinaryIO) -> None:
    """Refuse what follows the end mark: two files put together, say, of which only the first would be seen."""
    rest = file.read(len(MAGIC))
    if rest:
        count = len(rest) + sum(len(block) for block in iter(lambda: file.read(1 << 20), b""))
        what = ": another bitstream; keep each in a file of its own" if rest == MAGIC else ""
        raise BitstreamError(f"{count} bytes follow the end mark{what}")


def _crc(body: bytes) -> bytes:
    return struct.pack("<I", zlib.crc32(body))
