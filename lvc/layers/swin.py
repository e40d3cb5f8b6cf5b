"""Window attention over a signal and its condition together (MaskCRT, Chen et al., IEEE TCSVT 2024; after Swin)."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from lvc.layers.adaptation import Adapts, Chain, adapted
from lvc.layers.conv import conv

AT_ONCE = 512
"""Windows whose scores are in memory at a time."""


class RelativeBias(nn.Module):
    """Learned scores by relative position: of signal to signal, signal to condition, and the other ways.

    Args:
        window: Side of a window.
        heads: Attention heads.
    """

    def __init__(self, window: int, heads: int):
        super().__init__()
        self.tables = nn.Parameter(torch.empty(4, (2 * window - 1) ** 2, heads))
        nn.init.trunc_normal_(self.tables, std=0.02)
        at = torch.stack(torch.meshgrid(torch.arange(window), torch.arange(window), indexing="ij")).flatten(1)
        apart = at[:, :, None] - at[:, None] + window - 1
        self.register_buffer("index", apart[0] * (2 * window - 1) + apart[1], persistent=False)

    def forward(self) -> Tensor:
        """``(heads, 2 window^2, 2 window^2)``, the signal's tokens first."""
        blocks = self.tables[:, self.index]
        rows = [torch.cat([blocks[i], blocks[i + 1]], 1) for i in (0, 2)]
        return torch.cat(rows).permute(2, 0, 1).contiguous()


