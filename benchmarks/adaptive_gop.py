"""Groups by content: what a trained pMCTF-L chooses for every block of real clips, and what that saves.

Clips are made smaller, coded with whole groups and with both searches, and decoded with a codec loaded anew. Costs are
lambda * MSE + bits per pixel, summed over a block's frames.
"""

import math
import tempfile
from fractions import Fraction
from itertools import islice
from pathlib import Path

import torch
from common import arguments, report
from torch import Tensor
from torch.nn import functional as F

from lvc.codec import EncodedFrame
from lvc.coding.settings import EncodeOptions
from lvc.coding.video import decode_video, encode_video
from lvc.config.adaptive_gop import AdaptiveGOPConfig
from lvc.datasets.frames import to_tensor
from lvc.datasets.video import VideoReader
from lvc.export import load_export
from lvc.motion.resolution import FULL
from lvc.structures.adaptive_gop import AdaptiveGOP, frame_cost, frame_error
from lvc.structures.mctf import MCTF


def groups(sent: list[EncodedFrame], first: int, last: int) -> str:
    """Groups of a block as ``length/factor``."""
    starts = [s.packet.index for s in sent if s.packet.kind == "L" and first <= s.packet.index < last]
    factors = {s.packet.index: s.motion_factor for s in sent}
    ends = [*starts[1:], max(s.packet.index for s in sent if s.packet.index < last) + 1]
    return " ".join(
        f"{end - start}/{factors[start + (end - start) // 2] or 1}" for start, end in zip(starts, ends, strict=True)
    )


def small(path: Path, size: tuple[int, int], frames: int) -> list[Tensor]:
    """The clip's first frames at ``(h, w)``, in 8 bits."""
    wide = (to_tensor(frame) for frame in islice(VideoReader(path), frames))
    made = (F.interpolate(frame, size, mode="bicubic", align_corners=False, antialias=True) for frame in wide)
    return [(frame.clamp(0, 1) * 255).round() / 255 for frame in made]


class Memory:
    """Keeps a clip's groups, so that a search gets from it what another has coded, and counts the frames of all."""

    def __init__(self):
        self.frames, self.own, self._groups = 0, MCTF._write, {}

    def write(self, structure, codec, block, first, rate, span, scale=FULL):
        """In place of :meth:`MCTF._write`."""
        key = (first, span, scale.factor, structure.choice is None)
        if key not in self._groups:
            self._groups[key] = list(self.own(structure, codec, block, first, rate, span, scale))
        self.frames += span[1]
        return iter(self._groups[key])


def coded(path: Path, frames: list[Tensor], q: float, config: AdaptiveGOPConfig) -> tuple[list[EncodedFrame], int]:
    """Encoded frames, and bytes of the file.

    Raises:
        SystemExit: If a decoder makes other frames of the file.
    """
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "a.lvc"
        sent = list(
            encode_video(load_export(path), frames, target, Fraction(25), options=EncodeOptions(q=q, adaptive=config))
        )
        shown = {s.packet.index: s.frame for s in sent}
        for index, frame in enumerate(decode_video(target, load_export(path))):
            if not torch.equal(frame, shown[index]):
                raise SystemExit(f"frame {index} is decoded otherwise than it was coded")
        return sent, target.stat().st_size


def main() -> None:
    parser = arguments(__doc__, repeats=1)
    parser.add_argument("export", type=Path, help="a trained pMCTF-L")
    parser.add_argument("clips", type=Path, nargs="+")
    parser.add_argument("--frames", type=int, default=32)
    parser.add_argument("--size", type=int, nargs=2, default=(120, 208), metavar=("H", "W"))
    parser.add_argument("--q", type=float, default=10)
    parser.add_argument("--searches", nargs="+", default=["early_stop", "exhaustive"])
    parser.add_argument("--filter", default="bilinear")
    options = parser.parse_args()
    torch.set_num_threads(options.threads or 1)
    rows, ratios, seen = {}, {}, []
    best = AdaptiveGOP.best
    AdaptiveGOP.best = lambda self, block, rate, write: seen.append(rate) or best(self, block, rate, write)
    gop = load_export(options.export).codec.structure.gop
    for path in options.clips:
        frames, memory, found = small(path, tuple(options.size), options.frames), Memory(), {}
        MCTF._write = lambda *args, memory=memory: memory.write(*args)
        for search in ["whole groups", *options.searches]:
            chosen = {"adaptive": True, "search": search, "filter": options.filter} if found else {}
            before = memory.frames
            sent, size = coded(options.export, frames, options.q, AdaptiveGOPConfig(**chosen))
            found[search] = sent, size, memory.frames - before
            print(f"{path.stem}, {search}: {size} bytes, {groups(sent, 0, len(frames))}", flush=True)
        MCTF._write = memory.own
        lmbda = float(seen[0].lmbda)
        for search, (sent, size, count) in found.items():
            clip = f"{path.stem}, {search}"
            for first in range(0, len(frames), gop):
                block = [s for s in sent if first <= s.packet.index < first + gop]
                rows[f"{clip}, block {first // gop}"] = {
                    "groups": groups(sent, first, first + gop),
                    "bits": sum(8 * len(s.packet.payload) for s in block),
                    "cost": sum(frame_cost(s, frames[s.packet.index], lmbda) for s in block),
                }
            cost = sum(frame_cost(s, frames[s.packet.index], lmbda) for s in sent)
            mse = sum(frame_error(s, frames[s.packet.index]) for s in sent) / len(sent)
            rows[clip] = {"bytes": size, "psnr": -10 * math.log10(mse), "cost": cost, "frames coded": count}
            ratios[f"cost of {clip}"] = cost / rows[f"{path.stem}, whole groups"]["cost"]
    rows["rate point"] = {"q": options.q, "lambda": lmbda, "size": "x".join(map(str, reversed(options.size)))}
    report("groups by content", rows, ratios, options)


if __name__ == "__main__":
    main()
