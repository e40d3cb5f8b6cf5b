"""Motion-compensated temporal filtering: dyadic lifting along motion over groups of frames.

Level 0 pairs neighbours, level 1 the low-pass frames that it leaves, and so on: in a group that starts at frame ``s``,
level ``j`` turns the frames ``s + i`` and ``s + i + 2^j`` (``i`` a multiple of ``2^(j+1)``) into a low-pass frame at
the first and a high-pass frame at the second place. The transform is open-loop: it runs over all levels before any
band is coded, with decoded motion. So a high-pass frame's place says its level, and packets need not.

Packets of a group are its low-pass frame (kind ``L``), then high-pass frames (``H``) level by level, the coarsest
first. A decoder that leaves out the finest levels gets a video of half, a quarter, ... of the frames. The frames after
the last whole group are groups of ever smaller powers of two. One group is in memory at a time, or, where an encoder
splits groups by their content (:mod:`lvc.structures.adaptive_gop`), what it compares of one.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from lvc.bitstream.packet import Packet
from lvc.codec import EncodedFrame, FrameCoding, Rate
from lvc.config.parts import MCTFConfig
from lvc.entropy.streams import Read, SymbolStream, Write
from lvc.errors import BitstreamError, UserError
from lvc.motion.resolution import FULL, MotionScale
from lvc.structures.adaptive_gop import AdaptiveGOP
from lvc.structures.dyadic import Span, coarsest_first, groups, level_of
from lvc.structures.frame import pad, padded_size

if TYPE_CHECKING:
    from lvc.models.pmctf_l import PMCTFL

_FIRST_LEVEL = MCTFConfig().first_level


@dataclass
class Band:
    """A frame of the temporal transform.

    Attributes:
        planes: Planes by size: the frame's own, then of the band, then decoded.
        bits: ``(B,)`` by stream name.
        flow: Decoded motion to the frame that it was paired with.
        prediction: Planes of that frame, moved to it.
        missed: ``(B,)`` squared error of luma that prediction's filters leave, of luma in [0, 1].
    """

    planes: list[Tensor] | None = None
    bits: dict[str, Tensor] = field(default_factory=dict)
    flow: Tensor | None = None
    prediction: list[Tensor] | None = None
    missed: Tensor | None = None


class MCTF:
    """Groups of ``gop`` frames.

    Args:
        gop: Frames of a group, a power of two.
        levels: Temporal levels that the codec has.
        first_level: The level that a training clip of frames so far apart begins at.
        choice: Splits blocks of ``gop`` frames into groups, and chooses the resolution of their motion; ``None`` for
            whole groups, with motion at its own.

    Attributes:
        references: Decoded frames that a predicted frame refers to.
        by_distance: Frames that are further apart are coded otherwise: see :meth:`unroll`.
    """

    references = 1
    by_distance = True

    def __init__(
        self,
        gop: int,
        levels: int,
        first_level: Callable[[int], int] = _FIRST_LEVEL,
        choice: AdaptiveGOP | None = None,
    ):
        self.gop, self.levels, self.first_level, self.choice = gop, levels, first_level, choice
        if choice is not None and min(choice.gops) > gop:
            raise UserError(f"structure.gops: none of {list(choice.gops)} fits into blocks of {gop} frames")

    def describe(self) -> dict[str, Any]:
        """Name and parameters, as a bitstream's header says them."""
        chosen = {} if self.choice is None else {"adaptive": self.choice.describe()}
        return {"name": "mctf", "gop": self.gop, **chosen}

    def with_intra_period(self, intra_period: int) -> "MCTF":
        """The same structure with groups of so many frames, each of which decodes alone.

        Raises:
            UserError: If it is no power of two, or needs more levels than there are.
        """
        if intra_period & (intra_period - 1) or intra_period > 2**self.levels:
            choices = ", ".join(str(2**level) for level in range(self.levels + 1))
            raise UserError(f"intra period {intra_period}: is no group of this codec; choices are: {choices}")
        return MCTF(intra_period, self.levels, self.first_level, self.choice)

    def kinds(self, frames: int) -> list[str]:
        """Kinds of the frames of a training clip."""
        return ["H" if index % self.gop else "L" for index in range(frames)]

    def unroll(
        self,
        codec: "PMCTFL",
        clip: Tensor,
        rate: Rate,
        stream: SymbolStream,
        detach: bool = False,
        checkpointing: bool = False,
        motion_only: bool = False,
        distance: int = 1,
    ) -> Iterator[FrameCoding]:
        """Code ``(B, T, 3, H, W)`` group by group.

        Args:
            codec: The codec.
            clip: Frames in [0, 1], sides multiples of the codec's stride.
            rate: The rate point.
            stream: An estimating stream.
            detach: Without meaning here: bands of a group have no order in which they refer to each other.
            checkpointing: Recompute activations of motion and bands in the backward pass.
            motion_only: Code motion alone; predictions stand for the frames, and a low-pass frame for itself.
            distance: Frames of the source between frames of the clip: says the first level.

        Yields:
            Codings in display order, each with its display index.
        """
        first_level = self.first_level(distance)
        luma_only = stream.training and codec.config.train_on == "luma"
        call = (lambda f, *a: checkpoint(f, *a, use_reentrant=False)) if checkpointing else (lambda f, *a: f(*a))
        q, frames = codec.quality(rate, len(clip)), clip.unbind(1)
        for start, length in groups(len(frames), self.gop):
            group = frames[start : start + length]
            bands = [Band(codec.split(frame, luma_only)) for frame in group]
            originals = [band.planes for band in bands]
            depth = first_level + length.bit_length() - 1
            self._analyse(codec, bands, q, first_level, lambda _: stream, call)
            if motion_only:
                for band, planes in zip(bands, originals, strict=True):
                    band.planes = band.prediction or planes
            else:
                for offset, band in enumerate(bands):
                    args = (band.planes, level_of(offset, first_level), depth, _shapes(band), q, stream)
                    band.planes, bits = call(codec.code_band, *args)
                    band.bits |= bits
                _synthesise(codec, dict(enumerate(bands)), first_level)
            for offset, (band, frame) in enumerate(zip(bands, group, strict=True)):
                luma_of = frame if luma_only else None
                said = band.prediction or originals[offset]
                yield FrameCoding(
                    kind="H" if offset else "L",
                    frame=codec.join(band.planes, luma_of),
                    bits=band.bits,
                    prediction=codec.join(said, luma_of),
                    flow=band.flow,
                    distortions={} if band.missed is None else {"filtered_prediction": band.missed},
                    index=start + offset,
                )

    def _analyse(
        self,
        codec: "PMCTFL",
        bands: list[Band],
        q: Tensor,
        first_level: int,
        stream_of: Any,
        call: Any,
        scale: MotionScale = FULL,
    ) -> None:
        """Transform a group in place, the finest level first; ``stream_of`` gives the stream of a place's motion."""
        step, level = 1, first_level
        while step < len(bands):
            memory = None
            for place in range(step, len(bands), 2 * step):
                band, before = bands[place], bands[place - step]
                pair = (band.planes, before.planes)
                shape = (len(q), *band.planes[0].shape[2:])
                args = (level, pair, memory, shape, q, stream_of(place), scale)
                band.flow, bits, memory = call(codec.code_motion, *args)
                band.bits |= bits
                band.prediction = codec.warp(before.planes, band.flow)
                band.planes, before.planes = codec.analyse(level, *pair, band.flow)
                band.missed = (band.planes[0][:, :1] / 255).square().mean((1, 2, 3))
            step, level = 2 * step, level + 1

    @torch.inference_mode()
    def encode(self, codec: "PMCTFL", frames: Iterable[Tensor], rate: Rate) -> Iterator[EncodedFrame]:
        """Encode ``(1, 3, H, W)`` frames, a block of ``gop`` at a time, in coding order."""
        frames, first = iter(frames), 0
        while held := list(islice(frames, self.gop)):
            write = partial(self._write, codec, held, first, rate)
            if self.choice is None:
                for span in groups(len(held), self.gop):
                    yield from write(span)
            else:
                yield from self.choice.best(held, rate, write)
            first += len(held)

    def _write(
        self, codec: "PMCTFL", block: list[Tensor], first: int, rate: Rate, span: Span, scale: MotionScale = FULL
    ) -> Iterator[EncodedFrame]:
        """Encode a group of a block whose first frame has the display index ``first``."""
        start, length = span
        frames = block[start : start + length]
        height, width = frames[0].shape[-2:]
        q, streams = codec.quality(rate, 1), [Write() for _ in frames]
        bands = [Band(codec.split(pad(frame, codec.stride), False)) for frame in frames]
        for stream in streams[1:]:
            stream.layer()  # motion is wanted at every spatial level
        if self.choice is not None and len(bands) > 1:
            coarsest = len(bands) // 2  # the first to be decoded
            bands[coarsest].bits |= self.choice.tell(scale, streams[coarsest])
        self._analyse(codec, bands, q, 0, streams.__getitem__, lambda f, *a: f(*a), scale)
        for offset, (band, stream) in enumerate(zip(bands, streams, strict=True)):
            args = (band.planes, level_of(offset), len(bands).bit_length() - 1, _shapes(band), q, stream)
            band.planes, bits = codec.code_band(*args)
            band.bits |= bits
        _synthesise(codec, dict(enumerate(bands)))
        for offset in coarsest_first(range(len(bands))):
            picture = codec.join(bands[offset].planes)[..., :height, :width].clamp(0, 1)
            yield EncodedFrame(
                packet=Packet("H" if offset else "L", first + start + offset, streams[offset].payload()),
                frame=picture,
                bits={name: float(bits.sum()) for name, bits in bands[offset].bits.items()},
                level=len(bands).bit_length() - 1 - level_of(offset) if offset else 0,
                motion_factor=scale.factor if offset and self.choice is not None else None,
            )

    @torch.inference_mode()
    def decode(self, codec: "PMCTFL", packets: Iterable[Packet], size: tuple[int, int], rate: Rate) -> Iterator[Tensor]:
        """Decode packets to ``(1, 3, H, W)`` frames of ``size`` in display order; levels that are missing give fewer.

        Raises:
            BitstreamError: After the frames of every group that was whole.
        """
        group: list[Packet] = []
        for packet in packets:
            if packet.kind == "L" and group:
                yield from self._read(codec, group, size, rate)
                group = []
            if not group and packet.kind != "L":
                raise BitstreamError(f"frame {packet.index} of kind '{packet.kind}' comes before any of kind 'L'")
            group.append(packet)
        if group:
            yield from self._read(codec, group, size, rate)

    def _read(self, codec: "PMCTFL", group: list[Packet], size: tuple[int, int], rate: Rate) -> Iterator[Tensor]:
        q, padded = codec.quality(rate, 1), padded_size(size, codec.stride)
        shapes, bands, memory, depth, scale = codec.planes.shapes(1, padded), {}, {}, 0, FULL
        for packet in group:
            stream, offset, band = Read(packet.payload), packet.index - group[0].index, Band()
            level = level_of(offset)
            if level is not None:
                if level >= self.levels or offset & (offset - 1) not in bands:
                    raise BitstreamError(f"frame {packet.index} refers to a frame that is missing")
                stream.layer()
                if not depth:  # the coarsest level comes first, and says what holds for all
                    depth, scale = level + 1, scale if self.choice is None else self.choice.read(stream, size)
                motion = codec.code_motion(level, None, memory.get(level), (1, *padded), q, stream, scale)
                band.flow, _, memory[level] = motion
            band.planes, _ = codec.code_band(None, level, depth, shapes, q, stream)
            stream.finish()
            bands[offset] = band
        _synthesise(codec, bands)
        for offset in sorted(bands):
            picture = codec.join(bands[offset].planes)
            smaller = padded[0] // picture.shape[-2]
            height, width = (-(-side // smaller) for side in size)
            yield picture[..., :height, :width].clamp(0, 1)


def _synthesise(codec: "PMCTFL", bands: dict[int, Band], first_level: int = 0) -> None:
    """Undo the transform of a group in place, as far as its bands are there."""
    for place in coarsest_first(bands):
        if place:
            band, before = bands[place], bands[place & (place - 1)]
            planes = codec.synthesise(level_of(place, first_level), band.planes, before.planes, band.flow)
            band.planes, before.planes = planes


def _shapes(band: Band) -> list[tuple[int, ...]]:
    return [tuple(planes.shape) for planes in band.planes]
