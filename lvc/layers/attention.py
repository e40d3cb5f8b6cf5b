"""Attention within windows, and the blocks that put it beside convolutions.

Windows are square and cyclically shifted, scores have a learned bias per relative position (Swin, Liu et al., ICCV
2021), by torchvision's layers. Sides need not be multiples of the window.
"""

import torch
from torch import Tensor, nn
from torchvision.models.swin_transformer import ShiftedWindowAttention, SwinTransformerBlock

from lvc.layers.classical import layers_of
from lvc.layers.conv import ResBlock, conv
from lvc.layers.klt import start_at_zero

CLOSED = -6.0
"""What a gate begins at in a classical start: a sigmoid lets 1/400 through, and still learns."""


class _ChannelsLast(nn.Module):
    """A layer of ``(B, H, W, C)`` applied to ``(B, C, H, W)``."""

    def __init__(self, layer: nn.Module):
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2).contiguous()


def transformer_block(channels: int, heads: int, window: int, shift: int) -> nn.Module:
    """Window attention, then a perceptron of twice the channels, each after a layer norm and with a shortcut."""
    return _ChannelsLast(SwinTransformerBlock(channels, heads, [window, window], [shift, shift], mlp_ratio=2.0))


class MixedBlock(nn.Module):
    """Half of the channels through a residual block, half through window attention, plus identity.

    The mixed local-global block ("MixM") of SSNVC's contextual encoder, modelled on MixLIC (Ruan et al., ICME 2023).

    Args:
        channels: Channels in and out, a multiple of 8.
        window: Side of the attention windows; every second one is shifted by half.
    """

    def __init__(self, channels: int, window: int = 8):
        super().__init__()
        half, heads = channels // 2, 4
        self.split = conv(channels, channels, kernel=1)
        self.near = ResBlock(half)
        self.far = nn.Sequential(*(transformer_block(half, heads, window, shift) for shift in (0, window // 2)))
        self.merge = conv(channels, channels, kernel=1)

    def forward(self, x: Tensor) -> Tensor:
        near, far = self.split(x).chunk(2, 1)
        return x + self.merge(torch.cat([self.near(near), self.far(far)], 1))


class _ResidualUnit(nn.Sequential):
    """1x1, 3x3 and 1x1 convolutions at half the channels, plus identity, and an activation."""

    def __init__(self, channels: int):
        half = channels // 2
        super().__init__(
            conv(channels, half, kernel=1), nn.GELU(), conv(half, half), nn.GELU(), conv(half, channels, kernel=1)
        )

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.gelu(x + super().forward(x))


class AttentionBlock(nn.Module):
    """Residual units gated by what window attention makes of their input (Zou et al., CVPR 2022, Fig. 5).

    Args:
        channels: Channels in and out, a multiple of the heads.
        window: Side of the attention windows, shifted by half.
        heads: Attention heads.
    """

    def __init__(self, channels: int, window: int, heads: int = 8):
        super().__init__()
        attention = ShiftedWindowAttention(channels, [window, window], [window // 2, window // 2], heads)
        self.attention = _ChannelsLast(attention)
        self.body = nn.Sequential(*(_ResidualUnit(channels) for _ in range(3)))
        self.gate = nn.Sequential(*(_ResidualUnit(channels) for _ in range(3)), conv(channels, channels, kernel=1))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x) * torch.sigmoid(self.gate(x + self.attention(x)))


@layers_of.register
def _(module: MixedBlock) -> list[nn.Module]:
    start_at_zero(module.merge)
    return []


@layers_of.register
def _(module: AttentionBlock) -> list[nn.Module]:
    nn.init.constant_(start_at_zero(module.gate[-1]).bias, CLOSED)
    return []
