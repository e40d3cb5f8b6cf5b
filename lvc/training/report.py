"""Metrics, pictures and videos to whatever loggers a run has, on one step axis over all stages."""

import tempfile
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.loggers import TensorBoardLogger, WandbLogger
from torch import Tensor

from lvc.training.loggers import CSVLogger

VIDEO_FPS = 5
"""Slow enough to see what a few frames do."""


class Progress(pl.Callback):
    """Marks where a stage begins, and logs training metrics every so many batches.

    Args:
        every: Batches between logged metrics.
    """

    def __init__(self, every: int):
        self.every = every

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        if "before" not in module.record:  # not a stage that was entered before a kill
            log_metrics(trainer, module, {})
            for board in boards(trainer):
                board.experiment.add_text(
                    "stage", f"{module.name}: trains {', '.join(module.stage.train)}", module.step
                )

    def on_train_batch_end(self, trainer: pl.Trainer, module: pl.LightningModule, *_: Any) -> None:
        if module.done % self.every == 0 or module.done == module.total:
            log_metrics(trainer, module, module.take_metrics())


def log_metrics(trainer: pl.Trainer, module: pl.LightningModule, metrics: dict[str, Any]) -> None:
    """Log figures with the cumulative step, the stage's number and its name."""
    trainer.callback_metrics.update(
        {name: torch.as_tensor(float(value)) for name, value in metrics.items() if isinstance(value, int | float)}
    )
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
            images = [Image.fromarray(a) for a in of_one_size(arrays)]
            logger.log_image("val/pictures", images, caption=captions, step=module.step)
        for index, array in enumerate(arrays):
            if isinstance(logger, TensorBoardLogger):
                logger.experiment.add_image(f"val/pictures/{index}", array, module.step, dataformats="HWC")
            elif isinstance(logger, CSVLogger):
                folder = logger.folder / "pictures"
                folder.mkdir(parents=True, exist_ok=True)
                Image.fromarray(array).save(folder / f"{module.step:09d}_{module.name}_{index}.png")


def of_one_size(arrays: list[np.ndarray]) -> list[np.ndarray]:
    """``(h, w, 3)`` pictures with black below and to the right: wandb shows all in the size of the first."""
    height, width = (max(a.shape[axis] for a in arrays) for axis in (0, 1))
    return [np.pad(a, ((0, height - a.shape[0]), (0, width - a.shape[1]), (0, 0))) for a in arrays]


def log_videos(trainer: pl.Trainer, module: pl.LightningModule, videos: list[Tensor]) -> None:
    """Log ``(T, 3, h, w)`` byte clips: to wandb as MP4, to TensorBoard as an animated picture."""
    for index, clip in enumerate(videos if trainer.is_global_zero else []):
        frames = clip.permute(0, 2, 3, 1).numpy()
        for logger in trainer.loggers:
            if isinstance(logger, WandbLogger):
                _log_mp4(logger, module, f"val/videos/{index}", frames)
        for board in boards(trainer):
            board.experiment.file_writer.add_summary(_animation(f"val/videos/{index}", frames), module.step)


def boards(trainer: pl.Trainer) -> list[TensorBoardLogger]:
    """The TensorBoard loggers of the first process."""
    return [x for x in trainer.loggers if isinstance(x, TensorBoardLogger)] if trainer.is_global_zero else []


def _log_mp4(logger: WandbLogger, module: pl.LightningModule, key: str, frames: np.ndarray) -> None:
    import wandb

    from lvc.datasets.video_writer import VideoWriter

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "clip.mp4")
        with VideoWriter(path, frames.shape[1:3], VIDEO_FPS) as writer:
            for frame in frames:
                writer.write(frame)
        video = wandb.Video(str(path), caption=f"{module.name} {module.step}", format="mp4")
        logger.log_metrics({key: video, "progress/step": module.step}, step=module.step)


def _animation(tag: str, frames: np.ndarray) -> Any:
    """A GIF as TensorBoard takes it: as a picture."""
    from PIL import Image
    from tensorboard.compat.proto.summary_pb2 import Summary

    pictures, file = [Image.fromarray(frame) for frame in frames], BytesIO()
    pictures[0].save(
        file, "GIF", save_all=True, append_images=pictures[1:], duration=1000 // VIDEO_FPS, loop=0, optimize=False
    )
    height, width = frames.shape[1:3]
    picture = Summary.Image(height=height, width=width, colorspace=3, encoded_image_string=file.getvalue())
    return Summary(value=[Summary.Value(tag=tag, image=picture)])
