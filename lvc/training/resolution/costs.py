"""What a trained codec pays for a frame with its motion at each resolution."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lvc.codec import FrameJob, Rate
from lvc.config.contract import ConfigError
from lvc.config.resolution_classifier import ResolutionClassifierConfig
from lvc.entropy.streams import Estimate
from lvc.export import load_export, training_loss
from lvc.layers.padding import pad
from lvc.motion.resolution import MotionScale
from lvc.structures.motion_resolution import pictures


@dataclass(frozen=True)
class Costs:
    """A batch of frames, coded at every resolution.

    Attributes:
        frame: ``(B, 3, H, W)`` in [0, 1].
        references: Decoded frames that it refers to: one, or past and future.
        costs: ``(B, factors)``: lambda times MSE plus bits per pixel.
    """

    frame: Tensor
    references: list[Tensor]
    costs: Tensor

    @staticmethod
    def stack(found: "list[Costs]") -> "Costs":
        """Those of several batches as one."""
        references = [torch.cat(pictures).float() for pictures in zip(*(c.references for c in found), strict=True)]
        return Costs(torch.cat([c.frame for c in found]).float(), references, torch.cat([c.costs for c in found]))

    def smaller(self) -> "Costs":
        """The same with pictures of 16 bits, on the CPU."""
        pictures = [picture.half().cpu() for picture in (self.frame, *self.references)]
        return Costs(pictures[0], pictures[1:], self.costs.cpu())

    def to(self, device: torch.device) -> "Costs":
        """The same on a device."""
        return Costs(self.frame.to(device), [r.to(device) for r in self.references], self.costs.to(device))

    @property
    def excess(self) -> Tensor:
        """``(B, factors)`` by how much of the least cost each lies above it."""
        return self.costs / self.costs.amin(1, keepdim=True) - 1


class FactorCosts:
    """Codes frames between two others with a codec that is left as it is.

    Args:
        config: The classifier's configuration, which names the codec's export.

    Raises:
        UserError: If that is no codec with motion at several resolutions, or does not say its lambda.
    """

    def __init__(self, config: ResolutionClassifierConfig):
        export = load_export(config.codec)
        self.codec = export.codec
        if not self.codec.spec.motion_variants:
            what = f"{export.config.name} has no motion that could be coded at another resolution"
            raise ConfigError("model.codec", f"{config.codec}: {what}")
        self._known: dict[Hashable, Costs] = {}
        self.scales = [MotionScale(factor, filter=config.filter) for factor in config.factors]
        loss = training_loss(export.info.get("provenance") or {})
        self.lmbda = config.lmbda or loss.get("lmbda")
        if self.lmbda is None or (config.lmbda is None and loss.get("metric", "mse") != "mse"):
            raise ConfigError("model.lmbda", f"{config.codec} does not say that of the MSE; give it")

    def remembered(self, keys: Sequence[Hashable], clip: Tensor) -> Costs:
        """Costs of every sample by itself, computed when its key is met for the first time; pictures of 16 bits."""
        for row, key in enumerate(keys):
            if key not in self._known:
                self._known[key] = self(clip[row : row + 1]).smaller()
        return Costs.stack([self._known[key] for key in keys]).to(clip.device)

    @torch.no_grad()
    def __call__(self, clip: Tensor) -> Costs:
        """Costs of the middle frame of ``(B, 3, 3, h, w)`` bytes, whose outer frames are coded as intra frames."""
        self.codec.to(clip.device)
        height, width = clip.shape[-2:]
        past, frame, future = (pad(picture, self.codec.stride) for picture in clip.float().div(255).unbind(1))
        size, stream, rate = tuple(frame.shape[-2:]), Estimate(training=False), Rate()
        kind, needed = ("B", (past, future)) if self.codec.structure.references == 2 else ("P", (past,))
        coded = [self.codec.code_frame(FrameJob("I", picture, None, stream, rate, size)).state for picture in needed]
        state = tuple(coded) if len(coded) == 2 else coded[0]
        shown = (..., slice(height), slice(width))
        costs = []
        for scale in self.scales:
            coding = self.codec.code_frame(FrameJob(kind, frame, state, stream, rate, size, scale=scale))
            error = (coding.frame.float().clamp(0, 1) - frame)[shown].square().mean((1, 2, 3))
            bits = sum(coding.bits.values())
            costs.append(self.lmbda * error + bits / (height * width))
        return Costs(frame[shown], [picture[shown] for picture in pictures(state)], torch.stack(costs, 1))
