"""Whether a file ends before the data that its own structure announces: what FFmpeg's demuxers pass over in silence."""

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import av

_Y4M_MARKER = 6  # bytes of "FRAME\n"


def is_cut(path: Path, container: av.container.InputContainer, read: int) -> bool:
    """Whether bytes are missing at the end of a file that was demuxed to its end.

    Args:
        path: The file.
        container: It, still open.
        read: Bytes up to the end of the last packet.
    """
    size = path.stat().st_size
    entries = container.streams.best("video").index_entries
    if any(entry.size > 0 and entry.pos + entry.size > size for entry in entries):
        return True  # MP4 and AVI list where their samples are
    check = _CHECKS.get(container.format.name)
    if check is None:
        return False
    with path.open("rb") as file:
        return check(file, size, read)


def _y4m(_file: BinaryIO, size: int, read: int) -> bool:
    return size > read + _Y4M_MARKER


def _ivf(file: BinaryIO, size: int, _read: int) -> bool:
    """A header of 32 bytes, then frames of size (4 bytes), time (8), data."""
    end = 32
    while end + 12 <= size:
        file.seek(end)
        end += 12 + int.from_bytes(file.read(4), "little")
    return end != size


def _mpegts(_file: BinaryIO, size: int, _read: int) -> bool:
    return all(size % packet for packet in (188, 192, 204))


def _flv(file: BinaryIO, size: int, _read: int) -> bool:
    """A header, then tags of type (1 byte), size (3), time and stream (7), data; between them sizes (4)."""
    file.seek(5)
    end = int.from_bytes(file.read(4), "big") + 4
    while end + 11 <= size:
        file.seek(end)
        kind, *length = file.read(4)
        if kind not in (8, 9, 18):  # no tag of sound, video or facts: something was appended
            return False
        end += 11 + int.from_bytes(length, "big") + 4
    return end - 4 > size or end < size


def _matroska(file: BinaryIO, size: int, _read: int) -> bool:
    """Elements have sizes; where a live stream leaves those of segment and clusters open, their parts have them."""
    position = 0
    while position < size:
        file.seek(position)
        header = file.read(12)  # an ID of 4 bytes and a length of 8 at most
        if header[0] < 0x10:  # no element: something was appended
            return False
        start = _ebml_bytes(header)
        if start >= len(header):
            return True
        digits = header[start : start + _ebml_bytes(header[start:])]
        start, bits = start + len(digits), 7 * _ebml_bytes(digits)
        length = int.from_bytes(digits, "big") & ((1 << bits) - 1)
        unknown = length == (1 << bits) - 1
        position += start if unknown else start + length
    return position > size


def _ebml_bytes(data: bytes) -> int:
    """Bytes of a number whose first byte tells how many they are (RFC 8794, 4)."""
    return 9 - data[0].bit_length()


_CHECKS: dict[str, Callable[[BinaryIO, int, int], bool]] = {
    "yuv4mpegpipe": _y4m,
    "ivf": _ivf,
    "mpegts": _mpegts,
    "flv": _flv,
    "matroska,webm": _matroska,
}
