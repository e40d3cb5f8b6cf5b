"""A rival's file, read back: its packets, and its frames as planes."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import av
from av.video.frame import PictureType

from lvc.datasets.planes import Planes, planes_of
from lvc.errors import UserError

_TAIL = 8
"""Bytes by which parameter sets are known again."""


@dataclass(frozen=True)
class Packets:
    """What a coded file consists of.

    Attributes:
        sizes: Bytes by frame, in display order.
        intra: Whether each begins anew, in display order.
        parameters: Bytes of parameter sets that are in no packet.
    """

    sizes: list[int]
    intra: list[bool]
    parameters: int

    @staticmethod
    def of(packets: list[tuple[int, bool, int]], head: bytes | None, first: bytes) -> "Packets":
        """From (time, is intra, bytes) in any order: packets of B frames come after those that they refer to.

        Args:
            packets: All of them.
            head: What the file says of the codec, the parameter sets among it.
            first: The first packet; some encoders write the parameter sets into it as well.
        """
        packets = sorted(packets)
        repeated = head is None or head[-_TAIL:] in first
        return Packets([size for *_, size in packets], [intra for _, intra, _ in packets], 0 if repeated else len(head))

    @property
    def bytes(self) -> int:
        """Size of the elementary stream, parameter sets once."""
        return sum(self.sizes) + self.parameters

    def check_structure(self, encoder: str, period: int) -> None:
        """Raise UserError unless every ``period``-th frame is intra, and no other."""
        found = [index for index, is_intra in enumerate(self.intra) if is_intra]
        if found != list(range(0, len(self.intra), period)):
            raise UserError(
                f"traditional: {encoder} put intra frames at {found}, protocol.intra_period is {period}; "
                "set its options accordingly"
            )


def read_packets(path: Path) -> Packets:
    """The packets of a file with time stamps."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        packets, first = [], b""
        for packet in container.demux(stream):
            if packet.size:
                first = first or bytes(packet)
                packets.append((packet.pts, packet.is_keyframe, packet.size))
        return Packets.of(packets, stream.codec_context.extradata, first)


@dataclass
class Decoder:
    """Frames of a file; facts about them are there once they have been read.

    Attributes:
        path: The file.
        kinds: ``I``, ``P``, ``B`` by frame.
        depth: Bits per sample.
    """

    path: Path
    kinds: list[str] = field(default_factory=list)

    @property
    def depth(self) -> int:
        """Bits per sample that the file decodes to."""
        with av.open(str(self.path)) as container:
            frame = next(container.decode(video=0))
            return frame.format.components[0].bits

    def frames(self) -> Iterator[Planes]:
        """Planes, frame by frame."""
        with av.open(str(self.path)) as container:
            for frame in container.decode(video=0):
                self.kinds.append(PictureType(frame.pict_type).name)
                yield planes_of(frame)
