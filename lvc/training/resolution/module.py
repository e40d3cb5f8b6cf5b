"""One stage of a classifier of motion's resolution as a LightningModule."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from lvc.config.run import RunConfig
from lvc.models.resolution_classifier import ResolutionClassifier
from lvc.training.base import StageBase
from lvc.training.resolution.costs import Costs, FactorCosts


class ResolutionModule(StageBase):
    """Trains a classifier on soft labels, which a codec's costs make (Mu-Class of Fast-OMRA).

    See :class:`lvc.training.base.StageBase` for the other arguments and attributes.

    Args:
        costs: What a factor costs; it is no part of what trains, nor of a checkpoint.
    """

    def __init__(
        self,
        codec: ResolutionClassifier,
        run: RunConfig,
        name: str,
        total: int,
        first_step: int = 0,
        *,
        costs: FactorCosts,
    ):
        super().__init__(codec, run, name, total, first_step)
        self.costs, self.temperature = costs, run.model.temperature

    def train_batch(self, batch: dict[str, Any], optimizer: Any) -> int:
        """See :meth:`lvc.training.base.StageBase.train_batch`."""
        if "view" in batch:
            keys = list(zip(batch["view"].tolist(), batch["draw"].tolist(), strict=True))
            found = self.costs.remembered(keys, batch["clip"])
        else:
            found = self.costs(batch["clip"])
        logits = self.codec(*_turned((found.frame, *found.references)))
        loss = cross_entropy(logits, found, self.temperature)
        terms = {"train/loss": loss.detach(), "train/excess": expected_excess(logits.detach(), found)}
        self.descend(optimizer, loss, terms)
        return batch["clip"].shape[0] * batch["clip"].shape[1]


def _turned(pictures: Sequence[Tensor]) -> list[Tensor]:
    """Pictures mirrored, flipped and, where they are square, transposed at random: their costs hardly change."""
    mirror, flip, transpose = (torch.rand(3) < 0.5).tolist()
    axes = [axis for axis, turn in ((3, mirror), (2, flip)) if turn]
    square = pictures[0].shape[2] == pictures[0].shape[3]
    turned = [picture.flip(axes) for picture in pictures]
    return [picture.transpose(2, 3) for picture in turned] if transpose and square else turned


def labels(found: Costs, temperature: float) -> Tensor:
    """``(B, factors)`` that sum to 1: the cheapest factor weighs most, the others by how little they cost above it."""
    return torch.softmax(-found.excess / temperature, 1)


def cross_entropy(logits: Tensor, found: Costs, temperature: float) -> Tensor:
    """Mean cross-entropy of the labels."""
    return F.cross_entropy(logits.float(), labels(found, temperature))


def expected_excess(logits: Tensor, found: Costs) -> Tensor:
    """Mean cost above the least, as a share of it, of taking the likeliest factor."""
    return found.excess.gather(1, logits.argmax(1, keepdim=True)).mean()
