"""Meeting a size: qualities of frames, chosen by what frames took so far.

Bits of a frame are taken to be ``2 ** (cost + slope * q)``. Where there are several passes, the first has one quality
and learns every frame's cost. The next ones solve for the quality at which all frames together take the target's bits,
and move single frames a little where the bits come out otherwise. A single pass learns costs as it goes: a leaky
bucket, which each frame's quality keeps from running over or empty within the next :data:`WINDOW` frames.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from lvc.bitstream.container import packet_bytes
from lvc.bitstream.packet import Packet
from lvc.codec import EncodedFrame

TOLERANCE = 0.03
"""Share of the target that a size may differ by."""

WINDOW = 64
"""Frames over which a first pass makes up for what earlier frames took too much or too little."""

DOUBLINGS = 5.0
"""How often bits double from the lowest to the highest quality, before that has been seen (0.03 to 1 bit per pixel)."""

LOWEST = 0.03
"""Bits per pixel at the lowest quality, before that has been seen; intra frames take :data:`INTRA` doublings more."""

INTRA = 2.5

STEP = 0.015
"""Share of the range of qualities by which a frame's may differ from the one before, once costs are known."""


@dataclass
class _Seen:
    """A coded frame: its quality and the binary logarithm of its bits."""

    kind: str
    q: float
    bits: float


@dataclass
class RateControl:
    """Chooses qualities so that a file gets its size.

    Attributes:
        target: Bytes of the whole file.
        kinds: Kind of every frame, in coding order.
        pixels: Of a frame.
        last: Highest quality index; qualities are real numbers from 0 to it.
        by_frame: Every frame may have a quality of its own; else :meth:`quality` is the same throughout a pass.
        single: There is one pass only.
        overhead: Bits of the file beside its frames; learned from a pass.
    """

    target: int
    kinds: Sequence[str]
    pixels: int
    last: float
    by_frame: bool = False
    single: bool = False
    overhead: float = 1200.0
    _seen: list[_Seen] = field(default_factory=list)
    _before: list[_Seen] = field(default_factory=list)

    def __post_init__(self):
        self.slope = DOUBLINGS / self.last
        level = math.log2(LOWEST * self.pixels)
        self._levels = {kind: level + INTRA * (kind == "I") for kind in self.kinds}
        self._drift, self._known = 0.0, False
        self._base = self._solve(0)

    @property
    def quality(self) -> float:
        """The quality of the next frame in coding order, or of a whole pass."""
        if not (self.by_frame and (self.single or self._known)):
            return self._base
        solved = self._solve(len(self._seen))
        if not self._known or not self._seen:
            return solved
        step, before = STEP * self.last, self._seen[-1].q
        return min(max(solved, before - step), before + step)

    def watch(self, video: Iterator[EncodedFrame]) -> Iterator[EncodedFrame]:
        """Hand on the frames of a pass whose quality is the same throughout, and note them."""
        for encoded in video:
            self.saw(encoded.packet, self._base)
            yield encoded

    def saw(self, packet: Packet, q: float) -> None:
        """Note a frame that was coded with quality ``q``."""
        place = len(self._seen)
        seen = _Seen(packet.kind, q, math.log2(8 * len(packet_bytes(packet))))
        error = seen.bits - self.slope * q - self._cost(place)
        if self._known:
            self._drift += 0.2 * error
        else:
            # the first frame tells about all kinds, later ones about their own
            kinds = self._levels if place == 0 else [self.kinds[min(place, len(self.kinds) - 1)]]
            weight = 1.0 if seen.kind not in {s.kind for s in self._seen} else 0.4
            for kind in kinds:
                self._levels[kind] += weight * error
        self._seen.append(seen)

    def meets(self, size: int) -> bool:
        """Whether a size is near enough to the target."""
        return abs(size / self.target - 1) <= TOLERANCE

    def end_pass(self, size: int) -> bool:
        """Learn from a pass that made a file of ``size`` bytes.

        Returns:
            Whether another pass would come nearer: not where the target lies outside of what the codec can do.
        """
        self.overhead = 8 * size - sum(2**s.bits for s in self._seen)
        if len(self._before) == len(self._seen):
            pairs = list(zip(self._before, self._seen, strict=True))
            moved = sum(b.q - a.q for a, b in pairs) / len(pairs)
            if abs(moved) > 0.004 * self.last:
                slope = sum(b.bits - a.bits for a, b in pairs) / len(pairs) / moved
                self.slope = min(max(slope, 0.2 * DOUBLINGS / self.last), 4 * DOUBLINGS / self.last)
        stuck = 0.0 if size > self.target else self.last
        at_end = all(s.q == stuck for s in self._seen)
        self._before, self._seen = self._seen, []
        self._known, self._drift = True, 0.0
        self._base = self._solve(0)
        return not at_end and not self.meets(size)

    def _cost(self, place: int) -> float:
        """Expected bits of a frame at quality 0, as a binary logarithm."""
        if self._known:
            seen = self._before[min(place, len(self._before) - 1)]
            return seen.bits - self.slope * seen.q + self._drift
        return self._levels[self.kinds[min(place, len(self.kinds) - 1)]]

    def _solve(self, place: int) -> float:
        """The one quality that makes the frames from ``place`` on use up their budget."""
        frames = len(self.kinds)
        end = max(min(place + WINDOW, frames) if self.single and self.by_frame else frames, place + 1)
        share = (8 * self.target - self.overhead) / frames
        budget = share * end - sum(2**s.bits for s in self._seen)
        needed = math.log2(sum(2 ** self._cost(p) for p in range(place, end)))
        q = (math.log2(max(budget, 1.0)) - needed) / self.slope
        return min(max(q, 0.0), self.last)
