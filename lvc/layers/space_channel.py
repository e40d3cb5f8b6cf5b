"""Networks of a space-channel context model, as ELIC shapes them (He et al., CVPR 2022, Sec. 3)."""

from collections.abc import Sequence
from itertools import pairwise

from torch import nn

from lvc.layers.conv import conv


def channel_context(inputs: int, outputs: int, widths: Sequence[int] = (224, 128)) -> nn.Sequential:
    """Three 5x5 convolutions over the channels decoded before."""
    return _activated([conv(i, o, 5) for i, o in pairwise((inputs, *widths, outputs))])


def spatial_context(inputs: int, outputs: int) -> nn.Conv2d:
    """One 5x5 convolution over the positions decoded before.

    The others are 0 when it runs, so the checkerboard mask that ELIC puts on its taps would change nothing.
    """
    return conv(inputs, outputs, 5)


def aggregation(inputs: int, outputs: int, narrowest: int = 0, slope: float = 0.0) -> nn.Sequential:
    """Three 1x1 convolutions, evenly narrowing, none but the last narrower than ``narrowest``; slope 0 is a ReLU.

    They mix no positions, so what one pass has not decoded cannot reach the entropy parameters of another.
    """
    between = [max(narrowest, inputs + (outputs - inputs) * step // 3) for step in (1, 2)]
    return _activated([conv(i, o, 1) for i, o in pairwise((inputs, *between, outputs))], slope)


def _activated(layers: Sequence[nn.Module], slope: float = 0.0) -> nn.Sequential:
    """The layers with an activation between each two."""
    return nn.Sequential(*[module for layer in layers for module in (layer, nn.LeakyReLU(slope))][:-1])
