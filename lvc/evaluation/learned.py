"""Exports measured on real files: encode, decode with a fresh codec, and hold the two against each other."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from torch import Tensor

from lvc.bitstream.container import packet_bytes
from lvc.coding.settings import EncodeOptions
from lvc.coding.video import decode_video, encode_video
from lvc.config.evaluate import ProtocolConfig
from lvc.datasets.frames import to_tensor
from lvc.datasets.sequences import Source
from lvc.evaluation.frames import FrameFacts
from lvc.evaluation.measure import Measurement, compare_frames, with_planes
from lvc.evaluation.motion import MiddleFrame
from lvc.export import Export, load_export
from lvc.timing import Stopwatch


def measure_learned(
    path: Path,
    source: Source,
    protocol: ProtocolConfig,
    target: Path,
    device: str = "cpu",
    options: EncodeOptions | None = None,
) -> Measurement:
    """Encode a source to ``target``, decode it with a codec loaded anew, and measure what comes out.

    Decoded frames that differ from the encoder's reconstruction in a single bit are the measurement's error.

    Args:
        path: The export.
        source: What to code.
        protocol: Intra period and metrics.
        target: The bitstream's path.
        device: Where the networks run.
        options: What the encoder is asked for beside the protocol's intra period.
    """
    coded = _encode(load_export(path, device), source, protocol, target, options or EncodeOptions())
    fresh, wrong, decoding = load_export(path, device), [], Stopwatch()

    def checked() -> Iterator[Tensor]:
        for index, frame in enumerate(decoding.over(decode_video(target, fresh))):
            if coded.digests.get(index) != _digest(frame):
                wrong.append(index)
            yield frame

    quality, crop = compare_frames(source, with_planes(source, checked()), protocol.metrics, str(path))
    size = target.stat().st_size
    return Measurement(
        bytes=size,
        file_bytes=size,
        stream_bits=coded.stream_bits,
        seconds={"encode": coded.seconds, "decode": decoding.seconds},
        quality=quality,
        crop=crop,
        frames=coded.frames,
        motion=coded.middle.picture(source),
        error=_difference(wrong, source.count),
    )


@dataclass
class _Coded:
    """What encoding tells: reconstructions' digests and facts by display index, bits by stream, seconds."""

    middle: MiddleFrame
    digests: dict[int, bytes] = field(default_factory=dict)
    frames: dict[int, FrameFacts] = field(default_factory=dict)
    stream_bits: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0


def _encode(
    export: Export,
    source: Source,
    protocol: ProtocolConfig,
    target: Path,
    options: EncodeOptions,
) -> _Coded:
    """Write the file, and keep what it tells."""
    reading, encoding = Stopwatch(), Stopwatch()
    frames = reading.over(to_tensor(frame) for frame in source.frames())
    sequence = source.sequence
    options = replace(options, intra_period=protocol.period(source.count))
    video = encode_video(export, frames, target, sequence.fps, sequence.matrix, options)
    coded = _Coded(MiddleFrame(source.count))
    for frame in encoding.over(video):
        packet = frame.packet
        coded.digests[packet.index] = _digest(frame.frame)
        bits = 8 * len(packet_bytes(packet))
        coded.frames[packet.index] = FrameFacts(packet.kind, bits, frame.level, frame.motion_factor, frame.tried)
        coded.middle.see(frame)
        for name, spent in frame.bits.items():
            coded.stream_bits[name] = coded.stream_bits.get(name, 0.0) + spent
    coded.seconds = encoding.seconds - reading.seconds
    return coded


def _digest(frame: Tensor) -> bytes:
    """Equal for equal frames only; adding zero makes one zero of two."""
    values = (frame.detach() + 0.0).cpu().contiguous().numpy()
    return hashlib.blake2b(f"{values.shape}{values.dtype}".encode() + values.tobytes(), digest_size=16).digest()


def _difference(wrong: list[int], count: int) -> str | None:
    if not wrong:
        return None
    return f"{len(wrong)} of {count} decoded frames differ from the encoder's, the first is frame {wrong[0]}"
