"""Scene pairs rendered per second by two workers, against what a training step of the full flow network takes.

All effects are on. A training step is forward and backward over all levels, in bfloat16 and channels-last order.
"""

import time

import torch
from common import arguments, interleaved, report

from lvc.config.data import SyntheticConfig
from lvc.config.spynet import SpyNetModelConfig
from lvc.datasets.flow_pairs import EFFECTS, FlowPairs
from lvc.datasets.loader import make_loader
from lvc.datasets.synthetic import SyntheticClips
from lvc.layers.layout import to_channels_last
from lvc.models.spynet import FlowNetwork
from lvc.training.flow.losses import end_point_error

BATCH = 4
SIZES = {64: 24, 128: 40, 256: 60}
"""Shapes in a scene by its side."""


def step(size: int):
    """A training step on ``BATCH`` pairs."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    network = to_channels_last(FlowNetwork(SpyNetModelConfig(name="spynet"))).to(device)
    frames = torch.rand(2, BATCH, 3, size, size, device=device)
    truth = torch.zeros(BATCH, 2, size, size, device=device)

    def run() -> None:
        with torch.autocast(device, torch.bfloat16):
            flow = network(*frames)
        end_point_error(flow, truth).backward()

    return run


def speed(size: int, workers: int, batches: int) -> float:
    """Pairs per second that a loader hands out, after its first batch."""
    config = SyntheticConfig(
        name="synthetic", height=size, width=size, shapes=SIZES[size], min_motion=1, max_motion=size / 4, **EFFECTS
    )
    loader = make_loader(FlowPairs(SyntheticClips(config)), BATCH, seed=0, workers=workers, steps_per_epoch=batches)
    started = None
    for _ in loader:
        started = started or time.perf_counter()
    return BATCH * (batches - 1) / (time.perf_counter() - started)


def main() -> None:
    parser = arguments(__doc__.splitlines()[0], repeats=3)
    parser.add_argument("--batches", type=int, default=10, help="batches per repeat")
    parser.add_argument("--workers", type=int, default=2, help="data-loading processes")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    rows, ratios = {}, {}
    for size in SIZES:
        seconds = interleaved({"step": step(size)}, options.repeats)["step"]["seconds"]
        found = sorted(speed(size, options.workers, options.batches) for _ in range(options.repeats))
        rows[f"{size}x{size}"] = {
            "pairs_per_second": found[len(found) // 2],
            "slowest": found[0],
            "fastest": found[-1],
            "training_step_pairs_per_second": BATCH / seconds,
        }
        ratios[f"rendered / trained on, {size}x{size}"] = found[len(found) // 2] * seconds / BATCH
    report("scenes", rows, ratios, options)


if __name__ == "__main__":
    main()
