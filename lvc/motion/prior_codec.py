"""The motion codec of pMCTF-L: that of DCVC-DC and DCVC-FM, under what was coded of the motion before.

Motion of one temporal level is coded from left to right. A pair of frames hands two things to the next: the decoder's
feature, which joins the encoder, and the latent, which joins the hyperprior ("latent prior").
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lvc.entropy.factorized import FactorizedPrior
from lvc.entropy.priors import ScaleLaw
from lvc.entropy.staged import code_passes, lattice, take
from lvc.entropy.streams import Estimate, SymbolStream
from lvc.layers.bounds import lower_bound
from lvc.layers.conv import conv, full_precision
from lvc.layers.depth_conv import DepthConvBlock, GatedDepthConvBlock, enlarge, joined, shrink, shuffled
from lvc.layers.hyper import scales_and_means, start_with_scale
from lvc.layers.rate import QualityFactor

SMALLEST_STEP = 0.5
"""Lower bound of a learned quantisation step."""

# Which quarter of every 2x2 square each quarter of the channels is coded at, pass by pass.
_QUARTERS = ((0, 0), (0, 1), (1, 0), (1, 1))
_ORDER = ((0, 1, 2, 3), (3, 2, 1, 0), (2, 3, 0, 1), (1, 0, 3, 2))


@dataclass(frozen=True)
class MotionMemory:
    """What the motion of one pair of frames hands to the next one's.

    Attributes:
        feature: ``(B, C, H/4, W/4)`` of the decoder.
        latent: ``(B, C, H/16, W/16)`` decoded.
    """

    feature: Tensor
    latent: Tensor


class PriorMotionCodec(nn.Module):
    """Flow ``(B, 2, H, W)`` through a latent at 1/16 of the size; variable rate.

    Args:
        channels: Channels of transforms and latents, a multiple of 4.
        qualities: Number of quality indices.
        latent_prior: Whether a latent knows the one before.
        law: Distribution of the latent; an ``official`` one rounds rate factors where symbols are coded.
    """

    def __init__(self, channels: int, qualities: int, latent_prior: bool, law: ScaleLaw):
        super().__init__()
        n, self.channels, self.latent_prior, self.law = channels, channels, latent_prior, law
        self.encode_half = nn.Sequential(shrink(2, n), DepthConvBlock(n, n))
        self.encode_quarter = shrink(n, n)
        self.first_feature, self.later_feature = DepthConvBlock(n, n), DepthConvBlock(2 * n, n)
        self.encode_rest = nn.Sequential(shrink(n, n), DepthConvBlock(n, n), conv(n, n, stride=2))
        self.decode_feature = nn.Sequential(
            DepthConvBlock(n, n), enlarge(n), DepthConvBlock(n, n), enlarge(n), DepthConvBlock(n, n)
        )
        self.decode_half = enlarge(n)
        self.decode_rest = nn.Sequential(DepthConvBlock(n, n), shuffled(n, 2))
        self.encoder_factor, self.decoder_factor = (QualityFactor((1.0, 1.0), qualities) for _ in range(2))

        self.hyper_encoder = nn.Sequential(
            GatedDepthConvBlock(n), conv(n, n, stride=2), nn.LeakyReLU(), conv(n, n, stride=2)
        )
        self.hyper_decoder = nn.Sequential(enlarge(n), enlarge(n), GatedDepthConvBlock(n))
        self.hyper_prior = FactorizedPrior(n, law.likelihood_bound, law.official)
        self.first_prior = DepthConvBlock(n, 2 * n)
        self.later_prior = DepthConvBlock(2 * n, 2 * n) if latent_prior else None
        self.common = nn.Sequential(DepthConvBlock(2 * n, 3 * n), DepthConvBlock(3 * n, 3 * n))
        self.spatial = nn.Sequential(
            DepthConvBlock(3 * n, 3 * n), DepthConvBlock(3 * n, 3 * n), DepthConvBlock(3 * n, 2 * n)
        )
        self.adaptors = nn.ModuleList(conv(4 * n, 3 * n, 1) for _ in range(3))
        group = n // 4
        self.passes = tuple(
            tuple(lattice(slice(g * group, (g + 1) * group), *_QUARTERS[quarter]) for g, quarter in enumerate(quarters))
            for quarters in _ORDER
        )
        start_with_scale(self.spatial[-1].skip, 1.0)

    def code(
        self,
        flow: Tensor | None,
        memory: MotionMemory | None,
        shape: tuple[int, int, int],
        q: Tensor,
        stream: SymbolStream,
    ) -> tuple[Tensor, dict[str, Tensor], MotionMemory]:
        """Code ``flow`` (``None`` when reading).

        Args:
            flow: ``(B, 2, H, W)`` in pixels.
            memory: Of the pair before on the same level, ``None`` for the first.
            shape: Batch, height and width of the flow; sides are multiples of 64.
            q: ``(B,)`` quality indices.
            stream: Where symbols go to or come from.

        Returns:
            Decoded flow, bits by stream name, and the memory for the next pair.
        """
        rounded = self.law.official and not isinstance(stream, Estimate)
        to_code, to_decode = (
            factor.in_hundredths(q) if rounded else factor(q) for factor in (self.encoder_factor, self.decoder_factor)
        )
        y = None if stream.reads else self._encode(flow, memory, to_code)
        latent, bits = self._code_latent(y, memory, shape, stream)
        feature = self.decode_feature(latent)
        flow = self.decode_rest(self.decode_half(feature) * to_decode).float()
        return flow, bits, MotionMemory(feature, latent)

    def _encode(self, flow: Tensor, memory: MotionMemory | None, factor: Tensor) -> Tensor:
        x = self.encode_quarter(self.encode_half(flow) * factor)
        x = self.first_feature(x) if memory is None else self.later_feature(joined(x, memory.feature))
        return self.encode_rest(x)

    def _code_latent(
        self, y: Tensor | None, memory: MotionMemory | None, shape: tuple[int, int, int], stream: SymbolStream
    ) -> tuple[Tensor, dict[str, Tensor]]:
        batch, height, width = shape
        z = None if stream.reads else self.hyper_encoder(y)
        hyper = self.hyper_prior((batch, self.channels, height // 64, width // 64))
        z_hat, hyper_bits = stream.code("motion_hyper", z, hyper)
        with full_precision(z_hat):
            prior = self.hyper_decoder(z_hat)
            if memory is None or self.later_prior is None:
                prior = self.first_prior(prior)
            else:
                prior = self.later_prior(joined(prior, memory.latent))
            common = self.common(prior)
            step, scales, means = common.chunk(3, 1)
            step = lower_bound(step, SMALLEST_STEP)

            def parameters(number: int, decoded: Tensor) -> tuple[Tensor, Tensor]:
                found = scales, means
                if number:
                    found = scales_and_means(self.spatial(self.adaptors[number - 1](joined(decoded, common))))
                return tuple(take(part, self.passes[number]) for part in found)

            y = None if y is None else y.float() / step
            nothing = torch.zeros_like(means)
            latent, bits, spent = code_passes("motion", y, nothing, self.passes, parameters, self.law, stream)
        if stream.keep_maps:
            stream.maps["motion"] = spent.sum(1, keepdim=True)
        return latent * step, {"motion_hyper": hyper_bits, "motion": bits}
