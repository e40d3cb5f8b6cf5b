"""Frame-type adaptation of B-CANF: a scale and an offset per channel that depend on the frame's type."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

HIDDEN = 16
"""Units between a frame type and its scales and offsets."""


class Adapted(nn.Module):
    """A convolution followed by ``softplus(gamma) * x + beta``, with ``gamma`` and ``beta`` per channel and frame type.

    Starts as no adaptation at all: the same scale for every type, and weights that make up for it.

    Args:
        layer: The convolution.
        types: Number of frame types.
    """

    def __init__(self, layer: nn.Conv2d | nn.ConvTranspose2d, types: int):
        super().__init__()
        self.layer = layer
        self.affine = nn.Sequential(
            nn.Linear(types, HIDDEN), nn.Sigmoid(), nn.Linear(HIDDEN, 2 * layer.out_channels, bias=False)
        )
        with torch.no_grad():
            self.affine[2].weight.zero_()
            for parameter in layer.parameters():
                parameter.div_(F.softplus(torch.zeros(())))

    def forward(self, x: Tensor, frame_type: Tensor) -> Tensor:
        """Convolve ``x`` for frames of ``frame_type``, one-hot ``(1, types)``."""
        gamma, beta = self.affine(frame_type)[..., None, None].chunk(2, 1)
        return F.softplus(gamma) * self.layer(x) + beta


class Chain(nn.Sequential):
    """Layers in turn; those that adapt, and chains of them, are told the frame type."""

    def forward(self, x: Tensor, frame_type: Tensor) -> Tensor:
        for layer in self:
            x = layer(x, frame_type) if isinstance(layer, Adapted | Chain) else layer(x)
        return x


def adapted(layer: nn.Conv2d | nn.ConvTranspose2d, types: int, above: int = 10) -> nn.Module:
    """``layer`` with frame-type adaptation, if it has more than ``above`` channels in and out."""
    wide = layer.in_channels > above and layer.out_channels > above
    return Adapted(layer, types) if wide else layer


def adaptations(module: nn.Module) -> list[nn.Module]:
    """The adaptations inside ``module``, for training them apart from what they adapt."""
    return [m.affine for m in module.modules() if isinstance(m, Adapted)]


def without_adaptations(module: nn.Module) -> list[nn.Module]:
    """Modules that hold all of ``module`` but its adaptations."""
    if isinstance(module, Adapted):
        return [module.layer]
    if not adaptations(module):
        return [module]
    return [part for child in module.children() for part in without_adaptations(child)]


def one_hot(index: int, types: int, like: Any) -> Tensor:
    """A frame type as ``(1, types)`` float32 on ``like``'s device."""
    return F.one_hot(torch.tensor([index], device=like.device), types).float()
