"""Videos as people really have them: every frame tells its number, so that a wrong frame is noticed."""

from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

WIDTH, HEIGHT, FRAMES = 96, 64, 70
TICK = Fraction(1, 600)


def picture(number: int) -> np.ndarray:
    """A ramp that moves under eight blocks, the bits of a number."""
    ramp = np.linspace(40, 200, WIDTH)[None] + np.zeros((HEIGHT, 1))
    image = np.stack([ramp, np.roll(ramp, 3 * number, 1), ramp[::-1]], -1).astype(np.uint8)
    for bit in range(8):
        image[: HEIGHT // 2, bit * 12 : bit * 12 + 12] = 230 if number >> bit & 1 else 20
    return image


def number_in(frame: np.ndarray) -> int:
    """The number that a frame shows."""
    blocks = frame[8 : HEIGHT // 2 - 8].mean((0, 2)).reshape(8, 12)[:, 3:9].mean(1)
    return sum(1 << bit for bit, level in enumerate(blocks) if level > 125)


def write(
    path: Path,
    codec: str = "libx264",
    options: dict[str, str] | None = None,
    container: str | None = None,
    ticks: Callable[[int], int] | None = None,
    pixels: str = "yuv420p",
    mux: dict[str, str] | None = None,
    frames: int = FRAMES,
    rate: int = 25,
) -> Path:
    """A file of numbered frames, shown at ``ticks(number)`` in 1/600 s, or ``rate`` a second."""
    with av.open(str(path), "w", format=container, options=mux or {}) as file:
        stream = file.add_stream(codec, rate=rate, options=options or {})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, pixels
        if ticks:
            stream.codec_context.time_base = TICK
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(picture(number), format="rgb24").reformat(format=pixels)
            if ticks:
                frame.pts, frame.time_base = ticks(number), TICK
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    return path


def remux(source: Path, target: Path, keep: Iterable[int] | None = None, shift: int = 0) -> Path:
    """Packets ``keep`` of a file (all, by default) as they are, ``shift`` ticks earlier; MP4 hides what is before 0."""
    with av.open(str(source)) as old, av.open(str(target), "w") as new:
        stream = old.streams.video[0]
        copy = new.add_stream_from_template(stream)
        packets = [packet for packet in old.demux(stream) if packet.size]
        for number in range(len(packets)) if keep is None else keep:
            packet = packets[number]
            packet.pts, packet.dts, packet.stream = packet.pts - shift, packet.dts - shift, copy
            new.mux(packet)
    return target
