"""Hyperprior networks of DCVC-TCM: two more octaves down, back to twice the latent's channels, and on to its law."""

from torch import Tensor, nn

from lvc.layers.conv import conv, deconv


class HyperEncoder(nn.Sequential):
    """``(B, latent, h, w)`` to ``(B, hyper, h/4, w/4)``."""

    def __init__(self, latent: int, hyper: int):
        super().__init__(
            conv(latent, hyper),
            nn.LeakyReLU(),
            conv(hyper, hyper, stride=2),
            nn.LeakyReLU(),
            conv(hyper, hyper, stride=2),
        )


class HyperDecoder(nn.Sequential):
    """``(B, hyper, h/4, w/4)`` to ``(B, 2 latent, h, w)``."""

    def __init__(self, hyper: int, latent: int):
        super().__init__(
            deconv(hyper, latent),
            nn.LeakyReLU(),
            deconv(latent, latent * 3 // 2),
            nn.LeakyReLU(),
            deconv(latent * 3 // 2, latent * 2, stride=1),
        )


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
