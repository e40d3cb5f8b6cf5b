"""Searches for the resolution of motion (OMRA): what they cost in time, and what cheaper ones lose.

One B frame of a full-size codec with fresh weights, coded plainly and by every search. And a video, coded by every
search with a trained codec, by size, PSNR and cost.

python benchmarks/motion_search.py
python benchmarks/motion_search.py --models --export codec.safetensors --video a.mkv --classifier classifier.safetensors
"""

import tempfile
import time
from collections import Counter
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import torch
from common import arguments, interleaved, report
from torch import Tensor
from torch.nn import functional as F

from lvc.codec import Rate
from lvc.coding.settings import EncodeOptions
from lvc.coding.video import decode_video, encode_video
from lvc.config.contract import build
from lvc.config.model import ModelConfig
from lvc.config.motion_resolution import MotionResolutionConfig
from lvc.datasets.frames import to_tensor
from lvc.datasets.video import VideoReader
from lvc.export import load_export, training_loss
from lvc.layers.layout import to_channels_last
from lvc.models.build import build_codec
from lvc.motion.resolution import MotionScale
from lvc.structures.hierarchical_b import HierarchicalB
from lvc.structures.motion_resolution import MotionResolution, of_header

FACTORS = (1, 2, 4, 8)


def picture(size: int) -> Tensor:
    """A smooth random picture ``(1, 3, size, size + 64)``."""
    noise = torch.rand(1, 3, size // 8 + 8, size // 8 + 16, generator=torch.Generator().manual_seed(0))
    large = F.interpolate(noise, scale_factor=8, mode="bicubic", align_corners=False)
    return large.clamp(0, 1)[..., :size, : size + 64]


def full_size(model: str, **changes: object) -> torch.nn.Module:
    """A full-size model with fresh weights, the same each time, in the order in which exports are loaded."""
    torch.manual_seed(0)
    return to_channels_last(build_codec(build(ModelConfig, {"name": model, **changes})).eval())


@torch.inference_mode()
def times(model: str, size: int, repeats: int) -> tuple[dict[str, dict], dict[str, float]]:
    """Seconds of a B frame of ``size`` squared, and ratios of CPU seconds to those of plain coding.

    What picks a factor without coding is timed apart: the coding that follows is at most that at full size.
    """
    codec = full_size(model, intra={"name": "intra_cheng2020", "channels": 32})
    classifier, large = full_size("resolution_classifier"), picture(size)
    frame, past, future = (large[..., at : at + size] for at in (16, 0, 32))
    state = ({"frame": past, "order": 0}, {"frame": future, "order": 0})
    rate = Rate(lmbda=torch.tensor([1024.0]))

    def choosing(choice: MotionResolution | None) -> HierarchicalB:
        return HierarchicalB(choice=choice)

    def coded(choice: MotionResolution | None) -> Callable[[], object]:
        def run() -> object:
            return choosing(choice).write(codec, "B", 1, frame, state, rate)[0]

        return run

    def decoded(factors: tuple[int, ...] | None) -> Callable[[], object]:
        choice = None if factors is None else chosen(factors)
        packet = coded(choice)().packet
        read = None if choice is None else of_header({"motion_resolution": choice.describe()}, codec.spec)

        def run() -> None:
            choosing(read).read(codec, packet, state, (size, size), rate)

        return run

    def chosen(factors: tuple[int, ...]) -> MotionResolution:
        return MotionResolution(MotionResolutionConfig(search="exhaustive", factors=factors))

    cases = {
        "encode, plain": coded(None),
        "encode, exhaustive": coded(chosen(FACTORS)),
        "encode, two factors": coded(chosen((1, 2))),
        "ranking four factors": lambda: [codec.warped("B", frame, state, MotionScale(f)) for f in FACTORS],
        "classifying": lambda: classifier(frame, past, future),
        "decode, plain": decoded(None),
        "decode, 1/1": decoded((1,)),
        "decode, 1/8": decoded((8,)),
    }
    rows = interleaved(cases, repeats)
    spent = {name: row["cpu_seconds"] for name, row in rows.items()}
    plain, read = spent["encode, plain"], spent["decode, plain"]
    ratios = {
        "exhaustive": spent["encode, exhaustive"] / plain,
        "by_level, next to its references": spent["encode, two factors"] / plain,
        "ranked, at most": 1 + spent["ranking four factors"] / plain,
        "classifier, at most": 1 + spent["classifying"] / plain,
        "decoder, 1/1": spent["decode, 1/1"] / read,
        "decoder, 1/8": spent["decode, 1/8"] / read,
    }
    return {f"{model}: {k}": v for k, v in rows.items()}, {f"{model}: {k}": v for k, v in ratios.items()}


def searches(classifier: Path | None) -> dict[str, dict]:
    """What a video is coded by, by name."""
    found = {name: {"search": name} for name in ("none", "exhaustive", "by_level", "early_stop", "ranked")}
    found["ranked, 2 candidates"] = {"search": "ranked", "candidates": 2}
    if classifier:
        said = {"search": "classifier", "classifier": str(classifier)}
        found |= {"classifier": said, "classifier, 2 candidates": {**said, "candidates": 2}}
    return found


def coded(export: Path, video: Path, frames: int, period: int, options: dict) -> dict[str, object]:
    """A video to a file and back: bits per pixel, PSNR, the cost that searches compare, CPU seconds, factors."""
    codec, reader = load_export(export), VideoReader(video)
    lmbda = training_loss(codec.info["provenance"])["lmbda"]
    source = [to_tensor(frame) for frame in islice(reader, frames)]
    errors, factors = {}, Counter()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "a.lvc")
        resolution = MotionResolutionConfig(**options)
        started = time.process_time()
        for encoded in encode_video(
            codec, source, file, reader.info.fps, options=EncodeOptions(intra_period=period, resolution=resolution)
        ):
            errors[encoded.packet.index] = float((encoded.frame - source[encoded.packet.index]).square().mean())
            factors[encoded.motion_factor] += 1
        encoding, size = time.process_time() - started, file.stat().st_size
        started = time.process_time()
        for _ in decode_video(file, load_export(export)):
            pass
        decoding = time.process_time() - started
    bpp = 8 * size / (len(source) * reader.info.width * reader.info.height)
    error = torch.tensor(list(errors.values()))
    return {
        "bpp": bpp,
        "psnr": float((-10 * error.log10()).mean()),
        "cost": bpp + lmbda * float(error.mean()),
        "encode_cpu_seconds": encoding,
        "decode_cpu_seconds": decoding,
        "factors": " ".join(f"1/{factor}:{factors[factor]}" for factor in sorted(filter(None, factors))),
    }


