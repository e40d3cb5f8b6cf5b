"""Encoding a video to a file and decoding it back, one frame at a time."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import torch
from torch import Tensor

from lvc.bitstream.container import Header, check_size, open_bitstream, write_end, write_header, write_packet
from lvc.bitstream.packet import Packet, cut
from lvc.codec import EncodedFrame
from lvc.coding.rate_control import RateControl
from lvc.coding.settings import EncodeOptions, lmbda_of, quality_of, rate_of, structure_for
from lvc.coding.steps import outside, stepwise
from lvc.errors import BitstreamError, UserError
from lvc.export import Export
from lvc.files import replacing
from lvc.structures.dyadic import without_levels
from lvc.structures.registry import structure_named


class Encoder:
    """Encodes frames with an export, which stays as it is: encoders of one export may be open side by side.

    Args:
        export: The codec.
        options: What a user asks for.
        control: What chooses qualities instead of ``options.q``, so that a file gets a certain size.

    Attributes:
        structure: The coding structure.
        q: The quality index of a variable-rate model.
        threads: CPU threads that it computes with, which a decoder needs as many of: the caller's.

    Raises:
        UserError: A quality, a resolution of motion or groups that the model does not have.
    """

    def __init__(self, export: Export, options: EncodeOptions | None = None, control: RateControl | None = None):
        options = options or EncodeOptions()
        self.export, self.control = export, control
        self.structure = structure_for(export, options)
        self.q = quality_of(export, options.q if control is None else control.base)
        self.threads = torch.get_num_threads()
        rate = rate_of(export.codec, self.q, lmbda_of(export, self.structure.choice, self.q))
        self.rate = rate if control is None else control.begin(self.structure, rate)

    def encode(self, frames: Iterable[Tensor]) -> Iterator[EncodedFrame]:
        """Encode ``(1, 3, H, W)`` RGB frames in [0, 1], any number, all of one size.

        Yields:
            Every encoded frame with the reconstruction a decoder will make.

        Raises:
            UserError: Frames of different size.
        """
        codec = self.export.codec
        own = outside(_of_one_size(_on_device(frames, codec)))
        for encoded in stepwise(self.structure.encode(codec, own, self.rate), self.threads):
            if self.control is not None:
                self.control.saw(encoded.packet)
            yield encoded

    def header(self, size: tuple[int, int], fps: Fraction, colour: str) -> Header:
        """The header of a file with frames of ``(H, W)``."""
        return Header(
            model=self.export.config.name,
            digest=bytes.fromhex(self.export.info["digest"])[:8],
            height=size[0],
            width=size[1],
            fps=Fraction(fps),
            colour=colour,
            structure=self.structure.describe(),
            q=self.q,
            layers=self.export.codec.spec.spatial_levels + 1,
            threads=self.threads,
            build=_build(self.export.codec),
        )


class Decoder:
    """Decodes packets of one bitstream with the export that encoded it, which stays as it is.

    Args:
        export: The codec.
        header: The bitstream's.
        spatial_level: How often the picture is halved, where packets have layers; ``None`` for the largest there is.
        temporal_level: How often the frame rate is halved, where frames have levels; ``None`` for the highest there is.

    Raises:
        UserError: For a level that the stream does not have.
        BitstreamError: If it is of another model, or asks for what there is not.
    """

    def __init__(
        self, export: Export, header: Header, spatial_level: int | None = None, temporal_level: int | None = None
    ):
        digest = bytes.fromhex(export.info["digest"])[:8]
        if header.digest != digest:
            raise BitstreamError(
                f"encoded with export {header.digest.hex()} of {header.model}, not with "
                f"{export.info['path']} ({digest.hex()} of {export.info['model']})"
            )
        self.codec, self.header = export.codec, header
        self.layers = _layers(header, self.codec.spec.spatial_levels + 1, spatial_level)
        self.levels = temporal_levels(header, temporal_level)
        self.structure = self.codec.structure.of_header(header.structure, self.codec.spec)

    def decode(self, packets: Iterable[Packet]) -> Iterator[Tensor]:
        """Decode to ``(1, 3, H, W)`` RGB frames in [0, 1], in display order.

        Raises:
            BitstreamError: Damaged or truncated; after the last good frame where there is one.
        """
        header, build = self.header, _build(self.codec)
        if self.layers < header.layers:
            packets = (cut(packet, header.layers - self.layers) for packet in packets)
        packets = without_levels(packets, self.levels)
        frames = self.structure.decode(
            self.codec, packets, (header.height, header.width), rate_of(self.codec, header.q)
        )
        try:
            yield from stepwise(frames, header.threads)
        except BitstreamError as error:
            note = f" (encoded with {header.build}, and this is {build})" if header.build != build else ""
            raise BitstreamError(f"{error}{note}") from None


def encode_video(
    export: Export,
    frames: Iterable[Tensor],
    target: Path | str,
    fps: Fraction,
    colour: str = "bt601",
    options: EncodeOptions | None = None,
    control: RateControl | None = None,
) -> Iterator[EncodedFrame]:
    """Encode frames to ``target``; the file has its final name only when the last frame is in it.

    Args:
        export: The codec.
        frames: ``(1, 3, H, W)`` RGB in [0, 1], any number, all of one size.
        target: The bitstream's file.
        fps: Frames per second.
        colour: YUV matrix that RGB was made with.
        options: See :class:`Encoder`.
        control: See :class:`Encoder`.

    Yields:
        Every encoded frame with the reconstruction a decoder will make. Nothing happens until it is iterated.

    Raises:
        UserError: What :class:`Encoder` refuses, no frame at all, or a path that cannot be written.
    """
    target = Path(target)
    if target.is_dir():
        raise UserError(f"{target}: cannot be written, it is a folder; name a file")
    encoder = Encoder(export, options, control)
    with replacing(target, make_folder=False) as part, part.open("wb") as file:
        count = 0
        for encoded in encoder.encode(frames):
            if count == 0:
                write_header(file, encoder.header(tuple(encoded.frame.shape[-2:]), fps, colour))
            write_packet(file, encoded.packet)
            count += 1
            yield encoded
        if not count:
            raise UserError(f"{target}: there is no frame to encode")
        write_end(file, count)


def decode_video(
    source: Path | str, export: Export, spatial_level: int | None = None, temporal_level: int | None = None
) -> Iterator[Tensor]:
    """Decode a file frame by frame to ``(1, 3, H, W)`` RGB in [0, 1]; see :class:`Decoder`.

    Raises:
        UserError: For a level that the stream does not have.
        BitstreamError: Not ours, of another model, damaged or truncated; after the last good frame where there is one.
    """
    with open_bitstream(source) as (header, packets):
        yield from Decoder(export, header, spatial_level, temporal_level).decode(packets)


def cut_video(
    source: Path | str, target: Path | str, spatial_level: int = 0, temporal_level: int | None = None
) -> None:
    """Extract a lower resolution or frame rate from a scalable bitstream; no network runs.

    Args:
        source: The bitstream.
        target: Where the smaller one goes, complete or not at all.
        spatial_level: How often the picture is halved, from what ``source`` holds.
        temporal_level: How often the frame rate is halved from the full one; ``None`` leaves it.

    Raises:
        UserError: For a level that the stream does not have, or a path that cannot be written.
        BitstreamError: If ``source`` is no bitstream, or damaged.
    """
    with open_bitstream(source) as (header, packets), replacing(Path(target), make_folder=False) as part:
        layers = _layers(header, header.layers, spatial_level)
        levels = temporal_levels(header, temporal_level)
        structure = header.structure | ({"temporal_level": levels} if levels else {})
        fps = header.fps / 2 ** (levels - header.structure.get("temporal_level", 0))
        with part.open("wb") as file:
            write_header(file, replace(header, layers=layers, structure=structure, fps=fps))
            count = 0
            for packet in without_levels(packets, levels):
                write_packet(file, cut(packet, header.layers - layers) if layers < header.layers else packet)
                count += 1
            write_end(file, count)


def temporal_levels(header: Header, level: int | None) -> int:
    """How often the frame rate is halved for a temporal level, ``None`` for what the stream holds.

    Raises:
        UserError: For a level that the stream does not have.
    """
    fewest = header.structure.get("temporal_level", 0)
    if not isinstance(fewest, int):
        raise BitstreamError(f"damaged header: a temporal level of {fewest!r}")
    most = structure_named(header.structure).temporal_levels(header.structure)
    if level is None:
        return fewest
    if not fewest <= level <= most:
        have = f"levels {fewest} to {most}" if most > fewest else "a single one"
        raise UserError(f"temporal level {level}: the stream has {have}")
    return level


def _layers(header: Header, largest: int, spatial_level: int | None) -> int:
    """Layers to decode for a spatial level, where ``largest`` layers hold the whole picture."""
    if spatial_level is None:
        return header.layers
    layers = largest - spatial_level
    if not 1 <= layers <= header.layers:
        have = f"levels {largest - header.layers} to {largest - 1}" if header.layers > 1 else "a single one"
        raise UserError(f"spatial level {spatial_level}: the stream has {have}")
    return layers


def _build(codec: torch.nn.Module) -> str:
    """What decides how floating-point sums come out: the library, and the device's kind and instruction set."""
    device = next(codec.parameters()).device
    kind = torch.cuda.get_device_name(device) if device.type == "cuda" else torch.backends.cpu.get_cpu_capability()
    return f"torch {torch.__version__}, {kind}"


def _on_device(frames: Iterable[Tensor], codec: torch.nn.Module) -> Iterator[Tensor]:
    device = next(codec.parameters()).device
    for frame in frames:
        yield frame.to(device)


def _of_one_size(frames: Iterable[Tensor]) -> Iterator[Tensor]:
    first = None
    for index, frame in enumerate(frames):
        if first is None:
            first = frame.shape
            check_size(*first[-2:])
        if frame.shape != first:
            size, wanted = f"{frame.shape[-1]}x{frame.shape[-2]}", f"{first[-1]}x{first[-2]}"
            raise UserError(f"frame {index} is {size}, and the video began with {wanted}")
        yield frame
