"""Checkpoints of the running stage: written whole, the newest readable one found again."""

import sys
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from lightning_fabric.plugins.io import TorchCheckpointIO

from lvc.errors import UserError, WorkerLost
from lvc.files import save_tensors
from lvc.training.report import boards

KEPT = 2
"""Checkpoints kept, so that one is left when the newest turns out to be damaged."""


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes beside the target, makes sure it is on disk, and only then puts it in the target's place."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        save_tensors(checkpoint, Path(path))


class Checkpointer(pl.Callback):
    """Saves the running stage every so many batches, and once before its first.

    The first checkpoint holds what the stage's actions did, so a resumed run does not do them again.

    Args:
        folder: Where the stage's checkpoints go; each is named after the batches done.
        every: Batches between checkpoints.
    """

    def __init__(self, folder: Path, every: int):
        self.folder, self.every = folder, every

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Save what a stage begins with.

        Raises:
            UserError: If this process found another checkpoint than the first one did.
        """
        first = trainer.strategy.broadcast((str(self.folder), module.done))
        if first != (str(self.folder), module.done):
            found = f"process {trainer.global_rank} stands at batch {module.done} in {self.folder}"
            raise UserError(
                f"dir: {found}, the first one at batch {first[1]} in {first[0]}; all need one folder that they share"
            )
        if module.done == 0:
            self.save(trainer, module)

    def on_train_batch_end(self, trainer: pl.Trainer, module: pl.LightningModule, *_: Any) -> None:
        if module.done % self.every == 0 and module.done < module.total:
            self.save(trainer, module)
            module.restart_clock()

    def on_train_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self.save(trainer, module)

    def on_exception(self, trainer: pl.Trainer, module: pl.LightningModule, exception: BaseException) -> None:
        """Keep what was done until a data-loading process was lost; others of a distributed run may be elsewhere."""
        if isinstance(exception, WorkerLost) and trainer.world_size == 1:
            self.save(trainer, module)

    def save(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Write a checkpoint, in all processes together, and remove the oldest."""
        for board in boards(trainer):  # TensorBoard keeps figures to itself for minutes, and they are not logged again
            board.experiment.flush()
        trainer.save_checkpoint(self.folder / f"{module.done:09d}.ckpt")
        if trainer.is_global_zero:
            for old in _checkpoints(self.folder)[KEPT:]:
                old.unlink()


def newest(folder: Path) -> tuple[Path | None, int]:
    """The newest checkpoint of a stage that can be read, and the batches done then.

    A damaged one is passed over, loudly.

    Raises:
        UserError: If there are checkpoints, but none can be read.
    """
    found = _checkpoints(folder)
    for path in found:
        try:
            return path, torch.load(path, map_location="cpu", weights_only=True)["stage"]["done"]
        except Exception as error:  # whatever a damaged file makes of the reader
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            print(f"warning: {path}: damaged checkpoint ({reason}); falling back to the one before", file=sys.stderr)
    if found:
        raise UserError(f"{folder}: no checkpoint can be read; delete the folder to start the stage anew")
    return None, 0


def discard(folder: Path) -> None:
    """Remove the checkpoints of a finished stage, and the folders that this leaves empty."""
    for path in _checkpoints(folder):
        path.unlink()
    for empty in (folder, folder.parent):
        if empty.is_dir() and not any(empty.iterdir()):
            empty.rmdir()


def _checkpoints(folder: Path) -> list[Path]:
    return sorted(folder.glob("[0-9]*.ckpt"), reverse=True)
