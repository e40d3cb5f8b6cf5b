"""What bookkeeping costs: logging, checkpoints and pictures as a share of training time, and the time to resume.

The codec is the tiny DCVC-TCM, whose steps are cheap: with larger ones the shares are smaller still. Shares are per 500
batches at the default intervals: one checkpoint, ten logged rows, and one validation's pictures.
"""

import csv
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from common import RUN, arguments, report

from lvc.config.compose import compose
from lvc.config.run import build_run
from lvc.training import checkpoints, validation
from lvc.training import report as reporting
from lvc.training.base import StageBase
from lvc.training.run import train

BATCHES = 500
PLAN = [*RUN, "schedule.all.crop=64", "trainer.validation_clips=2"]
TRAIN = Path(__file__).parents[1] / "train.py"


def timed(owner: object, name: str, seconds: list[float]) -> None:
    """Have every call of a function note its seconds."""
    function = getattr(owner, name)

    def with_clock(*args, **options):
        started = time.perf_counter()
        result = function(*args, **options)
        seconds.append(time.perf_counter() - started)
        return result

    setattr(owner, name, with_clock)


def bookkeeping(repeats: int, threads: int) -> dict[str, dict[str, float]]:
    """Seconds of each kind of work, from a run that does it often."""
    costs: dict[str, list[float]] = {"step": [], "checkpoint": [], "log": [], "panel": [], "log pictures": []}
    timed(StageBase, "training_step", costs["step"])
    timed(checkpoints.Checkpointer, "save", costs["checkpoint"])
    timed(reporting, "log_metrics", costs["log"])
    timed(validation, "panel", costs["panel"])
    timed(validation, "log_pictures", costs["log pictures"])
    often = ["trainer.log_every=1", "trainer.checkpoint_every=4", "trainer.validate_every=8"]
    with tempfile.TemporaryDirectory() as folder:
        command = [
            *PLAN,
            *often,
            f"schedule.all.steps={8 * repeats}",
            f"trainer.threads={threads}",
            f"dir={folder}/run",
        ]
        composed = compose("train", command)
        train(build_run(composed), composed)
    return {
        name: {"seconds": statistics.median(s), "slowest": max(s), "calls": len(s)} for name, s in costs.items() if s
    }


def shares(rows: dict[str, dict[str, float]]) -> dict[str, float]:
    """Shares of training time at the default intervals."""
    spent = {
        "checkpoints": rows["checkpoint"]["seconds"],
        "logging": BATCHES / 50 * rows["log"]["seconds"],
        "pictures": 2 * rows["panel"]["seconds"] + rows["log pictures"]["seconds"],
    }
    whole = BATCHES * rows["step"]["seconds"]
    found = {f"{name} / training": seconds / whole for name, seconds in spent.items()}
    return found | {"all bookkeeping / training": sum(found.values())}


def first_step(folder: str, threads: int) -> float:
    """Seconds from the start of a command to the first step that it logs."""
    log, before = Path(folder, "run", "metrics.csv"), 0
    if log.is_file():
        before = _logged(log)
    command = [sys.executable, str(TRAIN), *PLAN, "trainer.log_every=1", "trainer.checkpoint_every=1"]
    command += ["schedule.all.steps=100000", f"trainer.threads={threads}", f"dir={folder}/run"]
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    while process.poll() is None and not (log.is_file() and _logged(log) > before):
        time.sleep(0.02)
    took = time.perf_counter() - started
    time.sleep(1)
    process.kill()
    process.wait()
    return took


def _logged(log: Path) -> int:
    with log.open(newline="") as file:
        return max([int(row["step"]) for row in csv.DictReader(file) if row.get("train/loss")], default=0)


def main() -> None:
    parser = arguments(__doc__.splitlines()[0])
    options = parser.parse_args()
    threads = options.threads or 1
    starts: dict[str, list[float]] = {"fresh": [], "resumed": []}
    for _ in range(options.repeats):
        with tempfile.TemporaryDirectory() as folder:
            for seconds in starts.values():
                seconds.append(first_step(folder, threads))
    rows = bookkeeping(options.repeats, threads)
    ratios = shares(rows)
    rows |= {f"first step, {kind}": {"seconds": statistics.median(s), "slowest": max(s)} for kind, s in starts.items()}
    ratios["seconds longer when resumed"] = (
        rows["first step, resumed"]["seconds"] - rows["first step, fresh"]["seconds"]
    )
    report("overhead", rows, ratios, options)


if __name__ == "__main__":
    main()
