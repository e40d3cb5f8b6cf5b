"""Meeting a size: qualities of frames, chosen by what frames took so far.

Bits of a frame are taken to be ``2 ** (cost + slope * q)``. Where there are several passes, the first has one quality
and learns every frame's cost. The next ones solve for the quality at which all frames together take the target's bits,
and move single frames a little where the bits come out otherwise. A single pass learns costs as it goes: a leaky
bucket, which each frame's quality keeps from running over or empty within the next :data:`WINDOW` frames.
"""

import math
from dataclasses import dataclass, field

from lvc.bitstream.container import packet_bytes
from lvc.bitstream.packet import QUALITY_STEPS, Packet
from lvc.codec import CodingStructure, Rate

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

    Each pass: :meth:`begin`, then :meth:`next_quality` and :meth:`saw` frame by frame, then :meth:`end_pass`.

    Attributes:
        target: Bytes of the whole file.
        frames: Number of frames.
        pixels: Of a frame.
        last: Highest quality index; qualities are real numbers from 0 to it.
        single: There is one pass only.
        overhead: Bits of the file beside its frames; learned from a pass.
        base: The quality of a whole pass, or that of its first frame.
    """

    target: int
    frames: int
    pixels: int
    last: float
    single: bool = False
    overhead: float = 1200.0
    _seen: list[_Seen] = field(default_factory=list)
    _before: list[_Seen] = field(default_factory=list)

    def __post_init__(self):
        self.slope = DOUBLINGS / self.last
        self._plan(["I", *"P" * (self.frames - 1)])
        self._drift, self._known, self._by_frame = 0.0, False, False
        self.base = self._q = self._solve(0)

    def begin(self, structure: CodingStructure, rate: Rate) -> Rate:
        """Begin a pass over frames of a structure; returns the rate point to encode with."""
        self._by_frame = structure.by_frame and (self.single or self._known)
        if not self._by_frame:
            return rate
        self._plan(structure.kinds(self.frames))
        return _ControlledRate(rate.lmbda, rate.q, control=self)

    def next_quality(self) -> float:
        """The quality of the next frame in coding order."""
        if self._by_frame:
            before, self._q = self._q, self._solve(len(self._seen))
            if self._known and self._seen:
                step = STEP * self.last
                self._q = min(max(self._q, before - step), before + step)
        return self._q

    def saw(self, packet: Packet) -> None:
        """Note a frame that was coded."""
        place = len(self._seen)
        seen = _Seen(packet.kind, self._q, math.log2(8 * len(packet_bytes(packet))))
        error = seen.bits - self.slope * seen.q - self._cost(place)
        if self._known:
            self._drift += 0.2 * error
        else:
            # the first frame tells about all kinds, later ones about their own
            kinds = self._levels if place == 0 else [self._kind(place)]
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
        bound = 0.0 if size > self.target else self.last
        stuck = all(s.q == bound for s in self._seen)
        self._before, self._seen = self._seen, []
        self._known, self._drift = True, 0.0
        self.base = self._q = self._solve(0)
        return not stuck and not self.meets(size)

    def _plan(self, kinds: list[str]) -> None:
        level = math.log2(LOWEST * self.pixels)
        self._kinds, self._levels = kinds, {kind: level + INTRA * (kind == "I") for kind in kinds}

    def _kind(self, place: int) -> str:
        return self._kinds[min(place, len(self._kinds) - 1)]

    def _cost(self, place: int) -> float:
        """Expected bits of a frame at quality 0, as a binary logarithm."""
        if self._known:
            seen = self._before[min(place, len(self._before) - 1)]
            return seen.bits - self.slope * seen.q + self._drift
        return self._levels[self._kind(place)]

    def _solve(self, place: int) -> float:
        """The one quality that makes the frames from ``place`` on use up their budget."""
        window = self.single and self._by_frame
        end = max(min(place + WINDOW, self.frames) if window else self.frames, place + 1)
        share = (8 * self.target - self.overhead) / self.frames
        budget = share * end - sum(2**s.bits for s in self._seen)
        needed = math.log2(sum(2 ** self._cost(p) for p in range(place, end)))
        q = (math.log2(max(budget, 1.0)) - needed) / self.slope
        return min(max(q, 0.0), self.last)


@dataclass(frozen=True)
class _ControlledRate(Rate):
    """A rate point whose frames have qualities of their own, in steps that packets can say."""

    control: RateControl | None = None

    def at(self, index: int, offset: float = 0.0) -> Rate:
        last = self.control.last
        q = min(max(self.control.next_quality() + offset, 0.0), last)
        return Rate(self.lmbda, self.q).of_step(round(q / last * QUALITY_STEPS), last)
