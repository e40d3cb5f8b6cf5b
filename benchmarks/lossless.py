"""Bytes of a real clip under lossless codecs: exports with lossless=true, FFV1 and x264, all decoded and compared.

python benchmarks/lossless.py --video clip.mkv --models pwave.safetensors pmctf_l.safetensors
"""

import argparse
import tempfile
import time
from itertools import islice
from pathlib import Path

import av
import numpy as np
import torch
from common import arguments, report

from lvc.coding.video import decode_video, encode_video
from lvc.datasets.frames import to_bytes, to_tensor
from lvc.datasets.video import VideoReader
from lvc.export import load_export

TRADITIONAL = {
    "FFV1, intra": ("ffv1", "bgr0", {"level": "3", "coder": "1", "context": "1", "g": "1"}),
    "x264, qp 0": ("libx264rgb", "rgb24", {"qp": "0", "preset": "veryslow", "threads": "1"}),
    "x264, qp 0, intra": ("libx264rgb", "rgb24", {"qp": "0", "preset": "veryslow", "threads": "1", "g": "1"}),
}
"""Encoder, pixel format and options."""


def traditional(frames: list[np.ndarray], name: str, path: Path) -> tuple[int, list[np.ndarray]]:
    """Bytes of a codec's packets, and the frames decoded from its file."""
    encoder, pixels, options = TRADITIONAL[name]
    size = 0
    with av.open(str(path), "w", format="matroska") as container:
        stream = container.add_stream(encoder, rate=25, options=options)
        stream.height, stream.width, stream.pix_fmt = *frames[0].shape[:2], pixels
        for rgb in [*frames, None]:
            frame = None if rgb is None else av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format=pixels)
            for packet in stream.encode(frame):
                size += packet.size
                container.mux(packet)
    with av.open(str(path)) as container:
        return size, [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def learned(frames: list[np.ndarray], model: Path, path: Path) -> tuple[int, list[np.ndarray]]:
    """The same for a learned codec; bytes are those of its file."""
    for _ in encode_video(load_export(model), map(to_tensor, frames), path, 25):
        pass
    return path.stat().st_size, [to_bytes(frame) for frame in decode_video(path, load_export(model))]


def crop(frame: np.ndarray, size: str | None) -> np.ndarray:
    """The middle of a frame."""
    width, height = map(int, size.split("x")) if size else frame.shape[1::-1]
    top, left = ((side - kept) // 2 for side, kept in zip(frame.shape, (height, width), strict=False))
    return np.ascontiguousarray(frame[top : top + height, left : left + width])


def measured(options: argparse.Namespace, folder: Path) -> dict[str, dict]:
    """A row for every codec."""
    frames = [crop(frame, options.crop) for frame in islice(VideoReader(options.video), options.frames)]
    cases = {name: (traditional, name) for name in TRADITIONAL}
    cases |= {f"{load_export(m).config.name} ({m.parent.name}/{m.stem})": (learned, m) for m in options.models}
    rows = {}
    for name, (code, what) in cases.items():
        started = time.process_time()
        size, decoded = code(frames, what, folder / "coded")
        equal = len(decoded) == len(frames) and all(map(np.array_equal, frames, decoded))
        rows[name] = {
            "bytes": size,
            "bits_per_pixel": 8 * size / len(frames) / frames[0][..., 0].size,
            "equal": equal,
            "cpu_seconds": time.process_time() - started,
        }
    return rows


def main() -> None:
    parser = arguments(__doc__.splitlines()[0], repeats=1)
    parser.add_argument("--video", type=Path, required=True, help="clip of real frames")
    parser.add_argument("--models", type=Path, nargs="*", default=[], help="exports with lossless=true")
    parser.add_argument("--frames", type=int, default=4, help="frames from its beginning")
    parser.add_argument("--crop", metavar="WxH", help="the middle of the frames alone")
    options = parser.parse_args()
    torch.set_num_threads(options.threads or 1)
    with tempfile.TemporaryDirectory() as folder:
        report("lossless", measured(options, Path(folder)), {}, options)


if __name__ == "__main__":
    main()
