"""Blocks of the light codec: everything at 1/8 of the size and below, pointwise and depthwise.

The shape is that of the small codecs of 2025 and 2026 (DCVC-RT: Jia et al., CVPR 2025, and its successors): pixels are
unshuffled once, and every block runs on 1/64 of the positions.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lvc.layers.conv import conv
from lvc.layers.klt import as_samples, klt, start_as, start_at_zero

PATCH = 8
"""Side of the square of pixels that becomes one position."""


def unshuffle(frame: Tensor) -> Tensor:
    """``(B, C, H, W)`` to ``(B, 64 C, H/8, W/8)``."""
    return F.pixel_unshuffle(frame, PATCH)


def shuffle(x: Tensor) -> Tensor:
    """The inverse of :func:`unshuffle`, in float32."""
    return F.pixel_shuffle(x.float(), PATCH)


class GatedBlock(nn.Module):
    """Pointwise, 3x3 depthwise and pointwise convolution, then a gated pointwise pair, both beside a shortcut.

    It begins as the identity.

    Args:
        channels: Channels in and out.
    """

    def __init__(self, channels: int):
        super().__init__()
        self.enter = conv(channels, channels, 1)
        self.depth = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)
        self.leave = start_at_zero(conv(channels, channels, 1))
        self.widen = conv(channels, 2 * channels, 1)
        self.narrow = start_at_zero(conv(channels, channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.leave(self.depth(F.leaky_relu(self.enter(x), 0.1)))
        value, gate = self.widen(x).chunk(2, 1)
        return x + self.narrow(value * torch.sigmoid(gate))


def blocks(channels: int, count: int) -> nn.Sequential:
    """``count`` gated blocks in a row."""
    return nn.Sequential(*(GatedBlock(channels) for _ in range(count)))


class QualityGain(nn.Module):
    """A positive factor per channel that follows the quality, 1 before training (gain vectors: Cui et al., CVPR 2021).

    Args:
        channels: Channels.
    """

    def __init__(self, channels: int):
        super().__init__()
        self.level, self.slope = nn.Parameter(torch.zeros(channels)), nn.Parameter(torch.zeros(channels))

    def forward(self, t: Tensor) -> Tensor:
        """Factors ``(B, C, 1, 1)`` at qualities ``t``, ``(B,)`` from 0 (lowest) to 1."""
        return torch.exp(self.level + self.slope * (t[:, None] - 0.5))[..., None, None]


class Analysis(nn.Module):
    """Unshuffled pixels ``(B, inputs, h, w)`` to a latent ``(B, latent, h/2, w/2)``.

    Args:
        inputs: Channels of unshuffled pixels.
        channels: Channels at their size.
        latent: Channels of the latent.
        depths: Blocks before and after halving.
        conditional: Take a context of ``channels``.
    """

    def __init__(self, inputs: int, channels: int, latent: int, depths: tuple[int, int], conditional: bool):
        super().__init__()
        self.first = conv(inputs, channels, 1)
        self.gain = QualityGain(channels)
        self.context = start_at_zero(conv(channels, channels, 1)) if conditional else None
        self.before = blocks(channels, depths[0])
        self.reduce = nn.Conv2d(channels, latent, 2, 2)
        self.after = blocks(latent, depths[1])

    def forward(self, x: Tensor, t: Tensor, context: Tensor | None = None) -> Tensor:
        x = self.first(x) * self.gain(t)
        if self.context is not None:
            x = x + self.context(context)
        return self.after(self.reduce(self.before(x)))


class Synthesis(nn.Module):
    """A decoded latent back to unshuffled pixels, and the feature they are made from.

    Args:
        outputs: Channels of unshuffled pixels.
        channels: Channels at their size, and of the feature.
        latent: Channels of the latent.
        depths: Blocks before and after doubling.
        conditional: Take a context of ``channels``.
    """

    def __init__(self, outputs: int, channels: int, latent: int, depths: tuple[int, int], conditional: bool):
        super().__init__()
        self.before = blocks(latent, depths[0])
        self.enlarge = nn.ConvTranspose2d(latent, channels, 2, 2)
        self.context = start_at_zero(conv(channels, channels, 1)) if conditional else None
        self.after = blocks(channels, depths[1])
        self.gain = QualityGain(channels)
        self.last = conv(channels, outputs, 1)

    def forward(self, y: Tensor, t: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        x = self.enlarge(self.before(y))
        if self.context is not None:
            x = x + self.context(context)
        feature = self.after(x) * self.gain(t)
        return self.last(feature), feature


def start_as_klt(analysis: Analysis, synthesis: Synthesis, samples: Tensor) -> Tensor:
    """Let a pair of transforms begin as the KLT of ``samples`` in two steps, and its inverse.

    Args:
        analysis: Its strided layers become the transform.
        synthesis: Its strided layers become the inverse, as far as directions were kept.
        samples: ``(N, inputs, h, w)`` unshuffled pixels.

    Returns:
        The deviation ``(latent,)`` of every channel of the latent.
    """
    channels, latent = analysis.first.out_channels, analysis.reduce.out_channels
    first, _ = klt(as_samples(samples), channels)
    reduced = F.conv2d(samples, first[:, :, None, None])
    second, deviations = klt(as_samples(F.pixel_unshuffle(reduced, 2)), latent)
    kernel = second.reshape(latent, channels, 2, 2)
    start_as(analysis.first, first)
    start_as(analysis.reduce, kernel)
    start_as(synthesis.enlarge, kernel)
    start_as(synthesis.last, first.T)
    return deviations
