"""Traditional codecs through FFmpeg's libraries (PyAV): RGB frames to YUV 4:2:0, a real file, and back."""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.bitstream import BitStreamFilterContext
from av.video.frame import PictureType
from av.video.reformatter import ColorRange, Colorspace, Interpolation
from torch import Tensor

from lvc.config.evaluate import ProtocolConfig, TraditionalConfig
from lvc.datasets.frames import to_tensor
from lvc.errors import UserError
from lvc.evaluation.frames import FrameFacts
from lvc.evaluation.measure import Measurement, compare_frames
from lvc.evaluation.sequences import Source
from lvc.evaluation.timing import Stopwatch

SCALER = ("BICUBIC", "FULL_CHR_H_INT", "FULL_CHR_H_INP", "ACCURATE_RND", "BITEXACT")
"""swscale's flags in both directions: full chroma resolution inside, exact rounding."""

_FLAGS = sum(Interpolation[name] for name in SCALER)
_MATRIX = {"bt601": Colorspace.ITU601, "bt709": Colorspace.ITU709, "bt2020": Colorspace.BT2020}


def describe_codec(config: TraditionalConfig, point: float) -> dict[str, Any]:
    """All settings that decide the bitstream, as records carry them."""
    return {
        "kind": "traditional",
        "encoder": config.encoder,
        "options": _options(config, point),
        "threads": config.threads,
        "filter": config.filter,
        "pixels": "yuv420p, limited range",
        "scaler": list(SCALER),
    }


def measure_traditional(
    config: TraditionalConfig, point: float, source: Source, protocol: ProtocolConfig, target: Path
) -> Measurement:
    """Encode a source into a Matroska file at ``target``, decode that file and measure the RGB frames.

    Args:
        config: The encoder; its options carry the protocol's intra period.
        point: The rate point.
        source: What to code.
        protocol: Metrics, and the intra period that the result is checked against.
        target: The file's path.

    Raises:
        UserError: For an encoder or option that FFmpeg does not have, or intra frames where none should be.
    """
    reading, encoding, decoding = Stopwatch(), Stopwatch(), Stopwatch()
    *packets, parameters = encoding.over(_encode(config, point, source, target, reading))
    packets.sort()  # in display order: packets of B frames come after those that they refer to
    _check_structure(config, [intra for _, intra, _ in packets], protocol.intra_period)
    kinds: list[str] = []
    frames = decoding.over(_decode(target, source, kinds))
    quality, crop = compare_frames(source, frames, protocol.metrics, config.encoder)
    sizes = [size for *_, size in packets]
    return Measurement(
        bytes=sum(sizes) + parameters[-1],
        file_bytes=target.stat().st_size,
        stream_bits={},
        seconds={"encode": encoding.seconds - reading.seconds, "decode": decoding.seconds},
        quality=quality,
        crop=crop,
        frames={i: FrameFacts(kind, 8 * size) for i, (kind, size) in enumerate(zip(kinds, sizes, strict=True))},
    )


def _encode(
    config: TraditionalConfig, point: float, source: Source, target: Path, reading: Stopwatch
) -> Iterator[tuple[int, bool, int]]:
    """Encode frame by frame; yields (time, is intra, bytes) per packet, then once for the parameter sets."""
    try:
        av.codec.Codec(config.encoder, "w")
    except ValueError:  # what PyAV's error for an unknown codec is
        raise UserError(f"traditional: FFmpeg here has no encoder '{config.encoder}'") from None
    with av.open(str(target), "w", format="matroska") as container:
        stream = container.add_stream(config.encoder, rate=source.sequence.fps, options=_options(config, point))
        stream.height, stream.width = (side + side % 2 for side in (source.height, source.width))
        stream.pix_fmt, stream.codec_context.thread_count = "yuv420p", config.threads
        strip = BitStreamFilterContext(config.filter, stream) if config.filter else None
        for frame in chain(_to_yuv(reading.over(source.frames()), source), [None]):
            for packet in _packets(config, stream, frame):
                for kept in strip.filter(packet) if strip else [packet]:
                    time, intra, size = kept.pts, kept.is_keyframe, kept.size
                    container.mux(kept)
                    yield time, intra, size
        yield -1, False, len(stream.codec_context.extradata or b"")


def _packets(config: TraditionalConfig, stream: av.VideoStream, frame: av.VideoFrame | None) -> list[av.Packet]:
    try:
        packets = stream.encode(frame)
    except av.FFmpegError as error:
        raise UserError(f"traditional: {config.encoder} refuses its options: {error.strerror}") from None
    unknown = stream.codec_context.options  # what the encoder did not take
    if unknown:
        raise UserError(f"traditional: {config.encoder} has no option '{next(iter(unknown))}'")
    return packets


def _to_yuv(frames: Iterator[np.ndarray], source: Source) -> Iterator[av.VideoFrame]:
    """RGB to YUV 4:2:0, odd sides extended by one replicated row or column."""
    pad = ((0, source.height % 2), (0, source.width % 2), (0, 0))
    for index, rgb in enumerate(frames):
        frame = av.VideoFrame.from_ndarray(np.pad(rgb, pad, mode="edge"), format="rgb24")
        frame.pts, frame.time_base = index, 1 / source.sequence.fps
        yield frame.reformat(
            format="yuv420p",
            dst_colorspace=_MATRIX[source.sequence.matrix],
            src_color_range=ColorRange.JPEG,
            dst_color_range=ColorRange.MPEG,
            interpolation=_FLAGS,
        )


def _decode(path: Path, source: Source, kinds: list[str]) -> Iterator[Tensor]:
    """``(1, 3, H, W)`` frames of the file, in RGB; what kind each is goes to ``kinds``."""
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            kinds.append(PictureType(frame.pict_type).name)
            rgb = frame.reformat(
                format="rgb24",
                src_colorspace=_MATRIX[source.sequence.matrix],
                src_color_range=ColorRange.MPEG,
                dst_color_range=ColorRange.JPEG,
                interpolation=_FLAGS,
            )
            yield to_tensor(rgb.to_ndarray()[: source.height, : source.width])


def _options(config: TraditionalConfig, point: float) -> dict[str, str]:
    """The encoder's options as FFmpeg takes them."""
    options = {name: _text(value) for name, value in config.options.items()}
    return {**options, config.quality: f"{point:g}"}


def _text(value: Any) -> str:
    return ":".join(f"{k}={v}" for k, v in value.items()) if isinstance(value, dict) else str(value)


def _check_structure(config: TraditionalConfig, intra: list[bool], period: int) -> None:
    found = [index for index, is_intra in enumerate(intra) if is_intra]
    if found != list(range(0, len(intra), period)):
        raise UserError(
            f"traditional: {config.encoder} put intra frames at {found}, protocol.intra_period is {period}; "
            "set its options accordingly"
        )
