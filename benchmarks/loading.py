"""Clips per second of the data loaders with two workers, against what a training step of full-size DCVC-TCM consumes.

A training step of batch 4, crop 256 and 2 frames is timed in the same run (one clip at a time, times 4).
"""

import os
import time
from pathlib import Path

import torch
from common import arguments, interleaved, report
from train_step import make_step

from lvc.config.data import AugmentConfig, FolderConfig, SyntheticConfig
from lvc.datasets.clips import SampledClips
from lvc.datasets.loader import make_loader
from lvc.datasets.sources import open_source

BATCH, CROP, FRAMES = 4, 256, 2


def sets() -> dict[str, object]:
    """The data sets at hand: the synthetic scenes, and real clips where LVC_DATA has some."""
    found = {"synthetic": SyntheticConfig(name="synthetic")}
    clips = Path(os.environ.get("LVC_DATA", Path(__file__).parents[2] / "shared" / "data")) / "train"
    if clips.is_dir():
        found["folder of H.264 clips"] = FolderConfig(name="folder", path=str(clips))
    return found


def main() -> None:
    parser = arguments(__doc__.splitlines()[0])
    parser.add_argument("--batches", type=int, default=10, help="batches per repeat")
    parser.add_argument("--workers", type=int, default=2, help="data-loading processes")
    options = parser.parse_args()
    step = make_step("dcvc_tcm", "cuda" if torch.cuda.is_available() else "cpu", True, False, CROP, 1)
    rows = {"training step, bfloat16": interleaved({"step": step}, options.repeats)["step"]}
    rows["training step, bfloat16"]["clips_per_second"] = 1 / rows["training step, bfloat16"]["seconds"] / (FRAMES - 1)
    ratios = {}
    for name, config in sets().items():
        source = open_source(config)
        clips = SampledClips(source, FRAMES, crop=CROP, augment=AugmentConfig(), seed=0)
        loader = make_loader(clips, BATCH, seed=0, workers=options.workers, steps_per_epoch=options.batches)
        speeds = []
        for turn in range(options.repeats + 1):
            started, count = None, 0
            for batch in loader:
                if started is None:
                    started = time.perf_counter()  # workers are up and the first batch is there
                else:
                    count += len(batch["clip"])
            if turn:
                speeds.append(count / (time.perf_counter() - started))
        speeds.sort()
        rows[name] = {"clips_per_second": speeds[len(speeds) // 2], "slowest": speeds[0], "fastest": speeds[-1]}
        ratios[f"{name} / training step"] = (
            rows[name]["clips_per_second"] / rows["training step, bfloat16"]["clips_per_second"]
        )
    report("loading", rows, ratios, options)


if __name__ == "__main__":
    main()
