"""Hyperprior transforms: two more octaves down, back to the latent's size, and on to its scales and means."""

import torch
from torch import Tensor, nn

from lvc.layers.conv import conv, deconv


class HyperEncoder(nn.Sequential):
    """``(B, latent, h, w)`` to ``(B, hyper, h/4, w/4)``.

    Args:
        latent: Channels of the latent.
        hyper: Channels of the hyper latent.
        kernel: Size of the strided kernels: 3 in DCVC-TCM, 5 in Minnen et al. (NeurIPS 2018).
        slope: Slope of the LeakyReLU between layers; 0 for a ReLU.
    """

    def __init__(self, latent: int, hyper: int, kernel: int = 3, slope: float = 0.01):
        super().__init__(
            conv(latent, hyper),
            nn.LeakyReLU(slope),
            conv(hyper, hyper, kernel, stride=2),
            nn.LeakyReLU(slope),
            conv(hyper, hyper, kernel, stride=2),
        )


class HyperDecoder(nn.Sequential):
    """``(B, hyper, h/4, w/4)`` to ``(B, outputs, h, w)``.

    Args:
        hyper: Channels of the hyper latent.
        latent: Channels of the latent.
        kernel: Size of the strided kernels.
        slope: Slope of the LeakyReLU between layers; 0 for a ReLU.
        outputs: Channels out, twice the latent's by default.
    """

    def __init__(self, hyper: int, latent: int, kernel: int = 3, slope: float = 0.01, outputs: int | None = None):
        outputs = outputs or latent * 2
        middle = (latent + outputs) // 2
        super().__init__(
            deconv(hyper, latent, kernel),
            nn.LeakyReLU(slope),
            deconv(latent, middle, kernel),
            nn.LeakyReLU(slope),
            deconv(middle, outputs, stride=1),
        )


@torch.no_grad()
def start_with_scale(layer: nn.Conv2d, scale: float, keep: float = 0.03) -> None:
    """Let a layer that makes scales and means begin near ``scale`` and 0, wherever its inputs are.

    A law far too narrow gives what lies outside a probability of 0, and a gradient of 0 with it.

    Args:
        layer: The last one, with scales in its first half of channels.
        scale: In units of the latent.
        keep: What is left of the random start.
    """
    layer.weight.mul_(keep)
    layer.bias.zero_()
    layer.bias[: len(layer.bias) // 2] = scale


class EntropyParameters(nn.Sequential):
    """Everything known of a latent, concatenated, to its scales and means: ``(B, 2 latent, h, w)``."""

    def __init__(self, inputs: int, latent: int):
        super().__init__(
            conv(inputs, latent * 10 // 3),
            nn.LeakyReLU(),
            conv(latent * 10 // 3, latent * 8 // 3),
            nn.LeakyReLU(),
            conv(latent * 8 // 3, latent * 2),
        )


def scales_and_means(parameters: Tensor) -> tuple[Tensor, Tensor]:
    """Entropy parameters by halves: scales first, then means."""
    scales, means = parameters.chunk(2, 1)
    return scales, means
