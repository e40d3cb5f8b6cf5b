"""The conditional Transformer codec of MaskCRT, of motion and of frames alike."""

from functools import partial
from itertools import pairwise

import torch
from torch import Tensor, nn

from lvc.config.maskcrt_b import SwinConfig
from lvc.entropy.factorized import BottleneckPrior
from lvc.entropy.four_step import FourStepContext
from lvc.entropy.hyperprior import code_hyper
from lvc.entropy.priors import ScaleLaw
from lvc.entropy.streams import SymbolStream
from lvc.layers.adaptation import Chain, adapted
from lvc.layers.channel_attention import ChannelTransform
from lvc.layers.conditional import Analysis, HyperAnalysis, HyperSynthesis, PriorFusion
from lvc.layers.conv import conv, deconv, full_precision
from lvc.layers.hyper import scales_and_means
from lvc.layers.swin import ConditionalStage
from lvc.models.b_frame import SignalCoding

_STEPS = 2.0
"""Quantisation steps to a pixel of motion, in an untrained codec."""


class ConditionalSwin(nn.Module):
    """Codes a signal given a condition, for a frame type.

    Args:
        name: Name of its stream; the hyper latent's is ``<name>_hyper``.
        signal: Channels of signal and condition.
        config: Strides, widths and depths.
        types: Number of frame types.
        law: Distribution of the latent.
    """

    def __init__(self, name: str, signal: int, config: SwinConfig, types: int, law: ScaleLaw):
        super().__init__()
        self.name, self.law = name, law
        latent, hyper, shapes = (
            config.widths[-1],
            config.hyper_channels,
            list(zip(config.kernels, config.strides, strict=True)),
        )
        widths = list(pairwise((signal, *config.widths)))
        down = [conv(i, o, k, s) for (i, o), (k, s) in zip(widths, shapes, strict=True)]
        up = [deconv(o, i, k, s) for (i, o), (k, s) in zip(widths, shapes, strict=True)]
        passes_on = all(k == s + 1 for k, s in shapes)
        if passes_on:
            _start_by_passing_on(down, up, signal)
        else:
            up[0].weight.data.mul_(0.1)  # what is added to a condition starts small
        self.pyramid = nn.ModuleList(
            nn.Sequential(conv(i, o, k, s), nn.LeakyReLU(0.1)) for (i, o), (k, s) in zip(widths, shapes, strict=True)
        )
        self.down, self.up = (nn.ModuleList(Chain(adapted(layer, types)) for layer in way) for way in (down, up))
        depths = zip(config.widths, config.depths, strict=True)
        stages = [(width, depth, config.heads, config.window, types) for width, depth in depths]
        self.encoder, self.decoder = (nn.ModuleList(ConditionalStage(*stage) for stage in stages) for _ in range(2))
        self.last = self.first = None
        if config.channel_transform:  # only the decoder's attends to the frame type
            self.last = nn.ModuleList(
                [Chain(adapted(conv(latent, latent), types)), ChannelTransform(latent, config.heads)]
            )
            self.first = nn.ModuleList(
                [Chain(adapted(deconv(latent, latent, stride=1), types)), ChannelTransform(latent, config.heads, types)]
            )
        self.hyper_analysis = HyperAnalysis(latent, hyper, hyper, types, kernel=5)
        self.hyper_synthesis = HyperSynthesis(hyper, hyper, latent, types, kernel=5, middle=hyper * 3 // 2)
        self.hyper_prior = BottleneckPrior(hyper, law.likelihood_bound)
        self.temporal_prior = Analysis(signal, config.prior_channels, 2 * latent, 3, types)
        self.fusion = PriorFusion(4 * latent, config.fusion_channels, 2 * latent, types)
        self.context = FourStepContext(latent, law) if config.context else None
        with torch.no_grad():
            self.fusion[-1].layer.bias[:latent] += 1  # scales that latents fit into
            for stage in (*self.encoder, *self.decoder) if passes_on else ():
                stage.merge[0].layer.weight.mul_(0.1)

    def code(self, x: Tensor | None, condition: Tensor, frame_type: Tensor, stream: SymbolStream) -> SignalCoding:
        """Code ``(B, C, H, W)``, or read it where ``x`` is ``None``; sides are multiples of 16 windows.

        Args:
            x: The signal.
            condition: What is known of it; float32.
            frame_type: One-hot ``(1, types)``.
            stream: Where symbols go to or come from.
        """
        conditions, scale = [], condition
        for level in self.pyramid:
            scale = level(scale)
            conditions.append(scale)
        y = None if stream.reads else self._analyse(x, conditions, frame_type)
        y_hat, bits = self._code_latent(y, condition, frame_type, stream)
        return SignalCoding(self._synthesise(y_hat, conditions, frame_type).float(), bits)

    def _analyse(self, x: Tensor, conditions: list[Tensor], frame_type: Tensor) -> Tensor:
        for down, stage, condition in zip(self.down, self.encoder, conditions, strict=True):
            x = stage(down(x, frame_type), condition, frame_type)
        for layer in self.last or ():
            x = layer(x, frame_type)
        return x

    def _synthesise(self, x: Tensor, conditions: list[Tensor], frame_type: Tensor) -> Tensor:
        for layer in self.first or ():
            x = layer(x, frame_type)
        for up, stage, condition in reversed(list(zip(self.up, self.decoder, conditions, strict=True))):
            x = up(stage(x, condition, frame_type), frame_type)
        return x

    def _code_latent(
        self, y: Tensor | None, condition: Tensor, frame_type: Tensor, stream: SymbolStream
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Code the latent under its hyper prior, what the condition tells of it, and its own decoded part."""
        batch, _, height, width = condition.shape
        encode, decode = (partial(t, frame_type=frame_type) for t in (self.hyper_analysis, self.hyper_synthesis))
        hyper, hyper_bits = code_hyper(
            f"{self.name}_hyper", y, (batch, height // 64, width // 64), encode, decode, self.hyper_prior, stream
        )
        with full_precision(hyper):
            temporal = self.temporal_prior(condition.float(), frame_type)
            parameters = self.fusion(torch.cat([hyper, temporal], 1), frame_type)
        if self.context is not None:
            y_hat, bits = self.context.code(self.name, y, parameters, stream)
        else:
            y_hat, bits = stream.code(self.name, y, self.law(*scales_and_means(parameters)))
        return y_hat, {f"{self.name}_hyper": hyper_bits, self.name: bits}

    def describe(self) -> dict[str, tuple[int, int]]:
        """Latents by stream name: channels and downsampling."""
        latent = self.fusion[-1].layer.out_channels // 2
        return {self.name: (latent, 16), f"{self.name}_hyper": (self.hyper_prior.channels, 64)}


@torch.no_grad()
def _start_by_passing_on(down: list[nn.Conv2d], up: list[nn.ConvTranspose2d], channels: int) -> None:
    """Let untrained transforms begin by carrying the mean of a signal over the latent's cells.

    Flow is coded for what it predicts, and a network that decodes some flow from chance learns nothing from that for
    very long. Kernels are one wider than strides: their borders are shared between neighbouring cells.

    Args:
        down: Strided convolutions, the signal's first.
        up: Those of the way back, the signal's first.
        channels: Channels that are carried, the first of every layer.
    """
    for number, (one, other) in enumerate(zip(down, up, strict=True)):
        along = torch.ones(one.kernel_size[0])
        along[[0, -1]] = 0.5
        kernel, gain = torch.outer(along, along), _STEPS if number == 0 else 1.0
        one.weight[:channels] *= 0.1
        other.weight[:, :channels] *= 0.1
        for channel in range(channels):
            one.weight[channel, channel] += gain * kernel / one.stride[0] ** 2
            other.weight[channel, channel] += kernel / gain
