"""Frames as files have them (bytes) and as codecs have them (tensors)."""

import numpy as np
import torch
from torch import Tensor


def to_tensor(frame: np.ndarray) -> Tensor:
    """``(H, W, 3)`` uint8 to ``(1, 3, H, W)`` in [0, 1]."""
    return torch.from_numpy(np.ascontiguousarray(frame)).permute(2, 0, 1)[None].float() / 255


def to_array(frame: Tensor) -> np.ndarray:
    """``(1, 3, H, W)`` in [0, 1] to ``(H, W, 3)`` uint8, rounded."""
    return (frame[0] * 255).round().to(torch.uint8).permute(1, 2, 0).cpu().numpy()
