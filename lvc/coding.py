"""Encoding a video to a file and decoding it back, one frame at a time."""

import os
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import torch
from torch import Tensor

from lvc.bitstream.container import Header, open_bitstream, write_end, write_header, write_packet
from lvc.codec import EncodedFrame, Rate
from lvc.errors import BitstreamError, UserError
from lvc.training.export import Export


def encode_video(
    export: Export,
    frames: Iterable[Tensor],
    target: Path | str,
    fps: Fraction,
    colour: str = "bt601",
    intra_period: int | None = None,
) -> Iterator[EncodedFrame]:
    """Encode frames to ``target``; the file has its final name only when the last frame is in it.

    Args:
        export: The codec.
        frames: ``(1, 3, H, W)`` RGB in [0, 1], any number, all of one size.
        target: The bitstream's file.
        fps: Frames per second.
        colour: YUV matrix that RGB was made with.
        intra_period: Frames from one intra frame to the next; ``None`` takes the model's.

    Yields:
        Every encoded frame with the reconstruction a decoder will make. Nothing happens until it is iterated.

    Raises:
        UserError: No frame at all, frames of unlike size, or a path that cannot be written.
    """
    target = Path(target)
    if target.is_dir():
        raise UserError(f"{target}: cannot be written, it is a folder; name a file")
    codec = export.codec
    if intra_period is not None:
        codec.structure = codec.structure.with_intra_period(intra_period)
    part = target.with_name(f".{target.name}.part")
    try:
        file = part.open("wb")
    except OSError as error:
        raise UserError(f"{target}: cannot be written ({error.strerror})") from None
    try:
        with file:
            count = 0
            for encoded in codec.encode(_of_one_size(_on_device(frames, codec)), Rate()):
                if count == 0:
                    write_header(file, _header(export, encoded.frame, fps, colour))
                write_packet(file, encoded.packet)
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


def decode_video(source: Path | str, export: Export) -> Iterator[Tensor]:
    """Decode a file frame by frame to ``(1, 3, H, W)`` RGB in [0, 1].

    Raises:
        BitstreamError: Not ours, of another model, damaged or truncated; after the last good frame where there is one.
    """
    with open_bitstream(source) as (header, packets):
        digest = bytes.fromhex(export.info["digest"])[:8]
        if header.digest != digest:
            raise BitstreamError(
                f"encoded with export {header.digest.hex()} of {header.model}, not with "
                f"{export.info['path']} ({digest.hex()} of {export.info['model']})"
            )
        threads, build = torch.get_num_threads(), _build(export.codec)
        torch.set_num_threads(header.threads)
        try:
            yield from export.codec.decode(packets, (header.height, header.width), Rate())
        except BitstreamError as error:
            note = f" (encoded with {header.build}, and this is {build})" if header.build != build else ""
            raise BitstreamError(f"{error}{note}") from None
        finally:
            torch.set_num_threads(threads)


def _header(export: Export, frame: Tensor, fps: Fraction, colour: str) -> Header:
    return Header(
        model=export.config.name,
        digest=bytes.fromhex(export.info["digest"])[:8],
        height=frame.shape[-2],
        width=frame.shape[-1],
        fps=Fraction(fps),
        colour=colour,
        structure=export.codec.structure.describe(),
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
