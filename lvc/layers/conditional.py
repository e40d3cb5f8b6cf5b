"""Networks of conditional codecs for B frames: transforms, hyperprior, fusion of priors, and enhancement.

All are told the frame type that they adapt to. Transforms are four convolutions with GDN (Balle et al., ICLR 2018).
"""

from collections.abc import Sequence

from torch import Tensor, nn

from lvc.layers.adaptation import Chain, adapted
from lvc.layers.conv import conv, deconv
from lvc.layers.gdn import GDN, igdn


class Analysis(Chain):
    """``(B, inputs, H, W)`` to ``(B, latent, H/16, W/16)``."""

    def __init__(self, inputs: int, channels: int, latent: int, kernel: int, types: int):
        n = channels
        layers = [adapted(conv(i, o, kernel, 2), types) for i, o in ((inputs, n), (n, n), (n, n), (n, latent))]
        super().__init__(layers[0], GDN(n), layers[1], GDN(n), layers[2], GDN(n), layers[3])


class Synthesis(Chain):
    """``(B, latent, h, w)`` to ``(B, outputs, 16 h, 16 w)``."""

    def __init__(self, outputs: int, channels: int, latent: int, kernel: int, types: int):
        n = channels
        layers = [adapted(deconv(i, o, kernel=kernel), types) for i, o in ((latent, n), (n, n), (n, n), (n, outputs))]
        super().__init__(layers[0], igdn(n), layers[1], igdn(n), layers[2], igdn(n), layers[3])


class HyperAnalysis(Chain):
    """``(B, latent, h, w)`` to ``(B, hyper, h/4, w/4)``."""

    def __init__(self, latent: int, channels: int, hyper: int, types: int, kernel: int = 3):
        layers = conv(latent, channels), conv(channels, channels, kernel, 2), conv(channels, hyper, kernel, 2)
        super().__init__(*_activated(layers, types, nn.ReLU()))


class HyperSynthesis(Chain):
    """``(B, hyper, h/4, w/4)`` to ``(B, 2 latent, h, w)``; ``middle`` channels before the last layer."""

    def __init__(self, hyper: int, channels: int, latent: int, types: int, kernel: int = 3, middle: int | None = None):
        middle = middle or channels
        first, second = deconv(hyper, channels, kernel=kernel), deconv(channels, middle, kernel=kernel)
        super().__init__(*_activated((first, second, deconv(middle, 2 * latent, stride=1)), types, nn.ReLU()))


class PriorFusion(Chain):
    """Hyper and temporal prior, ``(B, inputs, h, w)``, to the latent's ``(B, outputs, h, w)`` parameters; pointwise."""

    def __init__(self, inputs: int, channels: int, outputs: int, types: int):
        layers = conv(inputs, channels, 1), conv(channels, channels, 1), conv(channels, outputs, 1)
        super().__init__(*_activated(layers, types, nn.LeakyReLU()))


def _activated(layers: Sequence[nn.Module], types: int, activation: nn.Module) -> list[nn.Module]:
    """The layers, adapted, with an activation between each two."""
    return [module for layer in layers for module in (adapted(layer, types), activation)][:-1]


class Enhancement(nn.Module):
    """Quality enhancement at full resolution: six residual blocks between two skips.

    Args:
        signal: Channels of what is enhanced.
        channels: Channels between.
        types: Number of frame types.
        blocks: Residual blocks.
    """

    def __init__(self, signal: int, channels: int, types: int, blocks: int = 6):
        super().__init__()
        self.head = conv(signal, channels)
        self.blocks = nn.ModuleList(
            Chain(adapted(conv(channels, channels), types), nn.LeakyReLU(0.2), adapted(conv(channels, channels), types))
            for _ in range(blocks)
        )
        self.merge = Chain(adapted(conv(channels, channels), types))
        self.tail = conv(channels, signal)

    def forward(self, x: Tensor, frame_type: Tensor) -> Tensor:
        """``(B, signal, H, W)``, enhanced for frames of ``frame_type``."""
        first = y = self.head(x)
        for block in self.blocks:
            y = y + block(y, frame_type)
        return x + self.tail(self.merge(y, frame_type) + first)
