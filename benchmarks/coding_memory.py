"""Peak memory of encoding and decoding 8 and 32 frames, each in a process of its own, and whether the frames agree.

python benchmarks/coding_memory.py --video clip_1280x720.mkv --model codec.safetensors
"""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path

from common import arguments, report


def encode(video: Path, model: Path, stream: Path, frames: int) -> str:
    """Encode; returns the digest of the reconstructions."""
    from lvc.coding.video import encode_video
    from lvc.datasets.frames import to_tensor
    from lvc.datasets.video import VideoReader
    from lvc.export import load_export

    reader, digest = VideoReader(video), hashlib.sha256()
    source = (to_tensor(frame) for frame in islice(reader, frames))
    for encoded in encode_video(load_export(model), source, stream, reader.info.fps):
        digest.update(encoded.frame.contiguous().numpy())
    return digest.hexdigest()


def decode(model: Path, stream: Path) -> str:
    """Decode; returns the digest of the frames."""
    from lvc.coding.video import decode_video
    from lvc.export import load_export

    digest = hashlib.sha256()
    for frame in decode_video(stream, load_export(model)):
        digest.update(frame.contiguous().numpy())
    return digest.hexdigest()


def alone(words: list[str]) -> tuple[str, float, float]:
    """Run this script with ``words`` in a process of its own: what it printed, its peak MiB and its seconds."""
    started = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-W", "ignore", __file__, *words], stdout=subprocess.PIPE, text=True)
    printed = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"failed: {' '.join(words)}")
    return printed.strip(), usage.ru_maxrss / 1024, time.perf_counter() - started


def main() -> None:
    parser = arguments(__doc__.splitlines()[0], repeats=1)
    parser.add_argument("--video", type=Path, required=True, help="video with 32 frames or more")
    parser.add_argument("--model", type=Path, required=True, help="export")
    parser.add_argument("--role", help="run one side and print the digest (used by this script itself)")
    options = parser.parse_args()
    if options.role:
        role, stream, frames = json.loads(options.role)
        sides = {
            "encode": (encode, (options.video, options.model, stream, frames)),
            "decode": (decode, (options.model, stream)),
        }
        function, words = sides[role]
        print(function(*words))
        return
    common = ["--video", str(options.video), "--model", str(options.model)]
    rows: dict[str, dict[str, object]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for frames in (8, 32):
            stream, digests = f"{folder}/{frames}.lvc", {}
            for role in ("encode", "decode"):
                digests[role], peak, seconds = alone([*common, "--role", json.dumps([role, stream, frames])])
                rows[f"{role} {frames} frames"] = {"peak_mib": peak, "seconds": seconds}
            equal = digests["encode"] == digests["decode"]
            rows[f"decode {frames} frames"] |= {"equal": equal, "bytes": Path(stream).stat().st_size}
    peaks = {name: row["peak_mib"] for name, row in rows.items()}
    ratios = {f"{r}: 32 frames / 8": peaks[f"{r} 32 frames"] / peaks[f"{r} 8 frames"] for r in ("encode", "decode")}
    report("coding_memory", rows, ratios, options)


if __name__ == "__main__":
    main()
