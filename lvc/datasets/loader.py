"""Batches in an order that a stopped run takes up exactly where it was.

The order follows from (seed, epoch) and a sample from (seed, epoch, draw): only the position has to be saved.
"""

import errno
import re
from collections.abc import Iterator

import numpy as np
import torch
from torch.utils.data import DataLoader, Sampler, default_collate

from lvc.datasets.clips import SampledClips
from lvc.errors import UserError, WorkerLost


class EpochBatches(Sampler):
    """Batches of ``(epoch, draw)`` from a position to the end of its epoch.

    An epoch is a permutation of the clips without the incomplete last batch. Where more samples are asked for
    than there are clips, further permutations follow, and ``draw`` counts on.

    Args:
        clips: Number of clips.
        batch_size: Clips per batch and process.
        seed: The run's seed.
        rank: This process.
        world: Number of processes; each takes a share of its own.
        steps: Batches per epoch; ``None`` for as many as the clips fill, at least one.
    """

    def __init__(self, clips: int, batch_size: int, seed: int, rank: int = 0, world: int = 1, steps: int | None = None):
        self.clips, self.batch_size, self.seed, self.rank, self.world = clips, batch_size, seed, rank, world
        self.steps = steps or max(1, clips // (batch_size * world))
        self.epoch, self.batch = 0, 0

    def __len__(self) -> int:
        return self.steps

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        epoch, first = self.epoch, self.batch
        draws = self.order(epoch)[self.rank :: self.world]
        for batch in range(first, self.steps):
            part = draws[batch * self.batch_size : (batch + 1) * self.batch_size]
            yield [(epoch, int(draw)) for draw in part]

    def order(self, epoch: int) -> np.ndarray:
        """The draws of an epoch, all processes together."""
        needed = self.steps * self.batch_size * self.world
        rounds = []
        for number in range(-(-needed // self.clips)):
            rng = np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(epoch, number)))
            rounds.append(number * self.clips + rng.permutation(self.clips))
        return np.concatenate(rounds)[:needed]

    def advance(self) -> None:
        """Move the position one batch on; after an epoch's last batch it is the next epoch's first."""
        self.batch += 1
        if self.batch == self.steps:
            self.epoch, self.batch = self.epoch + 1, 0


class ClipLoader:
    """Iterates over batches from its position to the end of the epoch; the next iteration is the next epoch.

    An iteration broken off continues with the batch after the last one handed out, in this process or, with
    :meth:`state_dict`, in another.

    Attributes:
        skipped: Unreadable samples replaced so far in this epoch.
    """

    def __init__(self, dataset: SampledClips, batches: EpochBatches, workers: int):
        self.dataset, self.batches, self.skipped = dataset, batches, 0
        self._loader = DataLoader(
            dataset,
            batch_sampler=batches,
            num_workers=workers,
            persistent_workers=workers > 0,
            pin_memory=torch.cuda.is_available(),
            # Iterating draws from this generator; drawing from the global one would change the run's state.
            generator=torch.Generator().manual_seed(batches.seed),
            collate_fn=_collate,
        )

    @property
    def epoch(self) -> int:
        """The epoch of the next batch."""
        return self.batches.epoch

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[dict]:
        """Yield dictionaries: ``clip`` (uint8 ``(B, T, 3, h, w)``), the other fields as lists or tensors.

        Raises:
            UserError: When more of an epoch's samples are unreadable than ``corrupt_budget`` allows, or when
                clips in a batch differ in size.
        """
        iterator = iter(self._loader)
        while True:
            try:
                batch = next(iterator)
            except StopIteration:
                return
            except UserError as error:
                raise UserError(last_line(error)) from None
            except (RuntimeError, OSError) as error:
                if what := _lost(error):
                    raise WorkerLost(what) from None
                raise
            if self.batches.batch == 0:
                self.skipped = 0
            self._count(batch["skipped"])
            self.batches.advance()
            yield batch

    def _count(self, skipped: list[str]) -> None:
        names = [lines.splitlines()[0] for lines in skipped if lines]
        self.skipped += len(names)
        samples = len(self) * self.batches.batch_size
        if names and self.skipped > self.dataset.corrupt_budget * samples:
            share = f"{self.skipped} of {samples} samples of an epoch are unreadable (last: {names[-1]})"
            raise UserError(f"{share}; repair the data or raise dataset.corrupt_budget")

    def state_dict(self) -> dict[str, int]:
        """The position after the last batch handed out."""
        return {"epoch": self.batches.epoch, "batch": self.batches.batch, "skipped": self.skipped}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Continue from a position; that behind an epoch's last batch is the next epoch's first.

        Raises:
            UserError: When the epoch has fewer batches, so data or batch size are others.
        """
        epoch, batch = state["epoch"], state["batch"]
        if batch > len(self):
            what = f"{batch} batches into an epoch that has {len(self)}"
            raise UserError(f"cannot continue {what}: data set or batch size have changed")
        end = batch == len(self)
        self.batches.epoch, self.batches.batch = (epoch + 1, 0) if end else (epoch, batch)
        self.skipped = state.get("skipped", 0)


def make_loader(
    dataset: SampledClips,
    batch_size: int,
    seed: int,
    workers: int,
    rank: int = 0,
    world: int = 1,
    steps_per_epoch: int | None = None,
) -> ClipLoader:
    """A loader of training batches.

    Args:
        dataset: Samples.
        batch_size: Clips per batch and process.
        seed: The run's seed.
        workers: Data-loading processes; they change nothing but speed.
        rank: This process of a distributed run.
        world: Number of processes.
        steps_per_epoch: Batches per epoch; ``None`` for as many as the clips fill, at least one.
    """
    batches = EpochBatches(len(dataset), batch_size, seed, rank, world, steps_per_epoch)
    return ClipLoader(dataset, batches, workers)


def _collate(samples: list[dict]) -> dict:
    first = samples[0]
    if other := next((s for s in samples if s["clip"].shape != first["clip"].shape), None):
        raise UserError(f"clips {first['name']} and {other['name']} differ in size; set a crop or batch_size=1")
    return default_collate(samples)


def _lost(error: Exception) -> str | None:
    """What to do where a data-loading process was killed or had no shared memory, ``None`` for other errors."""
    text = " ".join(str(error).split())
    full = isinstance(error, OSError) and error.errno == errno.ENOSPC
    if not full and not re.search(
        r"DataLoader worker .*(exited unexpectedly|killed by signal)|shared memory|shm", text
    ):
        return None
    remedy = "give the container more shared memory (--shm-size=8g), or load in the run itself: trainer.workers=0"
    return f"trainer.workers: a data-loading process was lost ({text}); {remedy}; the same command continues"


def last_line(error: UserError) -> str:
    """The message without the traceback that a worker process puts before it."""
    return str(error).strip().splitlines()[-1].removeprefix(f"{UserError.__module__}.UserError: ")
