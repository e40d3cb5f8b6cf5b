"""Padding to multiples of a stride."""

from torch import Tensor
from torch.nn import functional as F


def padded_size(size: tuple[int, int], stride: int) -> tuple[int, int]:
    """``size`` rounded up to multiples of ``stride``."""
    return -(-size[0] // stride) * stride, -(-size[1] // stride) * stride


def pad(frame: Tensor, stride: int, colour: tuple[float, ...] | None = None) -> Tensor:
    """Extend ``(B, C, H, W)`` right and down to multiples of ``stride``.

    Args:
        frame: What is extended.
        stride: Sides become multiples of it.
        colour: Of the new samples, a value per channel; ``None`` replicates the border.
    """
    height, width = padded_size(tuple(frame.shape[-2:]), stride)
    if colour is None:
        return F.pad(frame, (0, width - frame.shape[-1], 0, height - frame.shape[-2]), mode="replicate")
    padded = frame.new_tensor(colour)[:, None, None].repeat(len(frame), 1, height, width)
    padded[..., : frame.shape[-2], : frame.shape[-1]] = frame
    return padded
