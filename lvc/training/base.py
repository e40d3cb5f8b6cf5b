"""What every kind of stage shares as a LightningModule: optimiser, learning rate, skipped steps, clocks and records."""

import time
from abc import abstractmethod
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_value_, clip_grads_with_norm_, get_total_norm

from lvc.config.run import RunConfig
from lvc.config.schedule import StageConfig
from lvc.errors import UserError
from lvc.files import save_tensors
from lvc.training.batches import learning_rate_scale, process_batch
from lvc.training.distributed import averaged
from lvc.training.stages import build_optimizer, learning_rate, parameter_groups, set_modes


class StageBase(pl.LightningModule):
    """Trains the parts of a network that a stage names; a subclass says how a batch becomes losses.

    Optimisation is manual, with one optimiser: a batch is one step or several. Batches are counted here, because
    Lightning counts optimiser steps.

    Args:
        codec: What trains, already frozen for the stage: a codec, or another network with ``parts``.
        run: The whole run.
        name: The stage.
        total: Batches of the stage.
        first_step: Batches of all stages before it.

    Attributes:
        done: Batches of the stage that are done.
        corrupt: Samples of this process that were unreadable, and others took their place.
        batch: The batch at hand.
        latest: Terms of the last good step.
        record: Plain figures that outlive an interruption.
    """

    def __init__(self, codec: nn.Module, run: RunConfig, name: str, total: int, first_step: int = 0):
        super().__init__()
        self.automatic_optimization = False
        self.codec, self.config, self.name, self.total, self.first_step = codec, run, name, total, first_step
        self.number = run.schedule.order.index(name)
        self.stage: StageConfig = run.schedule.stages[name]
        self.done, self.skipped, self.skipped_in_a_row, self.corrupt = 0, 0, 0, 0
        self.record: dict[str, Any] = {"seconds": 0.0}
        self.batch: dict[str, Any] = {}
        self.latest: dict[str, Tensor] = {}
        self._sums: dict[str, Tensor] = {}
        self._good = self._frames = 0
        self._seconds, self._clock = 0.0, time.perf_counter()

    @property
    def step(self) -> int:
        """Batches of the run that are done, over all stages."""
        return self.first_step + self.done

    def train(self, mode: bool = True) -> "StageBase":
        """Training mode for the stage's parts alone."""
        super().train(mode)
        if mode:
            set_modes(self.codec, self.stage.train)
        return self

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return build_optimizer(parameter_groups(self.codec, self.stage.lr_parts), self.config.optimizer, self.stage.lr)

    def training_step(self, batch: dict[str, Any], index: int) -> None:
        self.batch = batch
        self.corrupt += sum(bool(names) for names in batch.get("skipped", ()))
        optimizer = self.optimizers()
        for group in optimizer.param_groups:
            # checkpoints of older versions have no factors
            group["lr"] = group.get("factor", 1.0) * self.learning_rate(self.done)
        self._frames += self.train_batch(batch, optimizer)
        self.batch = {}
        self.done += 1
        now = time.perf_counter()
        self._seconds, self._clock = self._seconds + now - self._clock, now

    def learning_rate(self, batch: int) -> float:
        """Learning rate of batch number ``batch`` (from 0) of the stage, as the number of processes scales it."""
        scale = learning_rate_scale(self.stage, self.config.trainer, self.trainer.world_size)
        return scale * learning_rate(self.stage, batch, self.total)

    @abstractmethod
    def train_batch(self, batch: dict[str, Any], optimizer: Any) -> int:
        """Learn from a batch with one or several calls of :meth:`descend`; returns the frames it had."""

    def descend(self, optimizer: Any, loss: Tensor, terms: dict[str, Tensor]) -> None:
        """One step down ``loss``, unless it or its gradient is not finite; ``terms`` are logged if it was taken."""
        self.descend_in_parts(optimizer, [(loss, terms)])

    def descend_in_parts(self, optimizer: Any, parts: Iterable[tuple[Tensor, dict[str, Tensor]]]) -> None:
        """One step down the sum of losses; each is done with before the next is made. See :meth:`descend`."""
        optimizer.zero_grad()
        terms: dict[str, Tensor] = {}
        for loss, own in parts:
            # checked before the backward pass, because warping with a flow that is not a number can crash there
            if not self.trainer.strategy.reduce_boolean_decision(bool(torch.isfinite(loss.detach())), all=True):
                self._count_skipped()
                return
            self.manual_backward(loss)
            terms |= {name: terms[name] + value if name in terms else value for name, value in own.items()}
        optimizer.step()
        if not self.skipped_in_a_row:
            self._good, self.latest = self._good + 1, terms
            for key, value in terms.items():
                self._sums[key] = self._sums.get(key, 0) + value

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Clip gradients; drop them where they are not finite, which turns the step into nothing."""
        parameters = [p for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
        norm = get_total_norm([p.grad for p in parameters])
        if not torch.isfinite(norm):
            optimizer.zero_grad(set_to_none=True)
            self._count_skipped()
            return
        self.skipped_in_a_row = 0
        self._sums["train/grad_norm"] = self._sums.get("train/grad_norm", 0) + norm
        if self.stage.grad_clip is not None and self.stage.grad_clip_by == "norm":
            clip_grads_with_norm_(parameters, self.stage.grad_clip, norm)
        elif self.stage.grad_clip is not None:
            clip_grad_value_(parameters, self.stage.grad_clip)

    def _count_skipped(self) -> None:
        self.skipped += 1
        self.skipped_in_a_row += 1
        if self.skipped_in_a_row >= self.config.trainer.max_skipped:
            where = f"stage '{self.name}', batch {self.done}: loss or gradient was not finite"
            advice = f"lower schedule.stages.{self.name}.lr or grad_clip, or look at the clips"
            raise UserError(f"{where} {self.skipped_in_a_row} times in a row{self._culprits()}; {advice}")

    def _culprits(self) -> str:
        """Names and numbers of the clips of the batch at hand, and the file that they are saved in."""
        names, indices = list(self.batch.get("name", [])), [int(i) for i in self.batch.get("index", [])]
        if not names:
            return ""
        listed = [f"{n} (number {i})" for n, i in zip(names, indices, strict=True)] if indices else names
        path = Path(self.config.dir, "nonfinite", f"{self.name}_{self.done:09d}_{self.global_rank}.pt")
        found = {"stage": self.name, "batch": self.done, "step": self.step, "names": names, "indices": indices}
        try:
            save_tensors(found | {"clip": self.batch["clip"].cpu()}, path)
        except UserError as error:  # whatever keeps it from being saved, what happened must be said
            return f", last on clips {', '.join(listed)}, which could not be saved ({error})"
        return f", last on clips {', '.join(listed)}, saved in {path}"

    def restart_clock(self) -> None:
        """Leave what happened since the last batch (validation, say) out of the throughput."""
        self._clock = time.perf_counter()

    def take_metrics(self) -> dict[str, float]:
        """Means since the last call over the batches of all processes, ready for the loggers."""
        means = {key: float(value) / self._good for key, value in self._sums.items()}
        metrics = averaged(means | {"corrupt": self.corrupt}, self.trainer.strategy)
        world = self.trainer.world_size
        metrics["train/corrupt_clips"] = round(metrics.pop("corrupt") * world)
        metrics |= {"train/lr": self.learning_rate(self.done - 1), "train/skipped": self.skipped}
        metrics["train/batch_clips"] = world * process_batch(self.stage, self.config.trainer, world)
        metrics["system/frames_per_second"] = world * self._frames / max(self._seconds, 1e-9)
        if self.device.type == "cuda":
            metrics["system/gpu_memory_gib"] = torch.cuda.max_memory_allocated(self.device) / 2**30
        self.record["seconds"] += self._seconds
        self._sums, self._good, self._frames, self._seconds = {}, 0, 0, 0.0
        return metrics

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        state = {
            key: getattr(self, key) for key in ("name", "done", "skipped", "skipped_in_a_row", "corrupt", "record")
        }
        # what has not been logged yet, so that the log of an interrupted run is that of a whole one
        sums = averaged({k: float(v) for k, v in self._sums.items()} | {"corrupt": self.corrupt}, self.trainer.strategy)
        state["corrupt"] = round(sums.pop("corrupt") * self.trainer.world_size)
        checkpoint["stage"] = state | {"unlogged": sums, "good": self._good}
        # a stage is one Lightning epoch whose loader starts where it stopped: Lightning's own counters start anew
        checkpoint.pop("loops", None)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        state = checkpoint["stage"]
        for key in ("done", "skipped", "skipped_in_a_row", "record"):
            setattr(self, key, state[key])
        self.corrupt = state["corrupt"] if self.trainer.is_global_zero else 0
        self._good, self._sums = state["good"], state["unlogged"]