class ConditionalAttention(Adapts):
    """Attention within windows of ``(B, H, W, C)`` signals and conditions; values adapt to the frame type.

    Args:
        channels: Channels, a multiple of ``heads``.
        heads: Attention heads.
        window: Side of a window; sides of the signal are multiples of it.
        shift: How far windows are shifted, cyclically.
        types: Number of frame types.
    """

    def __init__(self, channels: int, heads: int, window: int, shift: int, types: int):
        super().__init__(channels, types)
        self.heads, self.window, self.shift = heads, window, shift
        self.qkv, self.project = nn.Linear(channels, 3 * channels), nn.Linear(channels, channels)
        self.bias = RelativeBias(window, heads)

    def forward(self, both: Tensor, frame_type: Tensor) -> Tensor:
        """``(2B, H, W, C)``, signals first, then conditions; returns the same shape."""
        height, width = both.shape[1:3]
        adapted = *self._adapted(frame_type), self.bias()
        if not self.shift or min(height, width) <= self.window:
            return self._within(both, *adapted)
        shift, last = self.shift, -self.window
        both, regions = both.roll((-shift, -shift), (1, 2)), self._regions(height, width, both.device)
        # what was not side by side before the shift is in the last windows only: all others need no mask
        bottom = self._within(both[:, last:], *adapted, regions[last:])
        right = self._within(both[:, :last, last:], *adapted, regions[:last, last:])
        inner = self._within(both[:, :last, :last], *adapted)
        return torch.cat([torch.cat([inner, right], 2), bottom], 1).roll((shift, shift), (1, 2))

    def _adapted(self, frame_type: Tensor) -> tuple[Tensor, Tensor]:
        """Weight and bias of queries, keys and values, the last for a frame type: no pass over the values."""
        scale, offset = self.scale_and_offset(frame_type)
        unchanged = (2 * scale.shape[1], 0)
        scale, offset = F.pad(scale[0], unchanged, value=1.0), F.pad(offset[0], unchanged)
        return self.qkv.weight * scale[:, None], self.qkv.bias * scale + offset

    def _within(
        self, both: Tensor, weight: Tensor, offset: Tensor, scores: Tensor, regions: Tensor | None = None
    ) -> Tensor:
        """Attention within windows as they are, between pixels of the same one of the ``(H, W)`` regions.

        Args:
            both: ``(2B, H, W, C)``.
            weight: Of queries, keys and values.
            offset: Their bias.
            scores: By relative position, ``(heads, 2 window^2, 2 window^2)``.
            regions: What may see each other, ``None`` for all.
        """
        tokens = F.linear(self._windows(both), weight, offset)
        heads = [t.unflatten(2, (self.heads, -1)).transpose(1, 2) for t in tokens.chunk(3, 2)]
        labels = None
        if regions is not None:
            labels = self._windows(regions.expand(2, -1, -1)[..., None])[..., 0]
        out = self._attend(*heads, scores, labels).transpose(1, 2).flatten(2)
        return self._join(self.project(out.to(tokens.dtype)), both.shape)

    def _attend(self, query: Tensor, key: Tensor, value: Tensor, bias: Tensor, labels: Tensor | None) -> Tensor:
        bias, out = bias.to(query.dtype), []
        for start in range(0, len(query), AT_ONCE):
            args = [tensor[start : start + AT_ONCE] for tensor in (query, key, value)]
            at = torch.arange(start, start + len(args[0]), device=query.device)
            args += [bias, None if labels is None else labels[at % len(labels)]]
            if torch.is_grad_enabled():  # scores are larger than all else: computed anew for the gradient
                out.append(checkpoint(_attend_within, *args, use_reentrant=False, preserve_rng_state=False))
            else:
                out.append(_attend_within(*args))
        return torch.cat(out) if len(out) > 1 else out[0]

    def _windows(self, both: Tensor) -> Tensor:
        """``(B * windows, 2 window^2, C)``: the tokens of each window, the signal's first."""
        w = self.window
        two, height, width, channels = both.shape
        split = both.reshape(2, two // 2, height // w, w, width // w, w, channels)
        return split.permute(1, 2, 4, 0, 3, 5, 6).reshape(-1, 2 * w * w, channels)

    def _join(self, tokens: Tensor, shape: torch.Size) -> Tensor:
        w = self.window
        two, height, width, channels = shape
        split = tokens.view(two // 2, height // w, width // w, 2, w, w, channels)
        return split.permute(3, 0, 1, 4, 2, 5, 6).reshape(shape)

    def _regions(self, height: int, width: int, device: torch.device) -> Tensor:
        """``(height, width)`` labels of what was side by side before the shift."""
        rows, columns = (
            torch.bucketize(
                torch.arange(side, device=device),
                torch.tensor([side - self.window, side - self.shift], device=device),
                right=True,
            )
            for side in (height, width)
        )
        return 3 * rows[:, None] + columns


def _attend_within(query: Tensor, key: Tensor, value: Tensor, bias: Tensor, labels: Tensor | None) -> Tensor:
    """Attention of ``(windows, heads, tokens, channels)``, within a window between tokens of the same label."""
    mask = bias[None]
    if labels is not None:
        mask = mask.masked_fill(labels[:, None, :, None] != labels[:, None, None, :], -100.0)
    return F.scaled_dot_product_attention(query, key, value, mask)


class ConditionalSwinBlock(nn.Module):
    """Attention, then a perceptron, each after a layer norm and with a shortcut, for signal and condition alike."""

    def __init__(self, channels: int, heads: int, window: int, shift: int, types: int):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(channels), nn.LayerNorm(channels)
        self.attention = ConditionalAttention(channels, heads, window, shift, types)
        self.perceptron = nn.Sequential(nn.Linear(channels, 2 * channels), nn.GELU(), nn.Linear(2 * channels, channels))

    def forward(self, both: Tensor, frame_type: Tensor) -> Tensor:
        both = both + self.attention(self.norm1(both), frame_type)
        return both + self.perceptron(self.norm2(both))


class ConditionalStage(nn.Module):
    """Residual blocks of window attention over a signal and a condition, ``(B, C, H, W)`` each ("CRSTB").

    Args:
        channels: Channels of both.
        depth: Blocks; every second one has shifted windows.
        heads: Attention heads.
        window: Side of a window.
        types: Number of frame types.
    """

    def __init__(self, channels: int, depth: int, heads: int, window: int, types: int):
        super().__init__()
        half = channels // 2
        inner = [conv(channels, half, 1), conv(half, half), conv(half, channels, 1)]
        first, second, third = (adapted(layer, types) for layer in inner)
        self.condition = Chain(adapted(conv(channels, channels), types))
        self.bottleneck = Chain(first, nn.ReLU(), second, nn.ReLU(), third)
        self.blocks = nn.ModuleList(
            ConditionalSwinBlock(channels, heads, window, window // 2 * (index % 2), types) for index in range(depth)
        )
        self.merge = Chain(adapted(conv(2 * channels, channels, 1), types))

    def forward(self, x: Tensor, condition: Tensor, frame_type: Tensor) -> Tensor:
        condition = self.condition(condition, frame_type)
        condition = condition + self.bottleneck(condition, frame_type)
        both = torch.cat([x, condition]).permute(0, 2, 3, 1)
        for block in self.blocks:
            both = block(both, frame_type)
        signal, condition = both.permute(0, 3, 1, 2).chunk(2)
        return x + self.merge(torch.cat([signal, condition], 1), frame_type)
