"""The channel transform of MaskCRT: attention between channels, over all of a picture (after Restormer, CVPR 2022)."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lvc.layers.adaptation import Adapts


class _Scores(nn.Module):
    """Cosine similarity of channels, ``(B, heads, c, c)``, with a learned temperature per head."""

    def __init__(self, heads: int):
        super().__init__()
        self.temperature = nn.Parameter(torch.ones(heads, 1, 1))

    def forward(self, query: Tensor, key: Tensor) -> Tensor:
        similar = F.normalize(query, dim=-1) @ F.normalize(key, dim=-1).transpose(-2, -1)
        return (similar * self.temperature).softmax(-1)


class _ChannelNorm(nn.LayerNorm):
    """A layer norm over the channels of ``(B, C, H, W)``."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class _Attention(nn.Module):
    def __init__(self, channels: int, heads: int, types: int):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Sequential(
            nn.Conv2d(channels, 3 * channels, 1, bias=False),
            nn.Conv2d(3 * channels, 3 * channels, 3, padding=1, groups=3 * channels, bias=False),
        )
        self.scores = _Scores(heads)
        self.values = Adapts(channels, types) if types else None
        self.project = nn.Conv2d(channels, channels, 1, bias=False)

    def forward(self, x: Tensor, frame_type: Tensor) -> Tensor:
        query, key, value = self.qkv(x).chunk(3, 1)
        if self.values is not None:
            scale, offset = self.values.scale_and_offset(frame_type)
            value = value * scale[..., None, None] + offset[..., None, None]
        query, key, value = (t.flatten(2).unflatten(1, (self.heads, -1)) for t in (query, key, value))
        return self.project((self.scores(query, key) @ value).reshape(x.shape))


class ChannelTransform(nn.Module):
    """Blocks of channel attention and a pointwise perceptron, and a skip around all.

    Args:
        channels: Channels in and out, a multiple of ``heads``.
        heads: Attention heads.
        types: Number of frame types that values adapt to, 0 for none.
        blocks: Blocks.
    """

    def __init__(self, channels: int, heads: int = 8, types: int = 0, blocks: int = 2):
        super().__init__()
        self.blocks = nn.ModuleList(
            nn.ModuleDict(
                {
                    "norm1": _ChannelNorm(channels),
                    "attention": _Attention(channels, heads, types),
                    "norm2": _ChannelNorm(channels),
                    "perceptron": nn.Sequential(
                        nn.Conv2d(channels, 2 * channels, 1, bias=False),
                        nn.GELU(),
                        nn.Conv2d(2 * channels, channels, 1, bias=False),
                    ),
                }
            )
            for _ in range(blocks)
        )

    def forward(self, x: Tensor, frame_type: Tensor) -> Tensor:
        out = x
        for block in self.blocks:
            out = out + block["attention"](block["norm1"](out), frame_type)
            out = out + block["perceptron"](block["norm2"](out))
        return x + out
