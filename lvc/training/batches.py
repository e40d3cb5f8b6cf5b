"""A stage's batches: epochs of the data, one after the other, from wherever the stage stands."""

from collections.abc import Iterator
from typing import Any

from lvc.config.schedule import StageConfig


def stage_batches(stage: StageConfig, per_epoch: int, limit: int | None) -> int:
    """Length of a stage in batches.

    Args:
        stage: Its ``steps``, or else its ``epochs``.
        per_epoch: Batches in an epoch.
        limit: Most batches, for debugging.
    """
    total = stage.steps if stage.steps is not None else stage.epochs * per_epoch
    return min(total, limit) if limit is not None else total


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
