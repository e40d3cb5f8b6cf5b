"""One stage as a LightningModule: unroll, loss, backward, step."""

import time
from collections.abc import Iterator
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.nn.utils import clip_grad_value_, clip_grads_with_norm_, get_total_norm

from lvc.codec import ClipCoding, FrameCoding, Rate, VideoCodec
from lvc.config.run import RunConfig
from lvc.config.schedule import StageConfig
from lvc.entropy.streams import Estimate
from lvc.errors import UserError
from lvc.structures.frame import pad
from lvc.training.losses import RateDistortionLoss
from lvc.training.stages import build_optimizer, learning_rate, motion_only, set_modes


class StageModule(pl.LightningModule):
    """Trains a frozen-and-thawed codec for one stage.

    Optimisation is manual, with one optimiser: a batch is one step, or one step per trained frame. Batches are counted
    here, because Lightning counts optimiser steps.

    Args:
        codec: The codec, already frozen for the stage.
        run: The whole run.
        name: The stage.
        total: Batches of the stage.
        first_step: Batches of all stages before it.

    Attributes:
        done: Batches of the stage that are done.
        latest: Terms of the last good step.
        record: Plain figures that outlive an interruption.
    """

    def __init__(self, codec: VideoCodec, run: RunConfig, name: str, total: int, first_step: int = 0):
        super().__init__()
        self.automatic_optimization = False
        self.codec, self.config, self.name, self.total, self.first_step = codec, run, name, total, first_step
        self.number = run.schedule.order.index(name)
        self.stage: StageConfig = run.schedule.stages[name]
        self.loss = RateDistortionLoss(self.stage.loss, run.loss)
        self.motion_only = motion_only(self.stage)
        self.done, self.skipped, self.skipped_in_a_row = 0, 0, 0
        self.record: dict[str, Any] = {"seconds": 0.0}
        self.names: list[str] = []
        self.latest: dict[str, Tensor] = {}
        self._sums: dict[str, Tensor] = {}
        self._good = self._frames = 0
        self._seconds, self._clock = 0.0, time.perf_counter()

    @property
    def step(self) -> int:
        """Batches of the run that are done, over all stages."""
        return self.first_step + self.done

    def train(self, mode: bool = True) -> "StageModule":
        """Training mode for the stage's parts alone."""
        super().train(mode)
        if mode:
            set_modes(self.codec, self.stage.train)
        return self

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return build_optimizer(self.codec.parameters(), self.config.optimizer, self.stage.lr)

    def prepare(self, clip: Tensor) -> Tensor:
        """``(B, T, 3, h, w)`` bytes to floats in [0, 1], sides multiples of the codec's stride."""
        return pad(clip.float().div(255).flatten(0, 1), self.codec.stride).unflatten(0, clip.shape[:2])

    def training_step(self, batch: dict[str, Any], index: int) -> None:
        self.names = list(batch.get("name", []))
        clip = self.prepare(batch["clip"])
        rate = self.loss.rate(len(clip), clip.device)
        optimizer = self.optimizers()
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(self.stage, self.done, self.total)
        trained = self._trained_frames(clip, rate)
        if self.stage.update == "clip":
            self._step(optimizer, list(trained), rate)
        else:
            for frame in trained:
                self._step(optimizer, [frame], rate)
        self.done += 1
        self._frames += clip.shape[0] * clip.shape[1]
        now = time.perf_counter()
        self._seconds, self._clock = self._seconds + now - self._clock, now

    def _trained_frames(self, clip: Tensor, rate: Rate) -> Iterator[tuple[FrameCoding, Tensor]]:
        """Codings with their ``(B, 3, H, W)`` originals; a frame whose kind trains nothing is only a reference."""
        stream = Estimate(training=True, quantization=self.config.model.entropy.quantization)
        codings = self.codec.structure.unroll(
            self.codec,
            clip,
            rate,
            stream,
            detach=self.stage.references == "detached",
            checkpointing=self.stage.checkpointing,
            motion_only=self.motion_only,
        )
        for coding in codings:
            if self.codec.trains(coding.kind):
                yield coding, clip[:, coding.index]

    def _step(self, optimizer: Any, frames: list[tuple[FrameCoding, Tensor]], rate: Rate) -> None:
        codings, targets = zip(*frames, strict=True)
        loss, terms = self.loss(ClipCoding.stack(list(codings)), torch.stack(targets, 1), rate)
        # checked before the backward pass, because warping with a flow that is not a number can crash there
        if not self.trainer.strategy.reduce_boolean_decision(bool(torch.isfinite(loss.detach())), all=True):
            self._count_skipped()
            return
        optimizer.zero_grad()
        self.manual_backward(loss)
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
            where = f"stage '{self.name}', batch {self.done}"
            clips = f", last on clips {', '.join(self.names)}" if self.names else ""
            advice = f"lower schedule.stages.{self.name}.lr or grad_clip, or look at the clips"
            raise UserError(
                f"{where}: loss or gradient was not finite {self.skipped_in_a_row} times in a row{clips}; {advice}"
            )

    def restart_clock(self) -> None:
        """Leave what happened since the last batch (validation, say) out of the throughput."""
        self._clock = time.perf_counter()

    def take_metrics(self) -> dict[str, float]:
        """Means since the last call, ready for the loggers."""
        metrics = {key: float(value) / self._good for key, value in self._sums.items()}
        metrics |= {"train/lr": learning_rate(self.stage, self.done - 1, self.total), "train/skipped": self.skipped}
        world = self.trainer.world_size
        metrics["system/frames_per_second"] = world * self._frames / max(self._seconds, 1e-9)
        if self.device.type == "cuda":
            metrics["system/gpu_memory_gib"] = torch.cuda.max_memory_allocated(self.device) / 2**30
        self.record["seconds"] += self._seconds
        self._sums, self._good, self._frames, self._seconds = {}, 0, 0, 0.0
        return metrics

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        counts = {"done": self.done, "skipped": self.skipped, "skipped_in_a_row": self.skipped_in_a_row}
        checkpoint["stage"] = {"name": self.name, "record": self.record, **counts}
        # a stage is one Lightning epoch whose loader starts where it stopped: Lightning's own counters start anew
        checkpoint.pop("loops", None)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        state = checkpoint["stage"]
        self.done, self.skipped = state["done"], state["skipped"]
        self.skipped_in_a_row, self.record = state["skipped_in_a_row"], state["record"]
