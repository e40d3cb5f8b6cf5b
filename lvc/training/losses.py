"""The rate-distortion loss: L = lambda * D + R, R in bits per pixel of the crop."""

import math

import torch
from torch import Tensor

from lvc.codec import ClipCoding, Rate
from lvc.config.run import LossConfig
from lvc.config.schedule import StageLossConfig
from lvc.errors import UserError
from lvc.layers.quality import distortion, mse, psnr
from lvc.layers.rate import between


class RateDistortionLoss:
    """A stage's loss over the frames of a clip that train.

    Args:
        stage: The stage's terms and their weights.
        default: The run's metric and lambda, where the stage names none.
        qualities: Quality indices of a variable-rate model, whose lambdas lie between two.

    Attributes:
        lmbda: Lambda; in the middle of the qualities where there are several.
    """

    def __init__(self, stage: StageLossConfig, default: LossConfig, qualities: int | None = None):
        self.metric = stage.metric or default.metric
        lowest = stage.lmbda or default.lmbda
        self.last = None if qualities is None else qualities - 1
        self.range = (lowest, lowest * (default.lmbda_max or default.lmbda) / default.lmbda)
        self.mse = default.mse_lmbda
        self.lmbda = lowest if self.last is None else math.sqrt(self.range[0] * self.range[1])
        self.distortions, self.rates, self.kinds = stage.distortion, stage.rate, stage.kinds
        self.period, self.balance, self.real, self.jitter = stage.period, stage.balance, stage.real, stage.jitter

    @property
    def mse_range(self) -> tuple[float, float]:
        """Lambdas of the MSE that weigh as much as those of the metric, at the lowest and the highest quality.

        Raises:
            UserError: The metric is another one, and nothing says what pairs with its lambda.
        """
        if self.metric == "mse":
            return self.range
        if self.mse is None:
            raise UserError("loss.mse_lmbda: is needed beside ms_ssim, since a classical start has steps of an MSE")
        return self.mse, self.mse * self.range[1] / self.range[0]

    def rate(self, batch: int, device: torch.device | str, draw: bool = False, frames: int = 1) -> Rate:
        """The rate point of every clip of a batch: one quality drawn for each, or the middle one.

        With `jitter` each of ``frames`` has its own, near its clip's.
        """
        if self.last is None:
            return Rate(lmbda=torch.full((batch,), float(self.lmbda), device=device))
        if draw:
            q = torch.rand(batch, device=device) * self.last if self.real else self._drawn(batch, device)
            if self.jitter:
                moved = (2 * torch.rand(batch, frames, device=device) - 1) * self.jitter
                q = (q[:, None] + moved).clamp(0, self.last)
        else:
            q = torch.full((batch,), self.last / 2, device=device)
        return Rate(lmbda=between(*self.range, q, self.last), q=q)

    def _drawn(self, batch: int, device: torch.device | str) -> Tensor:
        return torch.randint(self.last + 1, (batch,), device=device).float()

    def __call__(self, coding: ClipCoding, target: Tensor, rate: Rate) -> tuple[Tensor, dict[str, Tensor]]:
        """Compute the loss, in float32 whatever the networks run in.

        Args:
            coding: ``T`` coded frames; frames are taken unclamped, so that the gradient reaches every pixel.
            target: ``(B, T, 3, H, W)`` originals in [0, 1].
            rate: The rate point of every clip.

        Returns:
            The mean loss per frame, and detached terms: ``train/loss``, ``train/psnr``, ``train/psnr_prediction``,
            ``train/bpp`` and ``bits/<stream>``, all bits per pixel and unweighted.

        Raises:
            UserError: If a term is asked for that the coding does not have.
        """
        pixels = target.shape[-2] * target.shape[-1]
        with torch.autocast(target.device.type, enabled=False):
            bpp = {name: bits.float() / pixels for name, bits in coding.bits.items()}
            distortions = sum(w * self._distortion(d, coding, target) for d, w in self.distortions.items() if w)
            rates = sum(w * bpp[name] for name, w in self.rates.items() if name in bpp)
            lmbda = rate.lmbda[:, None] if rate.lmbda.dim() == 1 else rate.lmbda[:, list(coding.indices)]
            loss = self._weights(lmbda, coding) * distortions + rates
            if self.balance:
                loss = loss * (self.lmbda / lmbda) ** self.balance
            loss = loss.mean()
        return loss, self._terms(loss, coding, target, bpp)

    def _weights(self, lmbda: Tensor, coding: ClipCoding) -> Tensor:
        """What weighs the distortions of every frame: lambda, times the weights of its kind and of its place."""
        if self.kinds:
            lmbda = lmbda * lmbda.new_tensor([self.kinds.get(kind, 1.0) for kind in coding.kinds])
        if self.period:
            places = [self.period[(index - 1) % len(self.period)] if index else 1.0 for index in coding.indices]
            lmbda = lmbda * lmbda.new_tensor(places)
        return lmbda

    def _distortion(self, what: str, coding: ClipCoding, target: Tensor) -> Tensor:
        if what == "frame":
            return distortion(self.metric, coding.frames, target)
        if what in coding.distortions:
            return coding.distortions[what]
        if coding.predictions is None:
            raise UserError(f"loss.distortion.{what}: a trained frame has no motion-compensated prediction")
        return mse(coding.predictions, target)

    @torch.no_grad()
    def _terms(self, loss: Tensor, coding: ClipCoding, target: Tensor, bpp: dict[str, Tensor]) -> dict[str, Tensor]:
        terms = {"train/loss": loss.detach(), "train/psnr": psnr(coding.frames, target).mean()}
        if coding.predictions is not None:
            terms["train/psnr_prediction"] = psnr(coding.predictions, target).mean()
        split = {f"bits/{name}": b.detach().mean() for name, b in bpp.items()}
        return terms | {"train/bpp": sum(split.values(), loss.new_zeros(()))} | split
