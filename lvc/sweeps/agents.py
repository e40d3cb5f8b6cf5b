"""A wandb sweep of any system: `sweep.yaml`, whose agents call train.py with the same overrides as a shell does."""

from collections.abc import Sequence
from typing import Any

from lvc.config.compose import compose, swept
from lvc.config.contract import ConfigError
from lvc.config.run import build_run

FOLDER = "dir=${oc.env:LVC_RUNS,runs}/sweeps/${oc.env:WANDB_RUN_ID}"
"""A run's folder is named by the id that the agent gives: the same run, queued again, continues."""


def sweep_config(overrides: Sequence[str]) -> dict[str, Any]:
    """The definition of a wandb sweep as plain containers.

    Args:
        overrides: What would be typed after ``python train.py -m``: values with commas, ranges and intervals are
            swept, the rest is fixed. Where nothing is swept, every lambda of `loss.choices` is.

    Raises:
        ConfigError: If a run of the sweep cannot be composed, or two ways of sweeping contradict each other.
    """
    axes, fixed = swept("train", overrides)
    if not axes:
        lambdas = compose("train", fixed)["loss"]["choices"]
        axes = {"loss.lmbda": {"values": lambdas}}
    for key, axis in axes.items():
        for value in axis.get("values") or [axis["min"], axis["max"]]:
            build_run(compose("train", [*fixed, f"{key}={value}"]))
    ranges = [key for key, axis in axes.items() if "values" not in axis]
    if ranges and "loss.lmbda" in axes:
        raise ConfigError("loss.lmbda", "a search compares validation costs, which depend on lambda; sweep it instead")
    name = build_run(compose("train", fixed)).name
    return {
        "name": f"{name} by {', '.join(axes)}",
        "program": "train.py",
        "method": "bayes" if ranges else "grid",
        "metric": {"name": "summary/loss_after", "goal": "minimize"},
        "parameters": axes,
        "command": ["${env}", "${interpreter}", "${program}", *_logged(fixed), FOLDER, "${args_no_hyphens}"],
    }


def _logged(fixed: Sequence[str]) -> list[str]:
    """The fixed overrides, with a wandb logger that reaches the sweep where none is chosen."""
    chosen = any(override.startswith("logger=") for override in fixed)
    return [*fixed, *([] if chosen else ["logger=wandb", "logger.mode=online"])]
