"""One stage of a codec as a LightningModule: unroll, loss, step."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from lvc.codec import ClipCoding, FrameCoding, Rate, VideoCodec
from lvc.config.run import RunConfig
from lvc.entropy.streams import Estimate
from lvc.structures.frame import pad
from lvc.training.base import StageBase
from lvc.training.losses import RateDistortionLoss
from lvc.training.stages import motion_only


class StageModule(StageBase):
    """Trains a frozen-and-thawed codec for one stage; a batch is one step, or one per trained frame.

    See :class:`lvc.training.base.StageBase` for arguments and attributes.
    """

    def __init__(self, codec: VideoCodec, run: RunConfig, name: str, total: int, first_step: int = 0):
        super().__init__(codec, run, name, total, first_step)
        self.loss = RateDistortionLoss(self.stage.loss, run.loss, getattr(run.model, "qualities", None))
        self.motion_only = motion_only(self.stage)

    def prepare(self, clip: Tensor) -> Tensor:
        """``(B, T, 3, h, w)`` bytes to floats in [0, 1], sides multiples of the codec's stride."""
        return pad(clip.float().div(255).flatten(0, 1), self.codec.stride).unflatten(0, clip.shape[:2])

    def train_batch(self, batch: dict[str, Any], optimizer: Any) -> int:
        """See :meth:`lvc.training.base.StageBase.train_batch`."""
        clip = self.prepare(batch["clip"])
        rate = self.loss.rate(len(clip), clip.device, draw=True)
        trained = self._trained_frames(clip, rate)
        if self.stage.update == "clip":
            self._step(optimizer, list(trained), rate)
        else:
            for frame in trained:
                self._step(optimizer, [frame], rate)
        return clip.shape[0] * clip.shape[1]

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
        self.descend(optimizer, loss, terms)
