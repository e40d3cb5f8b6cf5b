"""Cost volumes: how alike two feature maps are at every small displacement (PWC-Net, Sun et al., CVPR 2018, eq. 2)."""

import torch
from torch import Tensor
from torch.nn import functional as F


def cost_volume(frame: Tensor, reference: Tensor, radius: int = 4) -> Tensor:
    """Mean product over channels of ``(B, C, H, W)`` features and the other's within ``radius``.

    Returns:
        ``(B, (2 radius + 1)^2, H, W)``, rows of displacements from the top, 0 where the reference has no pixel.
    """
    height, width = frame.shape[-2:]
    around = F.pad(reference, (radius,) * 4)
    steps = range(2 * radius + 1)
    products = [
        (frame * around[..., y : y + height, x : x + width]).mean(1, keepdim=True) for y in steps for x in steps
    ]
    return torch.cat(products, 1)
