"""Metrics and pictures to whatever loggers a run has, on one step axis over all stages."""

from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.loggers import CSVLogger, TensorBoardLogger, WandbLogger
from torch import Tensor


class Progress(pl.Callback):
    """Logs training metrics every so many batches.

    Args:
        every: Batches between logged metrics.
    """

    def __init__(self, every: int):
        self.every = every

    def on_train_batch_end(self, trainer: pl.Trainer, module: pl.LightningModule, *_: Any) -> None:
        if module.done % self.every == 0 or module.done == module.total:
            log_metrics(trainer, module, module.take_metrics())


def log_metrics(trainer: pl.Trainer, module: pl.LightningModule, metrics: dict[str, Any]) -> None:
    """Log figures with the cumulative step, the stage's number and its name."""
    axis = {"progress/step": module.step, "stage": module.number}
    for logger in trainer.loggers:
        # TensorBoard takes numbers only
        name = {} if isinstance(logger, TensorBoardLogger) else {"stage_name": module.name}
        logger.log_metrics({**metrics, **axis, **name}, step=module.step)


def log_pictures(trainer: pl.Trainer, module: pl.LightningModule, panels: list[Tensor]) -> None:
    """Log ``(3, h, w)`` byte panels: to wandb and TensorBoard as images, beside the CSV file as PNG."""
    from PIL import Image

    for logger in trainer.loggers if panels and trainer.is_global_zero else []:
        arrays = [p.permute(1, 2, 0).numpy() for p in panels]
        if isinstance(logger, WandbLogger):
            captions = [f"{module.name} {module.step}, clip {i}" for i in range(len(arrays))]
            images = [Image.fromarray(a) for a in arrays]
            logger.log_image("val/pictures", images, caption=captions, step=module.step)
        for index, array in enumerate(arrays):
            if isinstance(logger, TensorBoardLogger):
                logger.experiment.add_image(f"val/pictures/{index}", array, module.step, dataformats="HWC")
            elif isinstance(logger, CSVLogger):
                folder = Path(logger.log_dir) / "pictures"
                folder.mkdir(parents=True, exist_ok=True)
                Image.fromarray(array).save(folder / f"{module.step:09d}_{module.name}_{index}.png")
