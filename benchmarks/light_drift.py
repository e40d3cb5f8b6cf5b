"""Whether errors of the light codec grow over hundreds of frames without an intra frame.

Clips shorter than --frames are played forwards and backwards. Frames are coded as an encoder does; bits are estimated.
"""

import argparse
import json
import os
from collections.abc import Iterator
from pathlib import Path

import torch
from common import machine
from torch import Tensor

from lvc.codec import FrameJob, Rate
from lvc.datasets.video import open_video
from lvc.entropy.streams import Estimate
from lvc.export import load_export
from lvc.layers.padding import pad
from lvc.models.shipped import named

ROOT = Path(__file__).parents[1]


def there_and_back(clip: Path, count: int) -> Iterator[Tensor]:
    """``count`` frames ``(1, 3, H, W)`` in [0, 1]."""
    frames = [torch.from_numpy(frame).permute(2, 0, 1)[None] for frame in open_video(clip, "bt601").frames()]
    period = 2 * len(frames) - 2
    for index in range(count):
        place = index % period
        yield frames[min(place, period - place)].float() / 255


@torch.inference_mode()
def measure(codec, clip: Path, q: float, count: int) -> tuple[list[float], float]:
    """PSNR of every frame, and bits per pixel in all."""
    rate, state, psnr, bits, stream = Rate(q=torch.tensor([q])), None, [], 0.0, Estimate(training=False)
    for index, frame in enumerate(there_and_back(clip, count)):
        height, width = frame.shape[-2:]
        padded, kind = pad(frame, codec.stride), "P" if index else "I"
        own = rate.at(index, 0.0 if index else codec.structure.intra_offset)
        coding = codec.code_frame(FrameJob(kind, padded, state, stream, own, tuple(padded.shape[-2:])))
        state = coding.state
        error = (coding.frame[..., :height, :width].clamp(0, 1) - frame).square().mean()
        psnr.append(-10 * float(error.log10()))
        bits += sum(float(b.sum()) for b in coding.bits.values()) / (height * width)
    return psnr, bits / count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    data = Path(os.environ.get("LVC_DATA", ROOT.parent / "shared" / "data"))
    parser.add_argument("--model", default="light", help="export, or a codec of the package")
    parser.add_argument("--clips", type=Path, default=data / "test")
    parser.add_argument("--pattern", default="*", help="only clips whose names match")
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--qualities", type=float, nargs="+", default=[0, 16, 32, 48, 63])
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "light_drift.json")
    options = parser.parse_args()
    torch.set_num_threads(1)
    codec, rows = load_export(named(options.model)).codec, []
    for clip in sorted(options.clips.glob(options.pattern)):
        for q in options.qualities:
            psnr, bpp = measure(codec, clip, q, options.frames)
            first, last = sum(psnr[1:31]) / 30, sum(psnr[-30:]) / 30
            rows.append({"clip": clip.stem, "q": q, "bpp": bpp, "frames 2 to 31": first, "last 30": last})
            print(
                f"{clip.stem} q {q:g}: {first:.2f} dB, then {last:.2f} dB ({last - first:+.2f}) at {bpp:.4f} bpp",
                flush=True,
            )
    options.out.write_text(json.dumps({"machine": machine(), "frames": options.frames, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
