"""One stage of a codec as a LightningModule: unroll, loss, step."""

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from lvc.codec import ClipCoding, FrameCoding, Rate, Unrolling, VideoCodec
from lvc.config.run import RunConfig
from lvc.entropy.streams import Estimate
from lvc.layers.padding import pad
from lvc.training.base import StageBase
from lvc.training.losses import RateDistortionLoss
from lvc.training.stages import motion_only


class StageModule(StageBase):
    """Trains a frozen-and-thawed codec for one stage; a batch is one step, or one per trained frame.

    See :class:`lvc.training.base.StageBase` for arguments and attributes.
    """

    def __init__(self, codec: VideoCodec, run: RunConfig, name: str, total: int, first_step: int = 0):
        super().__init__(codec, run, name, total, first_step)
        self.loss = RateDistortionLoss(self.stage.loss, run.loss, run.model.spec.qualities)
        self.motion_only = motion_only(self.stage, run.model.spec)

    def prepare(self, clip: Tensor) -> Tensor:
        """``(B, T, 3, h, w)`` bytes to floats in [0, 1], sides multiples of the codec's stride."""
        return pad(clip.float().div(255).flatten(0, 1), self.codec.stride).unflatten(0, clip.shape[:2])

    def train_batch(self, batch: dict[str, Any], optimizer: Any) -> int:
        """See :meth:`lvc.training.base.StageBase.train_batch`."""
        clip = self.prepare(batch["clip"])
        if self.stage.update == "frame":
            rate = self.loss.rate(len(clip), clip.device, draw=True, frames=clip.shape[1])
            for frame in self._trained_frames(clip, rate):
                self.descend(optimizer, *self._loss([frame], rate))
            return clip.shape[0] * clip.shape[1]
        if self.stage.accumulate > 1:
            self.descend_in_parts(optimizer, self._parts(batch, clip))
        else:
            loss, terms = 0, {}
            for own, said in self._parts(batch, clip):
                loss, terms = loss + own, {name: terms.get(name, 0) + value for name, value in said.items()}
            self.descend(optimizer, loss, terms)
        return clip.shape[0] * clip.shape[1]

    def _parts(self, batch: dict[str, Any], clip: Tensor) -> Iterator[tuple[Tensor, dict[str, Tensor]]]:
        """Shares in a batch's loss and terms, of clips that are coded together."""
        most = math.ceil(len(clip) / self.stage.accumulate)
        for alike, options in self._alike(batch, len(clip)):
            for rows in (alike[at : at + most] for at in range(0, len(alike), most)):
                part, share = clip[rows], len(rows) / len(clip)
                rate = self.loss.rate(len(part), clip.device, draw=True, frames=clip.shape[1])
                own, said = self._loss(list(self._trained_frames(part, rate, **options)), rate)
                yield share * own, {name: share * value for name, value in said.items()}

    def _alike(self, batch: dict[str, Any], count: int) -> Iterator[tuple[list[int], dict[str, int]]]:
        """Clips of a batch that are coded alike, and how: by their frames' distance, where a structure minds it."""
        if not self.codec.structure.by_distance:
            yield list(range(count)), {}
            return
        distances = [int(distance) for distance in batch["distance"]]
        for distance in sorted(set(distances)):
            yield [row for row, own in enumerate(distances) if own == distance], {"distance": distance}

    def _trained_frames(self, clip: Tensor, rate: Rate, **options: int) -> Iterator[tuple[FrameCoding, Tensor]]:
        """Codings with their ``(B, 3, H, W)`` originals; a frame whose kind trains nothing is only a reference."""
        stream = Estimate(training=True, quantization=self.config.model.entropy.quantization)
        stage = self.stage
        how = Unrolling(
            detach=stage.references == "detached",
            checkpointing=stage.checkpointing,
            motion_only=self.motion_only,
            first=stage.first,
            clip_between=stage.grad_clip_between,
            **options,
        )
        for coding in self.codec.structure.unroll(self.codec, clip, rate, stream, how):
            if self.codec.trains(coding.kind):
                yield coding, clip[:, coding.index]

    def _loss(self, frames: list[tuple[FrameCoding, Tensor]], rate: Rate) -> tuple[Tensor, dict[str, Tensor]]:
        codings, targets = zip(*frames, strict=True)
        return self.loss(ClipCoding.stack(list(codings)), torch.stack(targets, 1), rate)
