"""SpyNet: optical flow by a pyramid of small networks (Ranjan and Black, CVPR 2017)."""

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lvc.layers.conv import conv
from lvc.motion.warp import double, warp


class SpyNet(nn.Module):
    """Flow from a frame to its reference, coarse to fine, each level correcting the one above.

    As DCVC-TCM uses it: pictures in [0, 1] without normalisation, average-pooled pyramid, warping with aligned
    corners. A fresh network's flow is nearly zero.

    Args:
        levels: Pyramid levels; sides must be divisible by ``2^(levels - 1)``.
        widths: Channels between the five 7x7 convolutions of a level.
        colours: Channels of a picture: 3 for RGB, 1 for luma.
    """

    def __init__(self, levels: int = 4, widths: Sequence[int] = (32, 64, 32, 16), colours: int = 3):
        super().__init__()
        self.levels = nn.ModuleList(_level(2 * colours + 2, widths) for _ in range(levels))

    def forward(self, frame: Tensor, reference: Tensor) -> Tensor:
        """``(B, C, H, W)`` frames to ``(B, 2, H, W)`` flow in pixels, pointing from ``frame`` to ``reference``."""
        *_, flow = self.pyramid(frame, reference)
        return flow

    def pyramid(self, frame: Tensor, reference: Tensor, levels: Sequence[nn.Module] | None = None) -> Iterator[Tensor]:
        """The flow after every level, the coarsest first, each in pixels of its own size.

        Args:
            frame: ``(B, C, H, W)`` in [0, 1].
            reference: What it points to.
            levels: The levels that run, the last of them at the frames' size; ``None`` for all. The finest ones
                alone are a network for smaller motion; the coarsest ones alone see smaller pictures.
        """
        levels = self.levels if levels is None else levels
        pyramid = [(frame, reference)]
        for _ in range(len(levels) - 1):
            pyramid.append(tuple(F.avg_pool2d(image, 2) for image in pyramid[-1]))
        flow = None
        for level, (target, source) in zip(levels, reversed(pyramid), strict=True):
            flow = (
                torch.zeros_like(target[:, :1], dtype=torch.float32).repeat(1, 2, 1, 1)
                if flow is None
                else double(flow)
            )
            flow = flow + level(torch.cat([target, warp(source, flow), flow], 1)).float()
            yield flow


def _level(inputs: int, widths: Sequence[int]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for i, o in pairwise((inputs, *widths, 2)):
        layers += [conv(i, o, kernel=7), nn.ReLU()]
    for layer in layers[::2]:
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        nn.init.zeros_(layer.bias)
    _start_from_gradients(layers[0].weight, (inputs - 2) // 2)
    with torch.no_grad():
        layers[-2].weight.mul_(0.02)
    return nn.Sequential(*layers[:-1])


@torch.no_grad()
def _start_from_gradients(weight: Tensor, colours: int, gain: float = 10.0) -> None:
    """Let the first layer of a level begin with what motion is told from.

    With brightness kept, the difference in time is the slope times the motion, so motion correlates with the sign of
    slope times difference, and with no linear function of the pictures: from a random start, training finds nothing
    to follow for thousands of steps. Four units ReLU(+-slope +-difference) have that product in their sum, as
    |a + b| - |a - b| is 2 sign(ab) min(|a|, |b|). Two widths of filters in four directions, as far as there are units.
    """
    y, x = torch.meshgrid(torch.arange(-3.0, 4.0), torch.arange(-3.0, 4.0), indexing="ij")
    filters = [(angle, width) for angles in ((0, 90), (45, 135)) for width in (1.0, 1.8) for angle in angles]
    for number in range(weight.shape[0] // 4):
        angle, width = filters[number % len(filters)]
        along = math.cos(math.radians(angle)) * x + math.sin(math.radians(angle)) * y
        blur = torch.exp(-(x**2 + y**2) / (2 * width**2))
        blur /= blur.sum()
        slope = blur * along / (blur * along**2).sum()
        for unit, (a, b) in enumerate(((1, 1), (-1, -1), (1, -1), (-1, 1)), 4 * number):
            weight[unit, :colours] = gain / colours * (a * slope / 2 + b * blur)
            weight[unit, colours : 2 * colours] = gain / colours * (a * slope / 2 - b * blur)
            weight[unit, 2 * colours :] *= 0.1


def fit_pyramid(weights: dict[str, Tensor], network: SpyNet) -> dict[str, Tensor]:
    """Weights of another SpyNet, as ``network`` can take them: its finest levels, colour summed to luma.

    A network for luma sees what one for colour sees of grey pictures, so its first layers are sums over colours.

    Args:
        weights: ``levels.<number>.<layer>.weight`` and ``.bias``, the coarsest level first.
        network: Whose levels and colours are asked for.
    """
    numbered = {tuple(name.split(".")[1:]): tensor for name, tensor in weights.items()}
    more = max(int(level) for level, *_ in numbered) + 1 - len(network.levels)
    luma = network.levels[0][0].in_channels == 4
    fitted = {}
    for (level, layer, kind), tensor in numbered.items():
        if int(level) < more:
            continue
        if luma and layer == "0" and kind == "weight" and tensor.shape[1] == 8:
            frame, reference, flow = tensor.split((3, 3, 2), 1)
            tensor = torch.cat([frame.sum(1, keepdim=True), reference.sum(1, keepdim=True), flow], 1)
        fitted[f"levels.{int(level) - more}.{layer}.{kind}"] = tensor
    return fitted
