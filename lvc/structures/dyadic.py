"""Places in groups of frames that are halved again and again: level ``j`` has the odd multiples of ``2^j``."""

from collections.abc import Iterable, Iterator

from lvc.bitstream.packet import Packet

Span = tuple[int, int]
"""First frame and length of a group."""


def groups(frames: int, longest: int) -> Iterator[Span]:
    """Groups of ``frames`` frames: whole ones, and of what is left ever smaller powers of two."""
    start = 0
    while start < frames:
        length = min(longest, 1 << (frames - start).bit_length() - 1)
        yield start, length
        start += length


def level_of(place: int, first_level: int = 0) -> int | None:
    """Temporal level of the band at a place in its group, ``None`` for the low-pass frame."""
    return None if place == 0 else first_level + (place & -place).bit_length() - 1


def coarsest_first(places: Iterable[int]) -> list[int]:
    """Places in coding order: the low-pass frame, then level by level, the coarsest first."""
    return sorted(places, key=lambda place: (-(level_of(place) if place else 1 << 10), place))


def without_levels(packets: Iterable[Packet], levels: int) -> Iterator[Packet]:
    """Packets of every ``2^levels``-th frame.

    Groups begin at multiples of their length. So they lose their finest levels; shorter ones are kept or left out.
    """
    return (packet for packet in packets if packet.index % (1 << levels) == 0)
