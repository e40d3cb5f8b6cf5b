"""Traditional codecs measured on real files: planes in, a file, planes out, both ways by one conversion."""

from pathlib import Path
from typing import Any

from lvc.config.evaluate import ProtocolConfig, TraditionalConfig
from lvc.datasets.sequences import Source
from lvc.evaluation.frames import FrameFacts
from lvc.evaluation.measure import Measurement, compare_frames
from lvc.rivals.pictures import SCALER, Pictures
from lvc.timing import Stopwatch

LONG = 9984
"""What stands for "never again" where an encoder wants a number of frames; whole groups of 2 to 64 fit in it."""


def describe_codec(config: TraditionalConfig, point: float, protocol: ProtocolConfig) -> dict[str, Any]:
    """All settings that decide the bitstream, as records carry them."""
    described = {
        "kind": "traditional",
        "encoder": config.encoder,
        "through": _library(config),
        "options": options_of(config, point, protocol),
        "threads": config.threads,
        "filter": config.filter,
        "pixels": config.pixels or "the source's own planes, yuv420p of RGB",
        "scaler": list(SCALER),
    }
    return described


def _library(config: TraditionalConfig) -> str:
    if config.through == "pyav":
        return "PyAV"
    from lvc.rivals.binary import ffmpeg_version

    return f"FFmpeg {ffmpeg_version()}"


def measure_traditional(
    config: TraditionalConfig, point: float, source: Source, protocol: ProtocolConfig, target: Path
) -> Measurement:
    """Encode a source into a Matroska file at ``target``, decode that file and measure its frames.

    Args:
        config: The encoder; its options carry the protocol's intra period.
        point: The rate point.
        source: What to code.
        protocol: Metrics, and the intra period that the result is checked against.
        target: The file's path.

    Raises:
        UserError: For an encoder or option that FFmpeg does not have, or intra frames where none should be.
    """
    from lvc.rivals import binary, pyav
    from lvc.rivals.stream import Decoder

    runner = binary if config.through == "ffmpeg" else pyav
    pictures, reading, encoding, decoding = Pictures.of(source, config.pixels), *(Stopwatch() for _ in range(3))
    with encoding:
        packets = runner.encode(config, options_of(config, point, protocol), pictures, target, reading)
    packets.check_structure(config.encoder, protocol.period(source.count))
    decoder = Decoder(target)
    frames = pictures.back(decoding.over(decoder.frames()), decoder.depth)
    quality, crop = compare_frames(source, frames, protocol.metrics, config.encoder)
    kinds = ["I" if intra else kind for kind, intra in zip(decoder.kinds, packets.intra, strict=True)]
    return Measurement(
        bytes=packets.bytes,
        file_bytes=target.stat().st_size,
        stream_bits={},
        seconds={"encode": encoding.seconds - reading.seconds, "decode": decoding.seconds},
        quality=quality,
        crop=crop,
        frames={i: FrameFacts(kind, 8 * size) for i, (kind, size) in enumerate(zip(kinds, packets.sizes, strict=True))},
    )


def options_of(config: TraditionalConfig, point: float, protocol: ProtocolConfig) -> dict[str, str]:
    """The encoder's options as FFmpeg takes them."""
    keyint = str(LONG if protocol.intra_period == -1 else protocol.intra_period)
    given = {name: _text(value) for name, value in config.options.items()}
    if not any("{point}" in value for value in given.values()):
        given[config.quality] = "{point}"
    return {name: v.replace("{keyint}", keyint).replace("{point}", f"{point:g}") for name, v in given.items()}


def _text(value: Any) -> str:
    return ":".join(f"{k}={v}" for k, v in value.items()) if isinstance(value, dict) else str(value)
