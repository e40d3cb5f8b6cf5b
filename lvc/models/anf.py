"""The conditional augmented-normalising-flow codec of B-CANF, of motion and of frames alike.

Two additive steps. With ``x`` the signal, ``c`` the condition, ``A_i`` and ``S_i`` the transforms:

    encode   z = A_0(x, c)    x' = x - S_0(z)    y = z + A_1(x', c)    x'' = x' - S_1(y^)
    decode   x' = c + S_1(y^)    z = y^ - A_1(x', c)    x = x' + S_0(z)

The decoder puts ``c`` where the encoder had ``x''``; training draws them together (``SignalCoding.end``).
"""

from functools import partial

import torch
from torch import Tensor, nn

from lvc.config.b_canf import AnfConfig
from lvc.entropy.factorized import BottleneckPrior
from lvc.entropy.hyperprior import code_hyper
from lvc.entropy.priors import ScaleLaw
from lvc.entropy.streams import SymbolStream
from lvc.layers.conditional import Analysis, Enhancement, HyperAnalysis, HyperSynthesis, PriorFusion, Synthesis
from lvc.layers.conv import full_precision
from lvc.models.b_frame import SignalCoding


class ConditionalAnf(nn.Module):
    """Codes a signal given a condition of the same shape, for a frame type.

    Args:
        name: Name of its stream; the hyper latent's is ``<name>_hyper``.
        signal: Channels of signal and condition.
        config: Widths and kernels.
        types: Number of frame types.
        law: Distribution of the latent.
        enhancement: Channels of the quality enhancement, 0 for none.
    """

    def __init__(self, name: str, signal: int, config: AnfConfig, types: int, law: ScaleLaw, enhancement: int):
        super().__init__()
        n, latent, hyper = config.channels, config.latent_channels, config.hyper_channels
        self.name, self.law = name, law
        self.analysis = nn.ModuleList(Analysis(2 * signal, n, latent, k, types) for k in config.kernels)
        self.synthesis = nn.ModuleList(Synthesis(signal, n, latent, k, types) for k in config.kernels)
        self.hyper_analysis = HyperAnalysis(latent, hyper, hyper, types)
        self.hyper_synthesis = HyperSynthesis(hyper, hyper, latent, types)
        self.hyper_prior = BottleneckPrior(hyper, law.likelihood_bound, filters=(3, 3, 3))
        self.temporal_prior = Analysis(signal, config.prior_channels, latent, config.prior_kernel, types)
        self.fusion = PriorFusion(3 * latent, config.fusion_channels, 2 * latent, types)
        self.enhancement = Enhancement(signal, enhancement, types) if enhancement else None
        self._start_at_condition()

    @torch.no_grad()
    def _start_at_condition(self) -> None:
        """Let the untrained codec decode its condition, nearly: what is added to it starts small."""
        last = [step[-1] for step in self.synthesis] + ([self.enhancement.tail] if self.enhancement else [])
        for layer in last:
            layer.weight.mul_(0.1)
            layer.bias.zero_()

    def code(self, x: Tensor | None, condition: Tensor, frame_type: Tensor, stream: SymbolStream) -> SignalCoding:
        """Code ``(B, C, H, W)``, or read it where ``x`` is ``None``; sides are multiples of 64.

        Args:
            x: The signal.
            condition: What it is expected to be; float32.
            frame_type: One-hot ``(1, types)``.
            stream: Where symbols go to or come from.
        """
        y, rest = (None, None) if stream.reads else self._encode(x, condition, frame_type)
        y_hat, bits = self._code_latent(y, condition, frame_type, stream)
        step = self.synthesis[1](y_hat, frame_type).float()
        decoded = condition + step
        z = y_hat - self.analysis[1](torch.cat([decoded, condition], 1), frame_type)
        decoded = decoded + self.synthesis[0](z, frame_type).float()
        if self.enhancement is not None:
            decoded = self.enhancement(decoded, frame_type).float()
        return SignalCoding(decoded, bits, None if rest is None else rest - step)

    def _encode(self, x: Tensor, condition: Tensor, frame_type: Tensor) -> tuple[Tensor, Tensor]:
        """The latent, and what the first step leaves of the signal."""
        z = self.analysis[0](torch.cat([x, condition], 1), frame_type)
        rest = x - self.synthesis[0](z, frame_type).float()
        return z + self.analysis[1](torch.cat([rest, condition], 1), frame_type), rest

    def _code_latent(
        self, y: Tensor | None, condition: Tensor, frame_type: Tensor, stream: SymbolStream
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Code the latent under its hyper prior and what the condition tells of it."""
        batch, _, height, width = condition.shape
        encode, decode = (partial(t, frame_type=frame_type) for t in (self.hyper_analysis, self.hyper_synthesis))
        hyper, hyper_bits = code_hyper(
            f"{self.name}_hyper", y, (batch, height // 64, width // 64), encode, decode, self.hyper_prior, stream
        )
        with full_precision(hyper):
            temporal = self.temporal_prior(condition.float(), frame_type)
            means, scales = self.fusion(torch.cat([hyper, temporal], 1), frame_type).chunk(2, 1)
        y_hat, bits = stream.code(self.name, y, self.law(scales, means))
        return y_hat, {f"{self.name}_hyper": hyper_bits, self.name: bits}

    def describe(self) -> dict[str, tuple[int, int]]:
        """Latents by stream name: channels and downsampling."""
        latent = self.analysis[0][-1].layer.out_channels
        return {self.name: (latent, 16), f"{self.name}_hyper": (self.hyper_prior.channels, 64)}
