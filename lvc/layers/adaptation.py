"""Frame-type adaptation of B-CANF and MaskCRT: a scale and an offset per channel that depend on the frame's type."""

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

HIDDEN = 16
"""Units between a frame type and its scales and offsets."""


class Adapts(nn.Module):
    """What adapts to a frame's type; starts with the same for every type.

    Args:
        channels: Channels that are scaled and offset.
        types: Number of frame types.
    """

    def __init__(self, channels: int, types: int):
        super().__init__()
        self.affine = nn.Sequential(nn.Linear(types, HIDDEN), nn.Sigmoid(), nn.Linear(HIDDEN, 2 * channels, bias=False))
        nn.init.zeros_(self.affine[2].weight)

    def scale_and_offset(self, frame_type: Tensor) -> tuple[Tensor, Tensor]:
        """``softplus(gamma)`` and ``beta``, ``(1, channels)`` each, of ``frame_type``, one-hot ``(1, types)``."""
        gamma, beta = self.affine(frame_type).chunk(2, 1)
        return F.softplus(gamma), beta


class Adapted(Adapts):
    """A convolution followed by a scale and an offset per channel and frame type.

    Starts as no adaptation at all: the same scale for every type, and weights that make up for it.

    Args:
        layer: The convolution.
        types: Number of frame types.
    """

    def __init__(self, layer: nn.Conv2d | nn.ConvTranspose2d, types: int):
        super().__init__(layer.out_channels, types)
        self.layer = layer
        with torch.no_grad():
            for parameter in layer.parameters():
                parameter.div_(F.softplus(torch.zeros(())))

    def forward(self, x: Tensor, frame_type: Tensor) -> Tensor:
        """Convolve ``x`` for frames of ``frame_type``."""
        scale, offset = (value[0] for value in self.scale_and_offset(frame_type))
        # in the layer's own parameters: no pass over its output, and no copy of it for the gradient
        along = (1, -1, 1, 1) if self.layer.transposed else (-1, 1, 1, 1)
        folded = {"weight": self.layer.weight * scale.view(along), "bias": self.layer.bias * scale + offset}
        return functional_call(self.layer, folded, (x,))


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
    return [m.affine for m in module.modules() if isinstance(m, Adapts)]


def without_adaptations(module: nn.Module) -> list[nn.Module]:
    """Modules that hold all of ``module`` but its adaptations."""
    if not adaptations(module):
        return [module]
    children = [
        child for name, child in module.named_children() if not (isinstance(module, Adapts) and name == "affine")
    ]
    return [part for child in children for part in without_adaptations(child)]


def one_hot(index: int, types: int, like: Tensor) -> Tensor:
    """A frame type as ``(1, types)`` float32 on ``like``'s device."""
    return F.one_hot(torch.tensor([index], device=like.device), types).float()
