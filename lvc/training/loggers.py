"""The loggers a run asks for. None of them asks anything back."""

import csv
import os
import uuid
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import CSVLogger, Logger, TensorBoardLogger, WandbLogger
from pytorch_lightning.utilities import rank_zero_only

from lvc.config.run import LoggerConfig
from lvc.errors import UserError
from lvc.training.resume import RunState

HIGHER_IS_BETTER = ("val/psnr", "val/ms_ssim", "train/psnr", "train/psnr_prediction", "system/frames_per_second")
LOWER_IS_BETTER = ("val/loss", "val/bpp", "val/bd_rate", "train/loss", "train/bpp")


def build_loggers(config: LoggerConfig, name: str, folder: Path, state: RunState, step: int) -> list[Logger]:
    """Open the run's loggers, in the first process only.

    Args:
        config: Which ones.
        name: The run's name.
        folder: The run's folder.
        state: The run's state; keeps the wandb id.
        step: Step the run stands at: what an interrupted run logged beyond it will be logged again.
    """
    if rank_zero_only.rank != 0:
        return []
    loggers: list[Logger] = []
    if config.csv:
        loggers.append(_csv(folder, step))
    if config.tensorboard:
        loggers.append(TensorBoardLogger(folder, name="", version="tensorboard", purge_step=step + 1 if step else None))
    if config.wandb:
        loggers.append(_wandb(config, name, folder, state))
    return loggers


def _csv(folder: Path, step: int) -> CSVLogger:
    """Lightning's writer starts its file anew, so rows of the part that was interrupted are handed to it again."""
    path, rows = folder / "metrics.csv", []
    if path.is_file():
        with path.open(newline="") as file:
            rows = [row for row in csv.DictReader(file) if (row.get("step") or "").isdigit()]
    logger = CSVLogger(folder, name="", version="", flush_logs_every_n_steps=1)
    for row in rows:
        if int(row["step"]) <= step:
            logger.experiment.log_metrics({k: v for k, v in row.items() if v and k != "step"}, int(row["step"]))
    logger.save()
    return logger


def _wandb(config: LoggerConfig, name: str, folder: Path, state: RunState) -> WandbLogger:
    import wandb

    if state.wandb is None:
        state.wandb = uuid.uuid4().hex[:8]
        state.save()
    try:
        run = wandb.init(
            project=config.project,
            entity=config.entity,
            group=config.group,
            tags=list(config.tags),
            name=name,
            id=state.wandb,
            resume="allow" if config.mode == "online" else None,
            mode=config.mode,
            dir=os.fspath(folder),
            config=state.composed,
            settings=wandb.Settings(console="off", silent=True),
        )
    except (wandb.errors.CommError, wandb.errors.UsageError, wandb.errors.AuthenticationError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"logger.wandb: {reason}; logger.mode=offline needs no account") from None
    _define(run)
    return WandbLogger(experiment=run)


def _define(run: Any) -> None:
    """One step axis over all stages, and which way is up."""
    run.define_metric("progress/step", hidden=True)
    for pattern in ("train/*", "val/*", "bits/*", "system/*", "summary/*", "stage"):
        run.define_metric(pattern, step_metric="progress/step")
    for names, best in ((HIGHER_IS_BETTER, "max"), (LOWER_IS_BETTER, "min")):
        for metric in names:
            run.define_metric(metric, step_metric="progress/step", summary=f"{best},last")


def close(loggers: list[Logger]) -> None:
    """End what must be ended, so that the next run in this process starts its own."""
    for logger in loggers:
        logger.finalize("success")
        if isinstance(logger, WandbLogger):
            logger.experiment.finish()
