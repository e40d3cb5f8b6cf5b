"""Validation of a classifier of motion's resolution: what its choices cost above the best ones."""

from collections import defaultdict
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor

from lvc.training.resolution.module import ResolutionModule, cross_entropy, expected_excess
from lvc.training.validation import Validator, means_over_all


class ResolutionValidator(Validator):
    """Validates at the same times as a codec's validator does; see there for the arguments."""

    def measure_all(
        self, trainer: pl.Trainer, module: pl.LightningModule, clips: Any, shown: bool = True
    ) -> dict[str, float]:
        """Means over all clips; there is nothing to show."""
        module.codec.eval()
        figures = {
            index: measure(module, item["clip"].to(module.device), index) for index, item in self.items(trainer, clips)
        }
        module.train()
        return means_over_all(figures, trainer.world_size)


@torch.no_grad()
def measure(module: ResolutionModule, clip: Tensor, number: int) -> dict[str, float]:
    """Means over one frame at every distance of a power of two that ``(T, 3, h, w)`` bytes have.

    Args:
        module: What trains; it remembers the costs until the next validation.
        clip: The clip.
        number: Its number.

    Returns:
        ``val/loss``, the cross-entropy; ``val/excess``, what the likeliest factor costs above the least, as a share of
        it; ``val/excess_two``, the same of the better one of the two likeliest; and ``val/excess_full``, the
        same of never choosing, which a classifier should beat.
    """
    found = defaultdict(list)
    distance = 1
    while 2 * distance < len(clip):
        costs = module.costs.remembered([("val", number, distance)], clip[None, : 2 * distance + 1 : distance])
        logits = module.codec(costs.frame, *costs.references)
        two = costs.excess.gather(1, logits.topk(2, 1).indices).amin(1).mean()
        for key, value in (
            ("val/loss", cross_entropy(logits, costs, module.temperature)),
            ("val/excess", expected_excess(logits, costs)),
            ("val/excess_two", two),
            ("val/excess_full", costs.excess[:, 0].mean()),
        ):
            found[key].append(float(value))
        distance *= 2
    return {key: float(np.mean(values)) for key, values in found.items()}
