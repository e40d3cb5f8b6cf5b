"""Validation: real rounding on whole clips, one rate-distortion point per stage's entry, end and in between."""

import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Subset

from lvc.codec import Unrolling, VideoCodec
from lvc.config.metrics import METRICS
from lvc.config.run import AnchorConfig
from lvc.entropy.streams import Estimate
from lvc.errors import UserError
from lvc.layers.quality import measured, psnr
from lvc.training.callbacks import validated
from lvc.training.losses import RateDistortionLoss
from lvc.training.pictures import panel, side_by_side
from lvc.training.report import log_metrics, log_pictures, log_videos
from lvc.training.watch import ESCAPES, counting_escapes, warn


@dataclass
class ClipFigures:
    """What coding one clip gave.

    Attributes:
        metrics: ``val/...`` figures, means over its frames.
        panel: ``(3, h, w)`` bytes: original, reconstruction, flow and bits of the frame coded last, if asked for.
        video: ``(T, 3, h, w)`` bytes: original beside reconstruction, if asked for.
    """

    metrics: dict[str, float]
    panel: Tensor | None = field(default=None, repr=False)
    video: Tensor | None = field(default=None, repr=False)


@torch.no_grad()
def measure(
    codec: VideoCodec,
    clip: Tensor,
    loss: RateDistortionLoss,
    picture: bool = False,
    motion_only: bool = False,
    video: bool = False,
) -> ClipFigures:
    """Code a clip as one group of pictures, as a decoder would see it: rounded, padded, cropped and clamped.

    Args:
        codec: The codec, in eval mode.
        clip: ``(T, 3, h, w)`` bytes, of any size.
        loss: Whose metric and lambda weigh distortion and rate.
        picture: Make a panel.
        motion_only: Code motion alone; predictions stand for the frames.
        video: Make a video.

    Returns:
        PSNR of RGB, bits per pixel of the original size (in all and by stream, estimated), the loss, and what copying
        the first decoded frame would give, which no codec should lose against.
    """
    height, width = clip.shape[-2:]
    frames = clip.float().div(255)
    stream = Estimate(training=False, keep_maps=picture)
    rate = loss.rate(1, clip.device)
    padded = codec.pad(frames)[None]
    decoded, bits, last = {}, {}, None
    for last in codec.structure.unroll(codec, padded, rate, stream, Unrolling(motion_only=motion_only)):
        decoded[last.index] = last.frame[..., :height, :width].float().clamp(0, 1)
        for name, amount in last.bits.items():
            bits.setdefault(name, []).append(float(amount.sum()))
    target, output = frames[None], torch.stack([decoded[i] for i in sorted(decoded)], 1)
    metrics = _quality("", output, target, loss)
    split = {f"val/bpp_{name}": sum(b) / (len(frames) * height * width) for name, b in bits.items()}
    metrics |= {"val/bpp": sum(split.values())} | split
    metrics["val/loss"] = loss.lmbda * metrics.pop("distortion") + metrics["val/bpp"]
    if any(name not in last.bits for name in bits):  # predicted frames: the first frame's bits are all a copy costs
        metrics |= _copy(output, target, sum(b[0] for n, b in bits.items() if n not in last.bits), loss)
    at = last.index
    return ClipFigures(
        metrics,
        panel(frames[at], decoded[at][0], last, stream.maps) if picture else None,
        side_by_side(frames, output[0]) if video else None,
    )


def _quality(suffix: str, output: Tensor, target: Tensor, loss: RateDistortionLoss) -> dict[str, float]:
    figures = {f"val/psnr{suffix}": float(psnr(output, target).mean())}
    value = measured(loss.metric, output, target)
    if loss.metric != "mse":
        figures[f"val/{loss.metric}{suffix}"] = float(value.mean())
    return figures | {"distortion": float(METRICS[loss.metric].loss(value).mean())}


def _copy(output: Tensor, target: Tensor, bits: float, loss: RateDistortionLoss) -> dict[str, float]:
    copied = _quality("_copy", output[:, :1].expand_as(output), target, loss)
    pixels = target.shape[1] * target.shape[-2] * target.shape[-1]
    return copied | {"val/loss_copy": loss.lmbda * copied.pop("distortion") + bits / pixels}


