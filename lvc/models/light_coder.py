"""The transform coder of the light codec: unshuffled pixels in, unshuffled pixels and a feature out."""

import torch
from torch import Tensor, nn

from lvc.codec import Rate
from lvc.config.intra import LAMBDAS
from lvc.config.light_parts import TransformConfig
from lvc.entropy.checkerboard import CheckerboardCoder
from lvc.entropy.priors import ScaleLaw
from lvc.entropy.streams import SymbolStream
from lvc.layers.conv import conv
from lvc.layers.light import PATCH, Analysis, QualityGain, Synthesis, start_as_klt
from lvc.layers.rate import QualityFactor, step_gain


class TransformCoder(nn.Module):
    """Analysis, quantisation by quality, entropy coding, synthesis.

    Args:
        config: Widths and depths.
        law: Distribution of the latent.
        qualities: Quality indices.
        conditional: Every transform, and the entropy model, know a context at 1/8.
    """

    CONTEXT = 96

    def __init__(self, config: TransformConfig, law: ScaleLaw, qualities: int, conditional: bool = False):
        super().__init__()
        inputs, channels, latent = 3 * PATCH**2, config.channels, config.latent_channels
        self.analysis = Analysis(inputs, channels, latent, config.analysis, conditional)
        self.synthesis = Synthesis(inputs, channels, latent, config.synthesis, conditional)
        self.gain = QualityFactor(tuple(map(step_gain, LAMBDAS)), qualities, trained=False)
        self.encoder_gain, self.decoder_gain = QualityGain(latent), QualityGain(latent)
        self.prior = nn.Conv2d(channels, self.CONTEXT, 2, 2) if conditional else None
        known = self.CONTEXT if conditional else 0
        self.entropy = CheckerboardCoder(
            latent, config.hyper_channels, config.entropy_width, known, law, config.transmitted_scales
        )

    def forward(
        self,
        name: str,
        x: Tensor | None,
        q: Tensor,
        size: tuple[int, int],
        stream: SymbolStream,
        context: Tensor | None = None,
    ) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """Code ``(B, 192, H/8, W/8)`` unshuffled pixels.

        Args:
            name: Stream name.
            x: What is coded, ``None`` when reading.
            q: ``(B,)`` quality indices.
            size: ``(H, W)`` of the frame.
            stream: Where symbols go to or come from.
            context: ``(B, channels, H/8, W/8)``, where there is one.

        Returns:
            The decoded pixels, unshuffled; the feature ``(B, channels, H/8, W/8)``; bits by stream name.
        """
        t, gain = q / (self.gain.last or 1), self.gain(q)
        y = None if x is None else self.analysis(x, t, context) * (gain * self.encoder_gain(t))
        shape = (len(q), size[0] // (2 * PATCH), size[1] // (2 * PATCH))
        prior = None if context is None else self.prior(context)
        y, bits = self.entropy.code(name, y, shape, gain, t, prior, stream)
        decoded, feature = self.synthesis(y * (self.decoder_gain(t) / gain), t, context)
        return decoded, feature, bits

    @torch.no_grad()
    def start_from(self, samples: Tensor, lambdas: tuple[float, float]) -> None:
        """Begin as the KLT of ``samples``, ``(N, 192, h, w)``, with the steps that these lambdas ask for."""
        self.entropy.deviations.copy_(start_as_klt(self.analysis, self.synthesis, samples))
        self.gain.bounds.copy_(torch.tensor([step_gain(lmbda) for lmbda in lambdas]))


def quality_index(rate: Rate, qualities: int, like: Tensor) -> Tensor:
    """Quality indices ``(B,)`` of a rate, or the middle one for every picture in ``like``."""
    if rate.q is None:
        return torch.full((len(like),), (qualities - 1) / 2, device=like.device)
    return rate.q.clamp(0, qualities - 1)


def embedding(channels: int) -> nn.Conv2d:
    """From unshuffled pixels to features of them."""
    return conv(3 * PATCH**2, channels, 1)
