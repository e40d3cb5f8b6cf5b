import io
import struct
import zlib
from dataclasses import replace
from fractions import Fraction

import msgpack
import pytest

from lvc.bitstream.container import (
    MAX_SIDE,
    MAX_THREADS,
    Header,
    read_header,
    read_packets,
    write_end,
    write_header,
    write_packet,
)
from lvc.bitstream.packet import Packet
from lvc.errors import BitstreamError, UserError

HEADER = Header("dcvc_tcm", b"12345678", 240, 416, Fraction(30000, 1001), "bt601", {"name": "low_delay"})
PACKETS = [Packet("I", 0, bytes(range(200))), Packet("P", 1, b""), Packet("P", 300, b"x" * 5000)]


def written() -> bytes:
    file = io.BytesIO()
    write_header(file, HEADER)
    for packet in PACKETS:
        write_packet(file, packet)
    write_end(file, len(PACKETS))
    return file.getvalue()


def read(data: bytes) -> tuple[Header, list[Packet], str]:
    """Header, packets before any damage, and the complaint."""
    file, packets = io.BytesIO(data), []
    header = read_header(file)
    try:
        packets.extend(iter_into(packets, read_packets(file)))
    except BitstreamError as error:
        return header, packets, str(error)
    return header, packets, ""


def iter_into(found, packets):
    for packet in packets:
        found.append(packet)
    return []


def test_what_is_written_is_read():
    header, packets, complaint = read(written())
    assert (header, packets, complaint) == (HEADER, PACKETS, "")


def test_overhead_of_a_packet_is_at_most_16_bytes():
    file = io.BytesIO()
    assert write_packet(file, Packet("P", 100_000, b"y" * 3_000_000)) <= 3_000_000 + 16


def test_every_truncation_is_noticed_and_keeps_the_packets_before_it():
    data = written()
    file = io.BytesIO(data)
    read_header(file)
    start = file.tell()
    for length in range(len(data)):
        if length < start:
            with pytest.raises(BitstreamError, match=r"truncated|not an lvc|version|damaged"):
                read(data[:length])
        else:
            _, packets, complaint = read(data[:length])
            assert "truncated" in complaint
            assert packets == PACKETS[: len(packets)]


def test_every_flipped_bit_is_noticed():
    data = written()
    for position in range(len(data)):
        altered = bytearray(data)
        altered[position] ^= 1 << (position % 8)
        try:
            _, packets, complaint = read(bytes(altered))
        except BitstreamError:
            continue
        assert complaint
        assert packets == PACKETS[: len(packets)]


def test_other_files_and_versions_are_named():
    with pytest.raises(BitstreamError, match="not an lvc bitstream"):
        read(b"RIFF....")
    with pytest.raises(BitstreamError, match="format version 9"):
        read(b"LVC\x09" + written()[4:])


def with_header(values) -> bytes:
    """A file whose header holds ``values`` under a right checksum."""
    body = msgpack.packb(values)
    return b"LVC\x01" + struct.pack("<H", len(body)) + body + struct.pack("<I", zlib.crc32(body))


FIELDS = ["dcvc_tcm", b"12345678", 240, 416, [30000, 1001], "bt601", {"name": "low_delay"}, None, 1, "", 1]


def test_a_header_that_says_more_is_a_newer_build_s():
    assert read_header(io.BytesIO(with_header(FIELDS))) == HEADER
    with pytest.raises(BitstreamError, match=r"says 12 things and this build knows 11: take a newer"):
        read_header(io.BytesIO(with_header([*FIELDS, "new"])))


@pytest.mark.parametrize("place", range(len(FIELDS)))
def test_other_contents_under_a_right_checksum_are_one_line(place):
    for value in (None, -1, "x", b"\xff", [], {}, [1, 0], 1 << 63, float("nan"), {"name": 3}, [[]]):
        try:
            read_header(io.BytesIO(with_header([*FIELDS[:place], value, *FIELDS[place + 1 :]])))
        except BitstreamError as error:
            assert "header" in str(error) and "\n" not in str(error)


@pytest.mark.parametrize("values", [FIELDS[:6], [], {}, 5, "abc"])
def test_too_little_is_one_line(values):
    with pytest.raises(BitstreamError, match="header"):
        read_header(io.BytesIO(with_header(values)))


@pytest.mark.parametrize(
    "change",
    [
        {"height": MAX_SIDE + 1},
        {"width": 0},
        {"threads": MAX_THREADS + 1},
        {"fps": Fraction(0)},
        {"fps": Fraction(1, 1 << 40)},
        {"layers": 99},
        {"build": "x" * 5000},
    ],
)
def test_what_a_reader_refuses_a_writer_refuses(change):
    file = io.BytesIO()
    with pytest.raises(UserError, match="a bitstream cannot say"):
        write_header(file, replace(HEADER, **change))
    assert not file.getvalue()


@pytest.mark.parametrize("more, what", [(written(), "another bitstream"), (b"x", "1 bytes follow the end mark")])
def test_what_follows_the_end_is_said(more, what):
    _, packets, complaint = read(written() + more)
    assert packets == PACKETS and what in complaint and str(len(more)) in complaint
