"""A lower bound that does not trap what is below it."""

import torch
from torch import Tensor


class _LowerBound(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor, bound: float) -> Tensor:
        ctx.save_for_backward(x)
        ctx.bound = bound
        return x.clamp(min=bound)

    @staticmethod
    def backward(ctx, grad: Tensor):
        (x,) = ctx.saved_tensors
        # a gradient step moves against the gradient: let through what moves x up, even below the bound
        return grad * ((x >= ctx.bound) | (grad < 0)), None


def lower_bound(x: Tensor, bound: float) -> Tensor:
    """``max(x, bound)`` whose gradient still passes below the bound where it would raise ``x``."""
    return _LowerBound.apply(x, bound)


def round_through(x: Tensor) -> Tensor:
    """``x`` rounded; the gradient passes as if it were not."""
    return x.round() if not x.requires_grad else x + (x.round() - x).detach()
