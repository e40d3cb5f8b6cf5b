"""One stage of a flow network as a LightningModule."""

from typing import Any

import torch
from torch import Tensor

from lvc.config.run import RunConfig
from lvc.layers.quality import psnr
from lvc.models.spynet import FlowNetwork, luma
from lvc.motion.warp import warp
from lvc.training.base import StageBase
from lvc.training.flow.losses import end_point_error, hidden, outside, photometric, shrink, smoothness


class FlowModule(StageBase):
    """Trains a flow network or levels of it, on true flow or on pictures alone.

    The stage's pictures have the size of the finest level that it trains: small pictures train coarse levels, as if
    they were large ones averaged down. See :class:`lvc.training.base.StageBase` for arguments and attributes.
    """

    def __init__(self, codec: FlowNetwork, run: RunConfig, name: str, total: int, first_step: int = 0):
        super().__init__(codec, run, name, total, first_step)
        self.terms = self.stage.flow
        self.finest = min(list(codec.parts).index(part) for part in self.stage.train)

    def train_batch(self, batch: dict[str, Any], optimizer: Any) -> int:
        """See :meth:`lvc.training.base.StageBase.train_batch`."""
        clip = self._desaturate(batch["clip"].float().div(255))
        reference, frame = clip.unbind(1)
        coarsest = self._coarsest()
        loss, terms = clip.new_zeros(()), {}
        if self.terms.epe:
            flows = list(self.codec.pyramid(frame, reference, coarsest, self.finest))
            error, terms = self._supervised(flows, batch["flow"])
            loss = loss + self.terms.epe * error
        if self.terms.photometric:
            error, more = self._unsupervised(frame, reference, coarsest)
            loss, terms = loss + error, terms | more
        self.descend(optimizer, loss, {"train/loss": loss.detach()} | terms)
        return clip.shape[0] * clip.shape[1]

    def _desaturate(self, clip: Tensor) -> Tensor:
        """``(B, T, 3, H, W)`` with a share of its pairs grey, so that the network learns to do without colour."""
        if not self.terms.grey:
            return clip
        grey = torch.rand(len(clip), 1, 1, 1, 1, device=clip.device) < self.terms.grey
        return torch.where(grey, luma(clip), clip)

    def _coarsest(self) -> int:
        """Number of the coarsest level that runs: the network should be of use without its coarse levels."""
        levels = len(self.codec.parts)
        fewest = max(self.terms.fewest_levels or levels, self.finest + 1)
        return int(torch.randint(fewest, levels + 1, ())) - 1

    def _supervised(self, flows: list[Tensor], truth: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        power = self.terms.epe_power
        sizes = [shrink(truth, (truth.shape[-1] // flow.shape[-1]).bit_length() - 1) for flow in flows]
        trained = list(zip(flows, sizes, strict=True))[-self.codec.judged(len(self.stage.train)) :]
        error = sum(end_point_error(flow, size, power) for flow, size in trained)
        finest = flows[-1].detach()
        return error, {
            "train/epe": end_point_error(finest, truth),
            "train/epe_zero": end_point_error(0 * finest, truth),
        }

    def _unsupervised(self, frame: Tensor, reference: Tensor, coarsest: int) -> tuple[Tensor, dict[str, Tensor]]:
        both = torch.cat([frame, reference]), torch.cat([reference, frame])
        *_, flow = self.codec.pyramid(*both, coarsest, self.finest)
        warped = warp(both[1], flow)
        ignore = outside(flow.detach())
        if self.terms.occlusion:
            ignore = torch.maximum(ignore, hidden(flow.detach(), flow.detach().roll(len(frame), 0)))
        difference = photometric(self.terms.measure, both[0], warped, ignore)
        uneven = smoothness(flow, both[0])
        terms = {"train/photometric": difference.detach(), "train/smoothness": uneven.detach()}
        terms["train/psnr"] = psnr(warped.detach()[:, None], both[0][:, None]).mean()
        return self.terms.photometric * difference + self.terms.smoothness * uneven, terms
