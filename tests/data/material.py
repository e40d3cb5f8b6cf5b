"""Videos of every kind that a folder may hold, made small."""

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from lvc.datasets.colour import SWSCALE
from tests.datasets.conftest import write

WIDTH, HEIGHT = 96, 64


def scene(seed: int, frames: int = 20, width: int = WIDTH, height: int = HEIGHT, speed: float = 1.0) -> np.ndarray:
    """A textured picture of one hue that moves: uint8 ``(frames, height, width, 3)``."""
    rng = np.random.default_rng(seed)
    reach = round(frames * speed) + 2
    coarse = rng.integers(0, 256, (height // 16 + 2, (width + reach) // 16 + 2)).astype(np.float32)
    wide = cv2.resize(coarse, (width + reach, height), interpolation=cv2.INTER_CUBIC).clip(0, 255)
    tinted = (30 + wide[..., None] * rng.uniform(0.4, 0.8, 3)).astype(np.uint8)
    return np.stack([tinted[:, round(t * speed) : round(t * speed) + width] for t in range(frames)])


def fading(seed: int, frames: int = 20) -> np.ndarray:
    """A scene that comes out of the dark."""
    gain = np.linspace(0.25, 1, frames, dtype=np.float32)[:, None, None, None]
    return (scene(seed, frames) * gain).astype(np.uint8)


def encode(path: Path, frames: np.ndarray, codec="libx264", pixels="yuv420p", options=None, times=None, **settings):
    """Encode with what :class:`VideoWriter` has no option for.

    Args:
        path: File.
        frames: RGB, or RGBA where ``pixels`` has alpha.
        codec: FFmpeg's name.
        pixels: Pixel format.
        options: The codec's.
        times: Number of every frame's moment in units of 1/25 s.
        settings: Attributes of the codec context.
    """
    with av.open(str(path), "w") as file:
        stream = file.add_stream(codec, rate=25, options=options or {"crf": "18", "preset": "ultrafast"})
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = pixels
        for name, value in settings.items():
            setattr(stream.codec_context, name, value)
        for number, image in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(image, format="rgba" if image.shape[-1] == 4 else "rgb24")
            frame = frame if pixels == "rgba" else frame.reformat(format=pixels, dst_colorspace=SWSCALE["bt709"])
            frame.pts = number if times is None else times[number]
            frame.time_base = Fraction(1, 25)
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    return path


def rotated(path: Path, frames: np.ndarray) -> Path:
    """An MP4 file whose display matrix turns it by 90 degrees, as phones write them."""
    encode(path, frames)
    data = bytearray(path.read_bytes())
    header = data.find(b"tkhd")
    matrix = header + 4 + 40  # version 0: the nine numbers of the matrix follow 40 bytes of other fields
    turn = [0, 1 << 16, 0, -(1 << 16), 0, 0, frames.shape[1] << 16, 0, 1 << 30]
    data[matrix : matrix + 36] = b"".join(value.to_bytes(4, "big", signed=True) for value in turn)
    path.write_bytes(data)
    return path


def everything(folder: Path) -> Path:
    """One file of each kind."""
    folder.mkdir(exist_ok=True)
    cuts = np.concatenate([scene(1, 21), scene(2, 9), scene(3, 30)])
    write(folder / "cuts.mkv", cuts)
    write(folder / "fade.mkv", np.concatenate([fading(4, 16), scene(4, 20)[16:]]))
    write(folder / "static.mkv", np.repeat(scene(5, 1), 20, 0))
    write(folder / "repeats.mkv", np.repeat(scene(6, 10), 2, 0))
    write(folder / "black.mkv", np.zeros((16, HEIGHT, WIDTH, 3), np.uint8))
    write(folder / "flat.mkv", np.full((16, HEIGHT, WIDTH, 3), 120, np.uint8))
    write(folder / "short.mkv", scene(7, 5))
    write(folder / "odd_size.mkv", scene(8, 16, 101, 75))
    encode(folder / "ten_bit.mkv", scene(9, 16), "ffv1", "yuv420p10le", {})
    encode(folder / "variable.mkv", scene(10, 16), times=[0, 1, 2, 3, 6, 7, 8, 9, 10, 11, 15, 16, 17, 18, 19, 20])
    rotated(folder / "rotated.mp4", scene(11, 16, 80, 160))
    opaque = np.full((16, HEIGHT, WIDTH, 1), 255, np.uint8)
    opaque[:, : HEIGHT // 2] = 0
    encode(folder / "alpha.mov", np.concatenate([scene(12, 16), opaque], -1), "png", "rgba", {})
    encode(folder / "hdr.mkv", scene(13, 16), "ffv1", "yuv420p10le", {}, color_trc=16)
    interlaced = {"crf": "18", "preset": "ultrafast", "x264-params": "tff=1"}
    encode(folder / "interlaced.mkv", scene(14, 16), options=interlaced)
    (folder / "nonsense.mp4").write_bytes(b"this is no video" * 100)
    (folder / "empty.mkv").touch()
    whole = write(folder / "truncated.mkv", scene(15, 40))
    whole.write_bytes(whole.read_bytes()[: int(whole.stat().st_size * 0.6)])
    write(folder / "tiny.mkv", scene(16, 16, 48, 32))
    (folder / "again").mkdir(exist_ok=True)
    (folder / "again" / "cuts_copy.mkv").write_bytes((folder / "cuts.mkv").read_bytes())
    write(folder / "again" / "cuts_recoded.mp4", cuts)
    (folder / "notes.txt").write_text("not a video")
    return folder
