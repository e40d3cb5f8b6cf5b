"""Encoders of the FFmpeg libraries that PyAV brings."""

from pathlib import Path

import av
from av.bitstream import BitStreamFilterContext

from lvc.config.evaluate import TraditionalConfig
from lvc.datasets.planes import frame_of
from lvc.errors import UserError
from lvc.rivals.pictures import Pictures
from lvc.rivals.stream import Packets
from lvc.timing import Stopwatch


def encode(
    config: TraditionalConfig, options: dict[str, str], pictures: Pictures, target: Path, reading: Stopwatch
) -> Packets:
    """Encode into a Matroska file at ``target``.

    Args:
        config: The encoder.
        options: Its options as FFmpeg takes them, the rate point among them.
        pictures: What to code.
        target: The file's path.
        reading: Counts the time that it takes to read the source.

    Raises:
        UserError: For an encoder or option that FFmpeg does not have.
    """
    try:
        av.codec.Codec(config.encoder, "w")
    except ValueError:  # what PyAV's error for an unknown codec is
        raise UserError(
            f"traditional: the FFmpeg of the av package has no encoder '{config.encoder}'; "
            "`through: ffmpeg` asks the binary of imageio-ffmpeg"
        ) from None
    packets, start, fps = [], [], pictures.source.sequence.fps
    with av.open(str(target), "w", format="matroska") as container:
        stream = container.add_stream(config.encoder, rate=fps, options=options)
        stream.height, stream.width = pictures.size
        stream.pix_fmt, stream.codec_context.thread_count = pictures.form.pixels, config.threads
        strip = BitStreamFilterContext(config.filter, stream) if config.filter else None

        def write(frame: av.VideoFrame | None) -> None:
            for packet in _packets(config, stream, frame):
                for kept in strip.filter(packet) if strip else [packet]:
                    if not start:
                        start.append(bytes(kept))
                    packets.append((kept.pts, kept.is_keyframe, kept.size))
                    container.mux(kept)

        for index, planes in enumerate(reading.over(pictures.planes())):
            frame = frame_of(planes, pictures.form)
            frame.pts, frame.time_base = index, 1 / fps
            write(frame)
        write(None)
        return Packets.of(packets, stream.codec_context.extradata, start[0])


def _packets(config: TraditionalConfig, stream: av.VideoStream, frame: av.VideoFrame | None) -> list[av.Packet]:
    try:
        packets = stream.encode(frame)
    except av.FFmpegError as error:
        raise UserError(f"traditional: {config.encoder} refuses its options: {error.strerror}") from None
    unknown = stream.codec_context.options  # what the encoder did not take
    if unknown:
        raise UserError(f"traditional: {config.encoder} has no option '{next(iter(unknown))}'")
    return packets