def main() -> None:
    parser = arguments(__doc__.splitlines()[0], repeats=3)
    parser.add_argument("--models", nargs="*", default=["b_canf", "maskcrt_b"], help="full-size codecs to time")
    parser.add_argument("--size", type=int, default=256, help="side of their frame")
    parser.add_argument("--export", type=Path, help="trained codec to code a video with")
    parser.add_argument("--video", type=Path, help="that video")
    parser.add_argument("--frames", type=int, default=33, help="its frames")
    parser.add_argument("--intra-period", type=int, default=32, help="frames from one intra frame to the next")
    parser.add_argument("--classifier", type=Path, help="classifier of that codec")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    rows: dict[str, dict] = {}
    ratios: dict[str, float] = {}
    for model in options.models:
        found, more = times(model, options.size, options.repeats)
        rows, ratios = rows | found, ratios | more
    if options.export:
        for name, search in searches(options.classifier).items():
            rows[name] = coded(options.export, options.video, options.frames, options.intra_period, search)
            print(name, rows[name], flush=True)
            ratios[f"cost of {name} / exhaustive"] = rows[name]["cost"]
        best = rows["exhaustive"]["cost"]
        ratios = {k: v / best if k.startswith("cost of") else v for k, v in ratios.items()}
    report("motion_search", rows, ratios, options)


if __name__ == "__main__":
    main()
