"""Validation of a flow network: end-point error on scenes, the warped frame's PSNR on clips."""

from itertools import pairwise
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.utils.data import Dataset

from lvc.datasets.clips import WholeClips
from lvc.datasets.flow_pairs import item
from lvc.datasets.synthetic import SyntheticClips
from lvc.layers.padding import pad
from lvc.layers.quality import psnr
from lvc.models.spynet import FlowNetwork
from lvc.motion.warp import warp
from lvc.training.report import log_pictures
from lvc.training.validation import Validator, means_over_all

BINS = (0.0, 1.0, 4.0, 16.0, 64.0)
"""Lengths of true flow in pixels at which the end-point error is told apart."""


class FlowMaterial(Dataset):
    """What a flow network is validated on: pairs from scenes (with ``flow``), then whole clips (without).

    Args:
        scenes: Scenes; the last two frames of each are a pair.
        clips: Clips, or ``None``.
    """

    def __init__(self, scenes: SyntheticClips, clips: WholeClips | None = None):
        self.scenes, self.clips = scenes, clips

    def __len__(self) -> int:
        return len(self.scenes) + (len(self.clips) if self.clips is not None else 0)

    def __getitem__(self, index: int) -> dict[str, Any]:
        """``clip`` ``(T, 3, h, w)`` in bytes, ``name``, and for scenes ``flow`` and ``occluded``."""
        if index >= len(self.scenes):
            return self.clips[index - len(self.scenes)]
        t = self.scenes.length(index) - 1
        pair = self.scenes.pair(index, t, max(t - 1, 0))
        return item(pair.frames, pair.flow, pair.occluded) | {"name": self.scenes.name(index)}


@torch.no_grad()
def estimate(network: FlowNetwork, frame: Tensor, reference: Tensor) -> Tensor:
    """Flow ``(B, 2, h, w)`` between frames ``(B, 3, h, w)`` of any size."""
    height, width = frame.shape[-2:]
    return network(pad(frame, network.stride), pad(reference, network.stride))[..., :height, :width]


def errors_by_motion(flow: Tensor, truth: Tensor) -> dict[str, float]:
    """Mean end-point error of a ``(2, h, w)`` flow over all pixels and by the length of the true flow."""
    error = (flow - truth).square().sum(0).sqrt()
    length = truth.square().sum(0).sqrt()
    figures = {"val/epe": float(error.mean()), "val/epe_zero": float(length.mean())}
    for low, high in pairwise(BINS):
        inside = (length >= low) & (length < high)
        if inside.any():
            figures[f"val/epe_{low:g}_{high:g}"] = float(error[inside].mean())
    return figures


class FlowValidator(Validator):
    """Validates at the same times as a codec's validator does; see there for the arguments."""

    def measure_all(
        self, trainer: pl.Trainer, module: pl.LightningModule, clips: Any, shown: bool = True
    ) -> dict[str, float]:
        """Means over all scenes and clips, of which the first are shown in the logs as pictures."""
        module.codec.eval()
        figures, panels = {}, []
        for index, entry in self.items(trainer, clips):
            figures[index], panel = measure(module.codec, entry, module.device)
            if len(panels) < self.pictures * shown:
                panels.append(panel)
        module.train()
        metrics = means_over_all(figures, trainer.world_size)
        log_pictures(trainer, module, panels)
        return metrics


def measure(network: FlowNetwork, entry: dict[str, Any], device: torch.device) -> tuple[dict[str, float], Tensor]:
    """Figures of one scene or clip, and a panel: frame, warped reference, flow (and true flow)."""
    clip = entry["clip"].to(device).float().div(255)
    frames, references = clip[1:], clip[:-1]
    flow = torch.cat([estimate(network, f[None], r[None]) for f, r in zip(frames, references, strict=True)])
    warped = warp(references, flow).clamp(0, 1)
    if "flow" in entry:
        truth = entry["flow"].to(device)
        return errors_by_motion(flow[0], truth), _panel(frames[-1], warped[-1], flow[-1], truth)
    gains = {"val/psnr": psnr(warped[None], frames[None]), "val/psnr_copy": psnr(references[None], frames[None])}
    return {key: float(value.mean()) for key, value in gains.items()}, _panel(frames[-1], warped[-1], flow[-1])


def _panel(frame: Tensor, warped: Tensor, *flows: Tensor) -> Tensor:
    from torchvision.utils import flow_to_image

    pictures = [(p * 255).round().byte() for p in (frame, warped)] + [flow_to_image(f.float()) for f in flows]
    return torch.cat([p.cpu() for p in pictures], 2)
