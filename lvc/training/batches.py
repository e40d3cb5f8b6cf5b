"""A stage's batches: epochs of the data, one after the other, from wherever the stage stands."""

from collections.abc import Iterator
from typing import Any

from lvc.config.schedule import StageConfig
from lvc.config.trainer import TrainerConfig
from lvc.errors import UserError


def stage_batches(stage: StageConfig, per_epoch: int, limit: int | None) -> int:
    """Length of a stage in batches.

    Args:
        stage: Its ``steps``, or else its ``epochs``.
        per_epoch: Batches in an epoch.
        limit: Most batches, for debugging.
    """
    total = stage.steps if stage.steps is not None else stage.epochs * per_epoch
    return min(total, limit) if limit is not None else total


def process_batch(stage: StageConfig, options: TrainerConfig, world: int, key: str = "schedule.stages.<stage>") -> int:
    """Clips in each process's share of a step; ``key`` is the stage's, for messages.

    Raises:
        UserError: If the clips of a step cannot be shared out evenly.
    """
    if options.batch_size == "per_device":
        return stage.batch_size
    if stage.batch_size % world:
        raise UserError(
            f"trainer.batch_size: global, but {world} processes cannot share {stage.batch_size} clips evenly; "
            f"choose {key}.batch_size as a multiple of {world}"
        )
    return stage.batch_size // world


def learning_rate_scale(stage: StageConfig, options: TrainerConfig, world: int) -> float:
    """What `trainer.lr_scaling` multiplies a stage's learning rate by."""
    times = process_batch(stage, options, world) * world / stage.batch_size
    return {"none": 1.0, "linear": times, "sqrt": times**0.5}[options.lr_scaling]


class StageBatches:
    """An iterable over what is left of a stage.

    Lightning sees one epoch. The real epochs follow from the number of batches done, which is all that a checkpoint
    has to keep.

    Args:
        loader: A loader with ``load_state_dict({"epoch": ..., "batch": ...})`` and a fixed length.
        total: Batches of the stage.
        done: Batches that are done.
        repeat_first: Give the first batch again and again, for debugging.
    """

    def __init__(self, loader: Any, total: int, done: int = 0, repeat_first: bool = False):
        self.loader, self.total, self.done, self.repeat_first = loader, total, done, repeat_first
        self.per_epoch = 1 if repeat_first else len(loader)

    def __len__(self) -> int:
        return self.total - self.done

    def __iter__(self) -> Iterator[Any]:
        if self.repeat_first:
            self.loader.load_state_dict({"epoch": 0, "batch": 0})
            first = next(iter(self.loader))
            yield from (first for _ in range(len(self)))
            return
        position = self.done
        while position < self.total:
            epoch, batch = divmod(position, self.per_epoch)
            self.loader.load_state_dict({"epoch": epoch, "batch": batch})
            for item in self.loader:
                yield item
                position += 1
                if position == self.total:
                    return
