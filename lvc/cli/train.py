"""Train a codec: compose the configuration, run the schedule, export."""

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
    "model.intra.name",
    "model.weights",
    "model.flow.pretrained",
    "init_from",
    "export",
    "name",
    "dir",
    "seed",
)


def run(config: RunConfig, composed: dict[str, Any]) -> float | None:
    """Train; imported late, so that `--help` and mistakes are answered before torch is loaded.

    Returns:
        The validation cost at the end, lambda * D + R, which a search makes small.
    """
    from lvc.sweeps.runs import validation_cost
    from lvc.training.launch import start

    start(config, composed)
    return validation_cost(config.dir)


def main() -> None:
    """Run the command that `sys.argv` holds."""
    prepare()
    run_main("train", build_run, run, contract=RunConfig, common=COMMON)