class Validator(pl.Callback):
    """Validates at a stage's entry and end, and every so many batches.

    Args:
        clips: Items ``{"clip": (T, 3, h, w) bytes, "name": str}``, shared among processes.
        every: Batches between validations; ``None`` for entry and end alone.
        pictures: Clips shown as panels.
        anchor: Recorded curve to compare with.
        entry: The entry's figures where they are known: the end of the stage before, and nothing changed since.
        workers: Data-loading processes.
        videos: Clips shown as videos.
        whole: The whole set, of which ``clips`` are a part, where it is to be measured at the stage's end.
    """

    def __init__(
        self,
        clips: Any,
        every: int | None,
        pictures: int,
        anchor: AnchorConfig,
        entry: dict[str, float] | None = None,
        workers: int = 0,
        videos: int = 0,
        whole: Any | None = None,
    ):
        self.clips, self.every, self.pictures, self.anchor = clips, every, pictures, anchor
        self.entry, self.workers, self.videos = entry, workers, videos
        self.whole = whole

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        if "before" not in module.record:
            module.record["before"] = self.entry or self.validate(trainer, module)
        else:
            self._validate_if_due(trainer, module)  # a run that was stopped between a batch and its validation
        module.restart_clock()

    def on_train_batch_end(self, trainer: pl.Trainer, module: pl.LightningModule, *_: Any) -> None:
        if self._validate_if_due(trainer, module):
            module.restart_clock()

    def _validate_if_due(self, trainer: pl.Trainer, module: pl.LightningModule) -> bool:
        due = self.every and module.done % self.every == 0 and 0 < module.done < module.total
        if not due or module.record.get("validated") == module.done:
            return False
        self.validate(trainer, module)
        validated(trainer, module)
        module.record["validated"] = module.done
        return True

    def on_train_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        module.codec.eval()
        with counting_escapes(module.codec) as count:
            module.record["after"] = self.validate(trainer, module)
            if self.whole is not None:
                module.record["whole"] = self.measure_all(trainer, module, self.whole, shown=False)
                named = {key.replace("val/", "whole/"): value for key, value in module.record["whole"].items()}
                log_metrics(trainer, module, named)
        module.record["escapes"] = count.shares
        for name, share in count.shares.items() if module.stage.loss.rate else ():
            if share > ESCAPES:
                what = f"{share:.1%} of the symbols of entropy model '{name}' lie outside its coding tables"
                warn(trainer, module, f"{what}, so files will be larger than estimated")

    def validate(self, trainer: pl.Trainer, module: pl.LightningModule) -> dict[str, float]:
        """Measure the clips, log the means and return them."""
        metrics = self.measure_all(trainer, module, self.clips)
        log_metrics(trainer, module, metrics)
        return metrics

    def measure_all(
        self, trainer: pl.Trainer, module: pl.LightningModule, clips: Any, shown: bool = True
    ) -> dict[str, float]:
        """Means over all clips, of which the first are shown in the logs as pictures and videos."""
        module.codec.eval()
        figures, pictures, videos = {}, self.pictures * shown, self.videos * shown
        for index, item in self.items(trainer, clips):
            clip = item["clip"].to(module.device)
            metric = METRICS[module.loss.metric]
            if min(clip.shape[-2:]) < metric.smallest_side:
                size = f"{clip.shape[-1]}x{clip.shape[-2]}"
                raise UserError(
                    f"{item['name']}: is {size}, and {metric.short} needs sides of at least {metric.smallest_side}"
                )
            with torch.compiler.set_stance("force_eager"):  # clips of all sizes are not worth compiling for
                figures[index] = measure(
                    module.codec, clip, module.loss, index < pictures, module.motion_only, index < videos
                )
        module.train()
        figures = gather(figures, trainer.world_size)
        metrics = {k: sum(f.metrics[k] for f in figures) / len(figures) for k in figures[0].metrics}
        metrics |= self._against_anchor(metrics)
        log_pictures(trainer, module, [f.panel for f in figures if f.panel is not None])
        log_videos(trainer, module, [f.video for f in figures if f.video is not None])
        return metrics

    def items(self, trainer: pl.Trainer, clips: Any) -> Iterator[tuple[int, dict[str, Any]]]:
        """This process's share of the clips, with their numbers."""
        mine = range(trainer.global_rank, len(clips), trainer.world_size)
        # a generator of its own: drawing a seed for the workers must not move the training's random numbers
        loader = DataLoader(Subset(clips, mine), batch_size=None, num_workers=self.workers, generator=torch.Generator())
        yield from zip(mine, loader, strict=True)

    def _against_anchor(self, metrics: dict[str, float]) -> dict[str, float]:
        if not self.anchor.bpp:
            return {}
        from lvc.curves.bdrate import rate_difference

        difference = rate_difference(metrics["val/bpp"], metrics["val/psnr"], self.anchor.bpp, self.anchor.psnr)
        # outside the anchor's range there is nothing to say
        return {"val/bd_rate": difference} if math.isfinite(difference) else {}


def gather(figures: dict[int, Any], world: int) -> list[Any]:
    """All processes' figures, by the clips' numbers, in the order of the clips."""
    parts: list[Any] = [figures]
    if world > 1:
        parts = [None] * world
        torch.distributed.all_gather_object(parts, figures)
    merged = {index: f for part in parts for index, f in part.items()}
    return [merged[index] for index in sorted(merged)]


def means_over_all(figures: dict[int, dict[str, float]], world: int) -> dict[str, float]:
    """Mean of each figure over the samples of all processes that have it; ``figures`` are this process's, by number."""
    found = defaultdict(list)
    for one in gather(figures, world):
        for key, value in one.items():
            found[key].append(value)
    return {key: sum(values) / len(values) for key, values in found.items()}
