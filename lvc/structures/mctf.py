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

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from lvc.bitstream.packet import Packet
from lvc.codec import PLAIN, CodingStructure, EncodedFrame, FrameCoding, Rate, Unrolling
from lvc.config.adaptive_gop import AdaptiveGOPConfig
from lvc.config.parts import MCTFConfig
from lvc.config.spec import Model, ModelSpec
from lvc.entropy.streams import Read, SymbolStream, Write
from lvc.errors import BitstreamError, UserError
from lvc.motion.resolution import FULL, MotionScale
from lvc.structures import adaptive_gop, motion_resolution
from lvc.structures.adaptive_gop import AdaptiveGOP
from lvc.structures.dyadic import Span, coarsest_first, groups, level_of

_FIRST_LEVEL = MCTFConfig().first_level


Planes = list[Tensor]
"""Planes of a frame by size, luma first: ``(B, P, H, W)``."""


class LiftedCodec(Protocol):
    """A codec of the bands of a temporal transform along motion, level by level.

    Attributes:
        luma_only: Whether training codes luma alone.
    """

    luma_only: bool

    def multiple(self, factor: int = 1) -> int:
        """What sides of frames are multiples of, with motion at 1 / ``factor`` of their size."""

    def pad(self, frame: Tensor, factor: int = 1) -> Tensor:
        """A frame of any size, extended to such multiples."""

    def padded_size(self, size: tuple[int, int], factor: int = 1) -> tuple[int, int]:
        """``(H, W)`` of such a frame."""

    def split(self, frame: Tensor, luma_only: bool) -> Planes:
        """A frame's planes, or its luma alone."""

    def join(self, planes: Planes, luma_of: Tensor | None = None) -> Tensor:
        """The inverse; ``luma_of`` is the frame whose chroma passes uncoded."""

    def shapes(self, batch: int, size: tuple[int, int]) -> list[tuple[int, ...]]:
        """Shapes of the planes of frames of ``size``."""

    def quality(self, rate: Rate, batch: int) -> Tensor:
        """Quality indices ``(B,)`` of a rate point."""

    def code_motion(
        self,
        level: int,
        pair: tuple[Planes, Planes] | None,
        memory: Any,
        shape: tuple[int, int, int],
        q: Tensor,
        stream: SymbolStream,
        scale: MotionScale = FULL,
    ) -> tuple[Tensor, dict[str, Tensor], Any]:
        """Code motion from a frame to the one before it on a level: flow, bits by stream name, memory."""

    def code_band(
        self, planes: Planes | None, level: int | None, depth: int, shapes: list, q: Tensor, stream: SymbolStream
    ) -> tuple[Planes, dict[str, Tensor]]:
        """Code a band: decoded planes, and bits by stream name."""

    def warp(self, reference: Planes, flow: Tensor) -> Planes:
        """A frame's reference, moved to it."""

    def analyse(self, level: int, current: Planes, reference: Planes, flow: Tensor) -> tuple[Planes, Planes]:
        """High-pass and low-pass planes of two frames."""

    def synthesise(self, level: int, high: Planes, low: Planes, flow: Tensor) -> tuple[Planes, Planes]:
        """The inverse: current and reference."""


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


