"""Frames as files have them (bytes) and as codecs have them (tensors)."""

import numpy as np
import torch
from torch import Tensor


def to_tensor(frame: np.ndarray) -> Tensor:
    """``(H, W, 3)`` uint8 to ``(1, 3, H, W)`` in [0, 1]."""
    return torch.from_numpy(np.ascontiguousarray(frame)).permute(2, 0, 1)[None].float() / 255


def to_bytes(frame: Tensor) -> np.ndarray:
    """``(1, 3, H, W)`` float to ``(H, W, 3)`` uint8, rounded and clamped."""
    return (frame[0].clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu().numpy()
