"""Encoding a video to a file and decoding it back, one frame at a time."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import torch
from torch import Tensor

from lvc.bitstream.container import Header, open_bitstream, write_end, write_header, write_packet
from lvc.bitstream.packet import cut
from lvc.codec import CodingStructure, EncodedFrame
from lvc.coding.rate_control import RateControl
from lvc.coding.settings import rate_of, settle
from lvc.config.adaptive_gop import AdaptiveGOPConfig
from lvc.config.motion_resolution import MotionResolutionConfig
from lvc.errors import BitstreamError, UserError
from lvc.export import Export
from lvc.structures.dyadic import without_levels
from lvc.structures.registry import structure_named


def encode_video(
    export: Export,
    frames: Iterable[Tensor],
    target: Path | str,
    fps: Fraction,
    colour: str = "bt601",
    intra_period: int | None = None,
    q: float | None = None,
    resolution: MotionResolutionConfig | None = None,
    adaptive: AdaptiveGOPConfig | None = None,
    control: RateControl | None = None,
) -> Iterator[EncodedFrame]:
    """Encode frames to ``target``; the file has its final name only when the last frame is in it.

    Args:
        export: The codec.
        frames: ``(1, 3, H, W)`` RGB in [0, 1], any number, all of one size.
        target: The bitstream's file.
        fps: Frames per second.
        colour: YUV matrix that RGB was made with.
        intra_period: Frames from one intra frame to the next; ``None`` takes the model's.
        q: Quality index of a variable-rate model, ``None`` for the middle one.
        resolution: Resolution of motion; ``None`` takes the model's.
        adaptive: Groups by content; ``None`` takes the model's.
        control: What chooses qualities instead of ``q``, so that the file gets a certain size.

    Yields:
        Every encoded frame with the reconstruction a decoder will make. Nothing happens until it is iterated.

    Raises:
        UserError: No frame at all, frames of unlike size, a quality, a resolution of motion or groups that the model
            does not have, or a path that cannot be written.
    """
    target = Path(target)
    if target.is_dir():
        raise UserError(f"{target}: cannot be written, it is a folder; name a file")
    codec = export.codec
    q = q if control is None else control.base
    structure, q, rate = settle(export, intra_period, q, resolution, adaptive)
    if control is not None:
        rate = control.begin(structure, rate)
    part = target.with_name(f".{target.name}.part")
    try:
        file = part.open("wb")
    except OSError as error:
        raise UserError(f"{target}: cannot be written ({error.strerror})") from None
    try:
        with file:
            count = 0
            for encoded in structure.encode(codec, _of_one_size(_on_device(frames, codec)), rate):
                if count == 0:
                    write_header(file, _header(export, structure, encoded.frame, fps, colour, q))
                write_packet(file, encoded.packet)
                if control is not None:
                    control.saw(encoded.packet)
                count += 1
                yield encoded
            if not count:
                raise UserError(f"{target}: there is no frame to encode")
            write_end(file, count)
        os.replace(part, target)
    except OSError as error:
        raise UserError(f"{target}: cannot be written ({error.strerror})") from None
    finally:
        part.unlink(missing_ok=True)


def decode_video(
    source: Path | str, export: Export, spatial_level: int | None = None, temporal_level: int | None = None
) -> Iterator[Tensor]:
    """Decode a file frame by frame to ``(1, 3, H, W)`` RGB in [0, 1].

    Args:
        source: The bitstream.
        export: The codec.
        spatial_level: How often the picture is halved, where packets have layers; ``None`` for the largest there is.
        temporal_level: How often the frame rate is halved, where frames have levels; ``None`` for the highest there is.

    Raises:
        UserError: For a level that the stream does not have.
        BitstreamError: Not ours, of another model, damaged or truncated; after the last good frame where there is one.
    """
    with open_bitstream(source) as (header, packets):
        digest = bytes.fromhex(export.info["digest"])[:8]
        if header.digest != digest:
            raise BitstreamError(
                f"encoded with export {header.digest.hex()} of {header.model}, not with "
                f"{export.info['path']} ({digest.hex()} of {export.info['model']})"
            )
        layers = _layers(header, export.codec.spec.spatial_levels + 1, spatial_level)
        if layers < header.layers:
            packets = (cut(packet, header.layers - layers) for packet in packets)
        packets = without_levels(packets, temporal_levels(header, temporal_level))
        structure = export.codec.structure.of_header(header.structure, export.codec.spec)
        threads, build = torch.get_num_threads(), _build(export.codec)
        torch.set_num_threads(header.threads)
        try:
            rate = rate_of(export.codec, header.q)
            yield from structure.decode(export.codec, packets, (header.height, header.width), rate)
        except BitstreamError as error:
            note = f" (encoded with {header.build}, and this is {build})" if header.build != build else ""
            raise BitstreamError(f"{error}{note}") from None
        finally:
            torch.set_num_threads(threads)


def cut_video(
    source: Path | str, target: Path | str, spatial_level: int = 0, temporal_level: int | None = None
) -> None:
    """Copy a bitstream without what a smaller picture or a lower frame rate needs not; no network runs.

    Args:
        source: The bitstream.
        target: Where the smaller one goes, complete or not at all.
        spatial_level: How often the picture is halved, from what ``source`` holds.
        temporal_level: How often the frame rate is halved from the full one; ``None`` leaves it.

    Raises:
        UserError: For a level that the stream does not have, or a path that cannot be written.
        BitstreamError: If ``source`` is no bitstream, or damaged.
    """
    part = Path(target).with_name(f".{Path(target).name}.part")
    try:
        with open_bitstream(source) as (header, packets), part.open("wb") as file:
            layers = _layers(header, header.layers, spatial_level)
            levels = temporal_levels(header, temporal_level)
            structure = header.structure | ({"temporal_level": levels} if levels else {})
            fps = header.fps / 2 ** (levels - header.structure.get("temporal_level", 0))
            write_header(file, replace(header, layers=layers, structure=structure, fps=fps))
            count = 0
            for packet in without_levels(packets, levels):
                write_packet(file, cut(packet, header.layers - layers) if layers < header.layers else packet)
                count += 1
            write_end(file, count)
        os.replace(part, target)
    except OSError as error:
        raise UserError(f"{target}: cannot be written ({error.strerror})") from None
    finally:
        part.unlink(missing_ok=True)


def temporal_levels(header: Header, level: int | None) -> int:
    """How often the frame rate is halved for a temporal level, ``None`` for what the stream holds.

    Raises:
        UserError: For a level that the stream does not have.
    """
    fewest = header.structure.get("temporal_level", 0)
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


def _header(
    export: Export, structure: CodingStructure, frame: Tensor, fps: Fraction, colour: str, q: float | None
) -> Header:
    return Header(
        model=export.config.name,
        digest=bytes.fromhex(export.info["digest"])[:8],
        height=frame.shape[-2],
        width=frame.shape[-1],
        fps=Fraction(fps),
        colour=colour,
        structure=structure.describe(),
        q=q,
        layers=export.codec.spec.spatial_levels + 1,
        threads=torch.get_num_threads(),
        build=_build(export.codec),
    )


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
        first = first or frame.shape
        if frame.shape != first:
            size, wanted = f"{frame.shape[-1]}x{frame.shape[-2]}", f"{first[-1]}x{first[-2]}"
            raise UserError(f"frame {index} is {size}, and the video began with {wanted}")
        yield frame
