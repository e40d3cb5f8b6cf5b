import io
from fractions import Fraction

import pytest

from lvc.bitstream.container import Header, read_header, read_packets, write_end, write_header, write_packet
from lvc.bitstream.packet import Packet
from lvc.errors import BitstreamError

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
