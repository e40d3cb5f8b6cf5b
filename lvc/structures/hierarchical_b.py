"""Hierarchical B frames: dyadic groups of pictures, every B frame half-way between its two references.

A group of ``G = 2^L`` frames ends in an intra frame, or in a B* frame, which refers to the end of the group before it
twice. The end is coded first, then the middle, then the left half, then the right one: (0, 32) 16, (0, 16) 8, (0, 8) 4.
In this order the references of a B frame are the nearest decoded frames on its two sides, so a decoder needs no plan,
and a frame is shown as soon as all before it are. What was shown and has a shown successor is forgotten.

Frame kinds, as packets carry them: ``I``; ``B``, which others refer to; ``b``, which none does; ``P`` for B*.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Literal

import torch
from torch import Tensor

from lvc.bitstream.packet import Packet
from lvc.codec import PLAIN, EncodedFrame, FrameCoding, FrameJob, Rate, Unrolling, VideoCodec
from lvc.entropy.streams import SymbolStream
from lvc.errors import BitstreamError, UserError
from lvc.structures.frame import FrameByFrame, detached
from lvc.structures.motion_resolution import MotionResolution


@dataclass(frozen=True)
class Step:
    """One frame in coding order.

    Attributes:
        kind: ``I``, ``B``, ``b`` or ``P``.
        index: Display index.
        references: Display indices of the past and the future reference; twice the past one for ``P``.
        level: Temporal level: 0 for the ends of a group, 1 for its middle, and so on.
    """

    kind: str
    index: int
    references: tuple[int, ...]
    level: int


class HierarchicalB(FrameByFrame):
    """Groups of ``gop`` frames between decoded ends, coded depth first.

    Args:
        gop: Frames of a group, a power of two.
        intra_period: Frames from one intra frame to the next, a multiple of ``gop``; groups between end in B* frames.
        tail: Frames after the last whole group: ``bstar`` codes them as ever smaller groups that end in B* frames,
            ``drop`` leaves them out, as published figures do.
        choice: Chooses the resolution of motion; ``None`` for the frame's own.
    """

    references = 2

    def __init__(
        self,
        gop: int = 32,
        intra_period: int = 32,
        tail: Literal["bstar", "drop"] = "bstar",
        choice: MotionResolution | None = None,
    ):
        super().__init__(choice)
        self.gop, self.intra_period, self.tail = gop, intra_period, tail

    def describe(self) -> dict[str, Any]:
        """See :meth:`lvc.codec.CodingStructure.describe`."""
        own = {"gop": self.gop, "intra_period": self.intra_period, "tail": self.tail}
        return {"name": "hierarchical_b", **own, **self._described()}

    def kind(self, index: int) -> str:
        """See :meth:`lvc.codec.CodingStructure.kind`."""
        if index % self.gop:
            return "b" if index % 2 else "B"
        return "P" if index % self.intra_period else "I"

    def with_intra_period(self, intra_period: int) -> "HierarchicalB":
        """The same structure with another intra period: a multiple of the GOP, or a power of two below it.

        Raises:
            UserError: For any other.
        """
        if intra_period % self.gop == 0:
            return HierarchicalB(self.gop, intra_period, self.tail, self.choice)
        if intra_period & (intra_period - 1) == 0:
            return HierarchicalB(intra_period, intra_period, self.tail, self.choice)
        near = intra_period // self.gop * self.gop or 1 << intra_period.bit_length() - 1
        raise UserError(
            f"intra period {intra_period}: is no multiple of the GOP of {self.gop}, nor a power of two below it; "
            f"near ones are {near} and {near + self.gop if near >= self.gop else 2 * near}"
        )

    def order(self, frames: int) -> Iterator[Step]:
        """Coding order of a video of ``frames`` frames."""
        yield Step("I", 0, (), 0)
        for first in range(0, frames - 1, self.gop):
            yield from self._groups(first, min(self.gop, frames - 1 - first))

    def kinds(self, frames: int) -> list[str]:
        """Kinds of the frames of a training clip, in coding order."""
        return [step.kind for step in self.of_clip(frames).order(frames)]

    def of_clip(self, frames: int) -> "HierarchicalB":
        """The structure on a clip too short for a GOP: the largest one that fits, intra frames as often per GOP."""
        gop = min(self.gop, 1 << max(frames - 1, 1).bit_length() - 1)
        return HierarchicalB(gop, gop * (self.intra_period // self.gop), "bstar", self.choice)

    def _groups(self, first: int, frames: int) -> Iterator[Step]:
        """The ``frames`` frames after ``first``, at most a GOP, in coding order."""
        if frames < self.gop and self.tail == "drop":
            return
        while frames:
            length = 1 << frames.bit_length() - 1
            last = first + length
            yield Step("P", last, (first, first), 0) if last % self.intra_period else Step("I", last, (), 0)
            yield from self._between(first, last)
            first, frames = last, frames - length

    def _between(self, left: int, right: int) -> Iterator[Step]:
        distance = (right - left) // 2
        if not distance:
            return
        middle = left + distance
        yield Step("B" if distance > 1 else "b", middle, (left, right), (self.gop // distance).bit_length() - 1)
        yield from self._between(left, middle)
        yield from self._between(middle, right)

    def unroll(
        self, codec: VideoCodec, clip: Tensor, rate: Rate, stream: SymbolStream, how: Unrolling = PLAIN
    ) -> Iterator[FrameCoding]:
        """See :meth:`lvc.codec.CodingStructure.unroll`.

        Five frames are a GOP of four between two intra frames: 0, 4, 2, 1, 3.
        """
        held = DecodedFrames()
        frames, size = clip.unbind(1), tuple(clip.shape[-2:])
        for step in self.of_clip(len(frames)).order(len(frames)):
            state = held.references(step.kind, step.index)
            job = FrameJob(step.kind, frames[step.index], state, stream, rate, size, how.motion_only)
            coding = self.estimate(codec, job, how.checkpointing)
            held.add(step.index, detached(coding.state) if how.detach else coding.state)
            held.shown()
            yield replace(coding, index=step.index)

    @torch.inference_mode()
    def encode(self, codec: VideoCodec, frames: Iterable[Tensor], rate: Rate) -> Iterator[EncodedFrame]:
        """Encode ``(1, 3, H, W)`` frames, a GOP at a time, in coding order.

        Raises:
            UserError: Where the tail is dropped and the video has no whole GOP.
        """
        frames, held = iter(frames), DecodedFrames()

        def code(step: Step, frame: Tensor) -> EncodedFrame:
            state = held.references(step.kind, step.index)
            distance = step.index - step.references[0] if step.references else 0
            encoded, state = self.write(codec, step.kind, step.index, frame, state, rate, distance)
            held.add(step.index, state)
            held.shown()
            return replace(encoded, level=step.level)

        for first in islice(frames, 1):
            yield code(Step("I", 0, (), 0), first)
        start, whole = 0, True
        while whole:
            group = dict(enumerate(islice(frames, self.gop), start + 1))
            whole = len(group) == self.gop
            for step in self._groups(start, len(group)):
                yield code(step, group[step.index])
            start += len(group)
        if self.tail == "drop" and 1 < start + 1 <= self.gop:
            what = f"the video has {start + 1} frames, and a GOP of {self.gop} needs {self.gop + 1}"
            raise UserError(f"{what}; model.structure.tail=bstar codes videos of any length")

    @torch.inference_mode()
    def decode(
        self, codec: VideoCodec, packets: Iterable[Packet], size: tuple[int, int], rate: Rate
    ) -> Iterator[Tensor]:
        """Decode packets in coding order to ``(1, 3, H, W)`` frames of ``size`` in display order.

        Raises:
            BitstreamError: After every frame that can be decoded has been given out.
        """
        held, problem = DecodedFrames(), None
        try:
            for packet in packets:
                if packet.kind not in codec.spec.kinds:
                    raise BitstreamError(f"frame {packet.index} is of unknown kind '{packet.kind}'")
                if packet.kind in "IP":  # a new group: frames of the last one that did not come never will
                    yield from held.shown(all_of_them=True)
                try:
                    state = held.references(packet.kind, packet.index)
                except BitstreamError as error:
                    problem = problem or error
                    continue
                frame, state = self.read(codec, packet, state, size, rate)
                held.add(packet.index, state, frame)
                yield from held.shown()
        except BitstreamError as error:
            problem = problem or error
        yield from held.shown(all_of_them=True)
        if problem:
            gaps = f"; {held.missing} frames before the last decoded one are missing" if held.missing else ""
            raise BitstreamError(f"{problem}{gaps}")


class DecodedFrames:
    """Decoded frames that are still to be referred to or to be shown: at most ``log2(GOP) + 2`` at a time.

    Attributes:
        states: By display index.
        missing: Frames that were passed over, because later ones were shown.
    """

    def __init__(self):
        self.states: dict[int, dict[str, Any]] = {}
        self.missing = 0
        self._frames: dict[int, Tensor | None] = {}
        self._next, self._end_lost = 0, False

    def references(self, kind: str, index: int) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """States of a frame's past and future reference, ``None`` for an intra frame.

        Raises:
            BitstreamError: If one is not there.
        """
        if kind == "I":
            self._end_lost = False
            return None
        past = max((i for i in self.states if i < index), default=None)
        future = past if kind == "P" else min((i for i in self.states if i > index), default=None)
        self._end_lost |= future is None
        # half-way between them, or a frame in between has been lost
        if past is None or self._end_lost or (kind != "P" and future - index != index - past):
            raise BitstreamError(f"frame {index} refers to a frame that is missing")
        return self.states[past], self.states[future]

    def add(self, index: int, state: dict[str, Any], frame: Tensor | None = None) -> None:
        """Keep a decoded frame."""
        self.states[index], self._frames[index] = state, frame

    def shown(self, all_of_them: bool = False) -> list[Tensor | None]:
        """Frames that follow the last shown one in display order, with or without gaps; drops what none refers to."""
        out = []
        for index in sorted(self._frames):
            if index != self._next and not all_of_them:
                break
            out.append(self._frames.pop(index))
            self.missing += index - self._next
            self._next = index + 1
        for index in [i for i in self.states if i < self._next - 1]:
            del self.states[index]
        return out
