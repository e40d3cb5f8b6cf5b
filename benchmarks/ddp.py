"""Frames per second of training on a CPU: one process against two, one thread each, on the same batch per process."""

import csv
import multiprocessing
import os
import socket
import statistics
import tempfile
from pathlib import Path

from common import RUN, arguments, report

from lvc.config.compose import compose
from lvc.config.run import build_run
from lvc.training.run import train

SHARED = [
    *(*RUN, "schedule.all.crop=128", "dataset.height=128", "dataset.width=128", "trainer=ddp", "trainer.threads=1"),
    *("trainer.log_every=1", "trainer.pictures=0", "trainer.validation_clips=1", "trainer.validation_frames=2"),
]
"""Frames of 128x128, four clips per process."""


def frames_per_second(world: int, steps: int) -> float:
    """Median over the steps of a run, without its first three."""
    with tempfile.TemporaryDirectory() as folder:
        composed = compose("train", [*SHARED, f"schedule.all.steps={steps}", f"dir={folder}/run"])
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        context = multiprocessing.get_context("spawn")
        processes = [context.Process(target=_process, args=(rank, world, port, composed)) for rank in range(world)]
        for process in processes:
            process.start()
        for process in processes:
            process.join()
        with Path(folder, "run", "metrics.csv").open(newline="") as file:
            rows = [row["system/frames_per_second"] for row in csv.DictReader(file)]
    return statistics.median([float(row) for row in rows if row][3:])


def _process(rank: int, world: int, port: int, composed: dict) -> None:
    place = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": world, "LOCAL_WORLD_SIZE": world, "GROUP_RANK": 0}
    place |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "TORCHELASTIC_RUN_ID": "benchmark"}
    os.environ.update({key: str(value) for key, value in place.items()})
    train(build_run(composed), composed)


def main() -> None:
    parser = arguments(__doc__.splitlines()[0], repeats=3)
    parser.add_argument("--steps", type=int, default=25, help="steps of each run")
    options = parser.parse_args()
    found: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(options.repeats):  # in turn, so that a noisy moment meets both
        for world, figures in found.items():
            figures.append(frames_per_second(world, options.steps))
    rows = {
        f"{world} process{'es' if world > 1 else ''}": {
            "frames_per_second": statistics.median(figures),
            "slowest": min(figures),
            "fastest": max(figures),
        }
        for world, figures in found.items()
    }
    ratio = statistics.median(two / one for one, two in zip(found[1], found[2], strict=True))
    report("ddp", rows, {"2 processes / 1 process": ratio}, options)


if __name__ == "__main__":
    main()
