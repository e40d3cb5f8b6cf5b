"""The loggers a run asks for. None of them asks anything back."""

import os
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import Logger, TensorBoardLogger, WandbLogger
from pytorch_lightning.utilities import rank_zero_only

from lvc.config.contract import build
from lvc.config.metrics import LOSSES, METRICS
from lvc.config.model import ModelConfig
from lvc.config.run import LoggerConfig
from lvc.errors import UserError
from lvc.export import starting_weights
from lvc.training.artifacts import note_inputs
from lvc.training.resume import RunState
from lvc.training.rows import Rows

_TRAINED = {f"val/{name}": METRICS[name].higher_is_better for name in ("psnr", *LOSSES) if name != "mse"}
HIGHER_IS_BETTER = (
    *(name for name, higher in _TRAINED.items() if higher),
    *("train/psnr", "train/psnr_prediction", "system/frames_per_second"),
)
LOWER_IS_BETTER = (
    *(name for name, higher in _TRAINED.items() if not higher),
    *("val/loss", "val/bpp", "val/bd_rate", "train/loss", "train/bpp"),
)
GROUPS = ("train/*", "val/*", "bits/*", "system/*", "summary/*", "tables/*", "histograms/*", "stage")
"""All there is to see; each group is a section of a dashboard."""

LAYOUT = {
    "rate and distortion": {
        "PSNR": ["Multiline", ["val/psnr$", "train/psnr$", "val/psnr_copy"]],
        "bits per pixel": ["Multiline", ["val/bpp$", "train/bpp$"]],
        "cost": ["Multiline", ["val/loss$", "train/loss$", "val/loss_copy"]],
        "bits by stream": ["Multiline", ["bits/.*"]],
    },
    "training": {
        "stage": ["Multiline", ["^stage$"]],
        "learning rate": ["Multiline", ["train/lr"]],
        "gradient norm": ["Multiline", ["train/grad_norm"]],
    },
}
"""TensorBoard's custom scalars: what belongs together in one chart."""


class CSVLogger(Logger):
    """Figures as rows of ``metrics.csv``.

    Lightning's logger of this name removes the file when it is opened, and empties it for a moment whenever a column
    is new. A run that is killed then loses rows which it does not log again.

    Args:
        folder: The run's folder.
        rows: Its log.
    """

    def __init__(self, folder: Path, rows: Rows):
        super().__init__()
        self.folder, self._rows = folder, rows

    @property
    def name(self) -> str:
        return "csv"

    @property
    def version(self) -> str:
        return ""

    def log_metrics(self, metrics: dict[str, Any], step: int | None = None) -> None:
        self._rows.add({**metrics, "step": step})

    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """The configuration is in ``state.json``."""


def build_loggers(
    config: LoggerConfig, name: str, folder: Path, state: RunState, step: int, anew: str | None = None
) -> list[Logger]:
    """Open the run's loggers, in the first process only.

    Args:
        config: Which ones.
        name: The run's name.
        folder: The run's folder.
        state: The run's state; keeps the wandb id.
        step: Step the run stands at: what an interrupted run logged beyond it will be logged again.
        anew: The stage that begins here, of which an interrupted run may have logged something too.
    """
    if rank_zero_only.rank != 0:
        return []
    loggers: list[Logger] = []
    if config.csv:
        loggers.append(CSVLogger(folder, Rows(folder / "metrics.csv", step, anew)))
    if config.tensorboard:
        loggers.append(_tensorboard(folder, step))
    if config.wandb:
        loggers.append(_wandb(config, name, folder, state))
    return loggers


def _tensorboard(folder: Path, step: int) -> TensorBoardLogger:
    logger = TensorBoardLogger(folder, name="", version="tensorboard", purge_step=step + 1 if step else None)
    logger.experiment.add_custom_scalars(LAYOUT)
    return logger


def _wandb(config: LoggerConfig, name: str, folder: Path, state: RunState) -> WandbLogger:
    if state.wandb is None:
        # the agent of a wandb sweep has named the run already
        given = os.environ.get("WANDB_RUN_ID") if os.environ.get("WANDB_SWEEP_ID") else None
        state.wandb = given or uuid.uuid4().hex[:8]
        state.save()
    again = {"id": state.wandb, "resume": "allow" if config.mode == "online" else None}
    run = open_run(config, name, "training", folder, config=state.composed, **again)
    _define(run)
    note_inputs(run, starting_exports(state.composed))
    return WandbLogger(experiment=run)


def open_run(options: LoggerConfig, name: str, kind: str, folder: Path, **more: Any) -> Any:
    """Open a wandb run of a ``kind``, whose files lie in ``folder``.

    Raises:
        UserError: If wandb wants an account, or cannot be reached.
    """
    import wandb

    _keep_inside(folder)
    try:
        return wandb.init(
            project=options.project,
            entity=options.entity,
            group=options.group,
            tags=list(options.tags),
            name=name,
            job_type=kind,
            mode=options.mode,
            dir=os.fspath(folder),
            settings=wandb.Settings(console="off", silent=True),
            **more,
        )
    except (wandb.errors.Error, OSError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"logger.wandb: {reason}; logger.mode=offline needs no account") from None


def _keep_inside(folder: Path) -> None:
    """Have wandb write into the run's folder alone, but where a user says otherwise: a home folder may be read-only."""
    for name in ("WANDB_DATA_DIR", "WANDB_CACHE_DIR", "WANDB_CONFIG_DIR"):
        if os.environ.get(name, "") in ("", *_chosen):
            os.environ[name] = os.fspath(folder.resolve() / ".wandb")
            _chosen.add(os.environ[name])


_chosen: set[str] = set()
"""Folders that were chosen for earlier runs of this process."""


@contextmanager
def aside(what: str) -> Iterator[None]:
    """Let no logger stand between a finished stage and what comes after it."""
    try:
        yield
    except Exception as error:
        print(f"warning: {what} could not be logged ({type(error).__name__}: {error})", file=sys.stderr, flush=True)


def starting_exports(composed: dict[str, Any]) -> list[str]:
    """Paths of the exports that a run starts from, in its composed configuration."""
    model, stages = build(ModelConfig, composed["model"], "model"), composed["schedule"]["stages"].values()
    named = [
        composed.get("init_from"),
        *(path for _, path, _ in starting_weights(model)),
        getattr(model, "codec", None),
    ]
    actions = [a for stage in stages for a in (stage.get("on_enter") or {}).values()]
    return [str(path) for path in [*named, *(a.get("path") for a in actions)] if path]


def _define(run: Any) -> None:
    """One step axis over all stages, and which way is up."""
    run.define_metric("progress/step", hidden=True)
    for pattern in GROUPS:
        run.define_metric(pattern, step_metric="progress/step")
    for names, best in ((HIGHER_IS_BETTER, "max"), (LOWER_IS_BETTER, "min")):
        for metric in names:
            run.define_metric(metric, step_metric="progress/step", summary=f"{best},last")


def close(loggers: list[Logger]) -> None:
    """End what must be ended, so that the next run in this process starts its own."""
    for logger in loggers:
        with aside("the end of the run"):
            logger.finalize("success")
            if isinstance(logger, WandbLogger):
                logger.experiment.finish()
