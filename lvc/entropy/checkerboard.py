"""A latent under a hyperprior, a checkerboard and what else is known, from measured deviations on.

The hyperprior is that of Balle et al. (ICLR 2018), the two passes are those of He et al. (CVPR 2021). Before training
every channel has the scale that was measured, so the first estimate of the rate is right but for what training adds.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lvc.config.parts import StagedContextConfig
from lvc.entropy.factorized import FactorizedPrior
from lvc.entropy.hyperprior import code_hyper
from lvc.entropy.priors import ScaleLaw
from lvc.entropy.staged import code_passes, coding_order, take
from lvc.entropy.streams import SymbolStream
from lvc.layers.conv import conv, full_precision
from lvc.layers.klt import start_at_zero
from lvc.layers.padding import pad

SHARED = 4
"""Channels, and positions each way, that share a transmitted scale."""
LEVELS_PER_STEP = 6
"""Table levels from one transmitted scale to the next: a factor of 1.2."""


class CheckerboardCoder(nn.Module):
    """Codes a latent in units of its quantisation step.

    Args:
        channels: Channels of the latent.
        hyper: Channels of the hyper latent at a quarter of its size.
        width: Channels of the networks that make scales and means.
        context: Channels of what else is known at the latent's size.
        law: Distribution of the latent.
        transmitted: The hyper latent says which coding tables the latent uses, so no network lies between decoded
            integers and tables, and any device decodes the symbols (arXiv 2606.28027).
    """

    def __init__(self, channels: int, hyper: int, width: int, context: int, law: ScaleLaw, transmitted: bool = False):
        super().__init__()
        self.law, self.transmitted = law, transmitted
        self.scales = channels // SHARED if transmitted else 0
        inner = hyper + self.scales
        self.register_buffer("deviations", torch.ones(channels))
        self.hyper_encoder = nn.Sequential(
            nn.Conv2d(channels, hyper, 2, 2), nn.LeakyReLU(0.1), nn.Conv2d(hyper, inner, 2, 2)
        )
        self.hyper_decoder = nn.Sequential(
            nn.ConvTranspose2d(inner, hyper, 2, 2), nn.LeakyReLU(0.1), nn.ConvTranspose2d(hyper, 2 * hyper, 2, 2)
        )
        self.hyper_prior = FactorizedPrior(inner, law.likelihood_bound)
        with torch.no_grad():
            self.hyper_prior.h.fill_(0.7)  # a logistic law of scale 0.7
        known = 2 * hyper + context + 1
        self.first = _parameters(known, width, 2 * channels)
        self.neighbours = nn.Sequential(
            conv(channels, width, 1), nn.Conv2d(width, width, 5, padding=2, groups=width), nn.LeakyReLU(0.1)
        )
        self.second = _parameters(known + width, width, 2 * channels)
        (stage,) = coding_order(StagedContextConfig(groups=(channels,), spatial="checkerboard", channel=False))
        self.passes = stage.passes
        if transmitted:
            with torch.no_grad():
                self.hyper_encoder[-1].weight[: self.scales].zero_()
                self.hyper_encoder[-1].bias[: self.scales].zero_()

    def code(
        self,
        name: str,
        y: Tensor | None,
        shape: tuple[int, int, int],
        gain: Tensor,
        t: Tensor,
        context: Tensor | None,
        stream: SymbolStream,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Code one latent.

        Args:
            name: Stream name; the hyper latent's is ``<name>_hyper``.
            y: ``(B, C, h, w)`` latent over its step, ``None`` when reading.
            shape: ``(B, h, w)``.
            gain: ``(B, 1, 1, 1)`` what the latent was multiplied by.
            t: ``(B,)`` quality from 0 to 1.
            context: ``(B, context, h, w)`` what else is known.
            stream: Where symbols go to or come from.

        Returns:
            The decoded latent in float32, and bits ``(B,)`` by stream name.
        """
        batch, height, width = shape
        base = self.deviations[:, None, None] * gain.float()
        unit = base + 0.5
        hyper_size = (batch, -(-height // 4), -(-width // 4))
        encode = lambda latent: self._hyper_latent(latent, unit)  # noqa: E731
        said, hyper_bits = code_hyper(f"{name}_hyper", y, hyper_size, encode, self._hear, self.hyper_prior, stream)
        with full_precision(said):
            said, scales = said[:, : 2 * self._hyper, :height, :width], said[:, 2 * self._hyper :, :height, :width]
            known = [said, t.float()[:, None, None, None].expand(batch, 1, height, width)]
            known = torch.cat(known if context is None else [*known, context.float()], 1)

            def parameters(step: int, decoded: Tensor) -> tuple[Tensor, Tensor]:
                found = (
                    self.first(known)
                    if step == 0
                    else self.second(torch.cat([known, self.neighbours(decoded / unit)], 1))
                )
                spread, means = found.chunk(2, 1)
                own = scales if self.transmitted else (base + 0.02) * torch.exp(spread.clamp(-6, 4))
                return take(own, self.passes[step]), take(means * unit, self.passes[step])

            nothing = known.new_zeros(batch, len(self.deviations), height, width)
            own = None if y is None else y.float()
            decoded, bits, spent = code_passes(name, own, nothing, self.passes, parameters, self.law, stream)
        if stream.keep_maps:
            stream.maps[name] = spent.sum(1, keepdim=True)
        return decoded, {f"{name}_hyper": hyper_bits, name: bits}

    @property
    def _hyper(self) -> int:
        return self.hyper_encoder[0].out_channels

    def _hyper_latent(self, y: Tensor, unit: Tensor) -> Tensor:
        """The hyper latent of a latent over its step; transmitted scales begin as those measured."""
        y = pad(y, 4) if y.shape[-2] % 4 or y.shape[-1] % 4 else y
        z = self.hyper_encoder(y / unit.to(y.dtype))
        if not self.transmitted:
            return z
        energy = F.avg_pool2d(y.float().square(), SHARED).unflatten(1, (self.scales, SHARED)).mean(2)
        steps = (energy.sqrt() / self.law.smallest).clamp(min=1).log() / self._step
        return torch.cat([z[:, : self.scales] + steps, z[:, self.scales :]], 1)

    @property
    def _step(self) -> float:
        """Logarithm of the ratio of neighbouring transmitted scales."""
        levels = self.law.levels
        return LEVELS_PER_STEP * math.log(float(levels[1] / levels[0]))

    def _hear(self, z: Tensor) -> Tensor:
        """What the hyper latent says: features for the networks, then the scales where they are transmitted."""
        features = self.hyper_decoder(z)
        if not self.transmitted:
            return features
        steps = z[:, : self.scales].abs()
        # decoded integers take their table's own scale, which no arithmetic stands between
        index = (steps.detach().round() * LEVELS_PER_STEP).clamp(max=len(self.law.levels) - 1).long()
        scales = self.law.levels.float()[index] * torch.exp((steps - steps.detach()) * self._step)
        return torch.cat([features, _spread(scales)], 1)


def _spread(scales: Tensor) -> Tensor:
    """``(B, C / 4, h / 4, w / 4)`` scales to the channels and positions that share them."""
    return scales.repeat_interleave(SHARED, 1).repeat_interleave(SHARED, 2).repeat_interleave(SHARED, 3)


def _parameters(inputs: int, width: int, outputs: int) -> nn.Sequential:
    """Pointwise, and 0 before training."""
    return nn.Sequential(conv(inputs, width, 1), nn.LeakyReLU(0.1), start_at_zero(conv(width, outputs, 1)))