class MCTF(CodingStructure):
    """Groups of ``gop`` frames.

    Args:
        gop: Frames of a group, a power of two.
        levels: Temporal levels that the codec has.
        first_level: The level that a training clip of frames so far apart begins at.
        choice: Splits blocks of ``gop`` frames into groups, and chooses the resolution of their motion; ``None`` for
            whole groups, with motion at its own.
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
        """See :meth:`lvc.codec.CodingStructure.describe`."""
        chosen = {} if self.choice is None else {"adaptive": self.choice.describe()}
        return {"name": "mctf", "gop": self.gop, **chosen}

    def with_choice(self, config: Any, model: Model) -> "MCTF":
        """See :meth:`lvc.codec.CodingStructure.with_choice`: an :class:`AdaptiveGOPConfig`."""
        if not isinstance(config, AdaptiveGOPConfig):
            motion_resolution.asked(config, model)
            return self
        return MCTF(self.gop, self.levels, self.first_level, adaptive_gop.adaptive_gop(config))

    def of_header(self, described: Mapping[str, Any], spec: ModelSpec) -> "MCTF":
        """See :meth:`lvc.codec.CodingStructure.of_header`."""
        other = MCTF(self.gop, self.levels, self.first_level)
        other.choice = adaptive_gop.of_header(described)
        return other

    @staticmethod
    def temporal_levels(described: Mapping[str, Any]) -> int:
        """See :meth:`lvc.codec.CodingStructure.temporal_levels`."""
        gop = described.get("gop")
        if not isinstance(gop, int) or gop < 1:
            raise BitstreamError("damaged header: it does not say the length of its groups")
        return gop.bit_length() - 1

    def compile(self, codec: LiftedCodec) -> None:
        """See :meth:`lvc.codec.CodingStructure.compile`: motion and bands, which groups are made of."""
        for step in ("code_motion", "code_band", "analyse", "synthesise"):
            setattr(codec, step, torch.compile(getattr(codec, step)))

    def with_intra_period(self, intra_period: int) -> "MCTF":
        """The same structure with groups of so many frames, each of which decodes alone.

        Raises:
            UserError: If it is no power of two, or needs more levels than there are.
        """
        if intra_period & (intra_period - 1) or intra_period > 2**self.levels:
            choices = ", ".join(str(2**level) for level in range(self.levels + 1))
            raise UserError(f"intra period {intra_period}: is no group of this codec; choices are: {choices}")
        return MCTF(intra_period, self.levels, self.first_level, self.choice)

    def kind(self, index: int) -> str:
        """See :meth:`lvc.codec.CodingStructure.kind`."""
        return "H" if index % self.gop else "L"

    def unroll(
        self, codec: LiftedCodec, clip: Tensor, rate: Rate, stream: SymbolStream, how: Unrolling = PLAIN
    ) -> Iterator[FrameCoding]:
        """See :meth:`lvc.codec.CodingStructure.unroll`: group by group, in display order.

        The clip's distance says its first level. ``detach`` is without meaning: bands of a group have no order in which
        they refer to each other. Where motion alone is coded, a low-pass frame stands for itself.
        """
        first_level = self.first_level(how.distance)
        luma_only = stream.training and codec.luma_only
        call = (lambda f, *a: checkpoint(f, *a, use_reentrant=False)) if how.checkpointing else (lambda f, *a: f(*a))
        q, frames = codec.quality(rate, len(clip)), clip.unbind(1)
        for start, length in groups(len(frames), self.gop):
            group = frames[start : start + length]
            bands = [Band(codec.split(frame, luma_only)) for frame in group]
            originals = [band.planes for band in bands]
            depth = first_level + length.bit_length() - 1
            self._analyse(codec, bands, q, first_level, lambda _: stream, call)
            if how.motion_only:
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
        codec: LiftedCodec,
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
    def encode(self, codec: LiftedCodec, frames: Iterable[Tensor], rate: Rate) -> Iterator[EncodedFrame]:
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
        self, codec: LiftedCodec, block: list[Tensor], first: int, rate: Rate, span: Span, scale: MotionScale = FULL
    ) -> Iterator[EncodedFrame]:
        """Encode a group of a block whose first frame has the display index ``first``."""
        start, length = span
        frames = block[start : start + length]
        height, width = frames[0].shape[-2:]
        q, streams = codec.quality(rate, 1), [Write() for _ in frames]
        bands = [Band(codec.split(codec.pad(frame, scale.factor), False)) for frame in frames]
        for stream in streams[1:]:
            stream.layer()  # motion is wanted at every spatial level
        if self._sizes_follow_motion(codec):
            streams[0].layer()
            bands[0].bits |= self.choice.tell(scale, streams[0])
        elif self.choice is not None and len(bands) > 1:
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
    def decode(
        self, codec: LiftedCodec, packets: Iterable[Packet], size: tuple[int, int], rate: Rate
    ) -> Iterator[Tensor]:
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

    def _read(self, codec: LiftedCodec, group: list[Packet], size: tuple[int, int], rate: Rate) -> Iterator[Tensor]:
        q, bands, memory, depth, scale = codec.quality(rate, 1), {}, {}, 0, FULL
        told_first = self._sizes_follow_motion(codec)
        for packet in group:
            stream, offset, band = Read(packet.payload), packet.index - group[0].index, Band()
            level = level_of(offset)
            if level is None:
                if told_first:
                    stream.layer()
                    scale = self.choice.read(stream, size)
                padded = codec.padded_size(size, scale.factor)
                shapes = codec.shapes(1, padded)
            else:
                if level >= self.levels or offset & (offset - 1) not in bands:
                    raise BitstreamError(f"frame {packet.index} refers to a frame that is missing")
                stream.layer()
                if not depth:  # the coarsest level comes first, and says what holds for all
                    depth, told = level + 1, told_first or self.choice is None
                    scale = scale if told else self.choice.read(stream, size)
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

    def _sizes_follow_motion(self, codec: LiftedCodec) -> bool:
        """Whether the resolution of motion decides how frames are padded: then a group's low-pass frame says it."""
        return self.choice is not None and codec.multiple(self.choice.factors[-1]) > codec.multiple()


def _synthesise(codec: LiftedCodec, bands: dict[int, Band], first_level: int = 0) -> None:
    """Undo the transform of a group in place, as far as its bands are there."""
    for place in coarsest_first(bands):
        if place:
            band, before = bands[place], bands[place & (place - 1)]
            planes = codec.synthesise(level_of(place, first_level), band.planes, before.planes, band.flow)
            band.planes, before.planes = planes


def _shapes(band: Band) -> list[tuple[int, ...]]:
    return [tuple(planes.shape) for planes in band.planes]
