"""Losses of flow, with and without the true one. All are means over pixels, in float32."""

import torch
from torch import Tensor
from torch.nn import functional as F

from lvc.motion.warp import warp

_CENSUS = 3
"""Radius of the neighbourhood in which the census compares."""


def end_point_error(flow: Tensor, truth: Tensor, power: float = 1.0) -> Tensor:
    """Mean length of the difference of two ``(B, 2, H, W)`` flows in pixels, each length to the given power."""
    # the small number keeps the gradient finite where the flow is exact
    length = (flow - truth).square().sum(1).add(1e-4).sqrt()
    return (length if power == 1 else length.pow(power)).mean()


def shrink(flow: Tensor, times: int) -> Tensor:
    """A flow at ``2^-times`` of its size, in pixels of that size."""
    return F.avg_pool2d(flow, 2**times) / 2**times if times else flow


def hidden(flow: Tensor, backward: Tensor) -> Tensor:
    """Where flow there and back does not return, ``(B, 1, H, W)`` of 0 and 1 (Sundaram et al., ECCV 2010)."""
    back = warp(backward, flow)
    allowed = 0.01 * (flow.square().sum(1) + back.square().sum(1)) + 0.5
    return ((flow + back).square().sum(1) > allowed)[:, None].float()


def outside(flow: Tensor) -> Tensor:
    """Where flow points out of the reference, ``(B, 1, H, W)`` of 0 and 1."""
    height, width = flow.shape[-2:]
    x = flow[:, 0] + torch.arange(width, device=flow.device)
    y = flow[:, 1] + torch.arange(height, device=flow.device)[:, None]
    return ((x < 0) | (x > width - 1) | (y < 0) | (y > height - 1))[:, None].float()


def photometric(measure: str, frame: Tensor, warped: Tensor, ignore: Tensor) -> Tensor:
    """How different ``(B, C, H, W)`` pictures in [0, 1] are where ``ignore`` ``(B, 1, H, W)`` is 0.

    Args:
        measure: ``census`` compares the order of grey values, blind to light (Meister et al., AAAI 2018); ``ssim``
            is (1 - SSIM) / 2 over 3x3 windows (Godard et al., CVPR 2017); ``l1`` the difference itself, what a codec
            that subtracts the warped frame cares for.
        frame: The frame.
        warped: The reference, warped to it.
        ignore: Pixels that do not count.
    """
    difference = {"census": _census, "ssim": _ssim, "l1": _l1}[measure](frame, warped)
    weight = 1 - ignore
    return (difference * weight).sum() / weight.sum().clamp(min=1)


def smoothness(flow: Tensor, frame: Tensor, edge: float = 30.0) -> Tensor:
    """First differences of flow, weighted down exponentially by those of the frame."""
    total = flow.new_zeros(())
    for dim in (2, 3):
        step = flow.diff(dim=dim).square().sum(1).add(1e-6).sqrt()
        total = total + (step * torch.exp(-edge * frame.diff(dim=dim).abs().mean(1))).mean()
    return total / 2


def _l1(a: Tensor, b: Tensor) -> Tensor:
    return (a - b).square().add(1e-6).sqrt().mean(1, keepdim=True)


def _ssim(a: Tensor, b: Tensor) -> Tensor:
    def mean(x: Tensor) -> Tensor:
        return F.avg_pool2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), 3, 1)

    mean_a, mean_b = mean(a), mean(b)
    var_a, var_b = mean(a * a) - mean_a**2, mean(b * b) - mean_b**2
    both = mean(a * b) - mean_a * mean_b
    ssim = (2 * mean_a * mean_b + 1e-4) * (2 * both + 9e-4)
    ssim = ssim / ((mean_a**2 + mean_b**2 + 1e-4) * (var_a + var_b + 9e-4))
    return ((1 - ssim) / 2).clamp(0, 1).mean(1, keepdim=True)


def _census(a: Tensor, b: Tensor) -> Tensor:
    """Soft Hamming distance of ternary census signatures, ``(B, 1, H, W)``."""
    difference = (_signature(a) - _signature(b)).square()
    return (difference / (0.1 + difference)).mean(1, keepdim=True)


def _signature(picture: Tensor) -> Tensor:
    grey = picture.mean(1, keepdim=True) * 255
    side = 2 * _CENSUS + 1
    around = F.unfold(F.pad(grey, (_CENSUS,) * 4, mode="replicate"), side)
    steps = around.view(len(grey), side**2, *grey.shape[2:]) - grey
    return steps / (0.81 + steps.square()).sqrt()
