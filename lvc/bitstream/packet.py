"""The unit of a bitstream: one coded frame."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Packet:
    """One coded frame.

    Attributes:
        kind: Frame kind as the structure defines it, one ASCII letter (``I``, ``P``, ...).
        index: Display index, from 0.
        payload: The range coder's bytes.
    """

    kind: str
    index: int
    payload: bytes
