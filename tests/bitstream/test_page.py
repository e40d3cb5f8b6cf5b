"""The page on the file format, against files: a reader that knows only what the page says."""

import re
import struct
import zlib
from dataclasses import fields
from fractions import Fraction

import msgpack
import pytest

from lvc.bitstream.container import Header, write_end, write_header, write_packet
from lvc.bitstream.packet import Packet, join_layers
from lvc.config.model import MODELS
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "coding.md").read_text(encoding="utf-8")
FIELDS = re.findall(r"^\| (\w+) \| ", PAGE.partition("| header field | what |\n")[2].partition("\n\n")[0], re.MULTILINE)
VERSION = int(re.search(r"^Little-endian. Version (\d+)\.$", PAGE, re.MULTILINE)[1])


def read(data):
    """Header by the page's names, packets as (kind, index, quality, payload), and what follows the end mark."""
    at = 0

    def take(count):
        nonlocal at
        at += count
        return data[at - count : at]

    def number():
        value, shift = 0, 0
        while True:
            byte = take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    def checked(start):
        assert struct.unpack("<I", take(4))[0] == zlib.crc32(data[start : at - 4])

    assert take(3) == b"LVC" and take(1)[0] == VERSION
    (length,) = struct.unpack("<H", take(2))
    begin = at
    header = dict(zip(FIELDS, msgpack.unpackb(take(length)), strict=True))
    checked(begin)
    packets = []
    while not packets or packets[-1][0] != ".":
        begin, kind = at, take(1)[0]
        index = number()
        quality = take(1)[0] if kind & 0x80 else None
        packets.append((chr(kind & 0x7F), index, quality, take(number())))
        checked(begin)
    return header, packets, data[at:]


@pytest.mark.parametrize("layers", [1, 3])
def test_a_reader_that_is_written_from_the_page_reads_a_file(tmp_path, layers):
    assert [field.name for field in fields(Header)] == FIELDS
    structure = {"name": "hierarchical_b", "gop": 8}
    header = Header("b_canf", bytes(range(8)), 70, 300, Fraction(30000, 1001), "bt709", structure, 2.5, 3, "x", layers)
    payload = join_layers([b"12345678", b"", b"abcd" * 50]) if layers > 1 else b"12345678"
    written = [Packet("I", 0, payload), Packet("b", 1000, payload, quality=77)]
    with (tmp_path / "a.lvc").open("wb") as file:
        write_header(file, header)
        for packet in written:
            write_packet(file, packet)
        write_end(file, 2)
    found, packets, rest = read((tmp_path / "a.lvc").read_bytes())
    for name, value in found.items():
        own = getattr(header, name)
        assert value == ([30000, 1001] if name == "fps" else own), name
    assert packets == [("I", 0, None, payload), ("b", 1000, 77, payload), (".", 2, None, b"")]
    assert rest == b""


def test_the_page_names_every_kind():
    kinds = {kind for name, model in MODELS.items() for kind in model(name=name).spec.kinds}
    (row,) = re.findall(r"^\| 1 \| kind: (.*?); its top", PAGE, re.MULTILINE)
    assert set(re.findall("`(.)`", row)) == kinds
