"""Train a codec: compose the configuration, run the schedule, export. `python train.py --help` says more."""

from typing import Any

from lvc.config.compose import run_main
from lvc.config.run import RunConfig, build_run
from lvc.startup import prepare

COMMON = (
    "loss.lmbda",
    "dataset.path",
    "schedule.start_at",
    "schedule.stop_after",
    "schedule.order",
    "schedule.all",
    "schedule.stages.<stage>.epochs",
    "schedule.stages.<stage>.steps",
    "schedule.stages.<stage>.frames",
    "schedule.stages.<stage>.lr",
    "schedule.stages.<stage>.batch_size",
    "schedule.stages.<stage>.crop",
    "schedule.stages.<stage>.precision",
    "trainer.accelerator",
    "trainer.devices",
    "trainer.workers",
    "model.intra.weights",
    "init_from",
    "export",
    "name",
    "dir",
    "seed",
)


def run(config: RunConfig, composed: dict[str, Any]) -> None:
    """Train; imported late, so that `--help` and mistakes are answered before torch is loaded."""
    from lvc.training.launch import start

    start(config, composed)


if __name__ == "__main__":
    prepare()
    run_main("train", build_run, run, contract=RunConfig, common=COMMON)
