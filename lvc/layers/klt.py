"""The Karhunen-Loeve transform of measured blocks: the best linear start of a transform codec."""

import torch
from torch import Tensor, nn


def klt(samples: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The directions in which samples vary most.

    Args:
        samples: ``(K, S)`` samples; their mean is left in, since a codec's layers start without biases.
        count: Directions wanted; those beyond ``S`` are zero.

    Returns:
        ``(count, S)`` orthonormal rows, the strongest first, and the root mean square ``(count,)`` along each.
    """
    samples = samples.double()
    energy, directions = torch.linalg.eigh(samples.T @ samples / len(samples))
    kept = min(count, samples.shape[1])
    rows = samples.new_zeros(count, samples.shape[1])
    deviations = samples.new_zeros(count)
    rows[:kept] = directions.flip(1)[:, :kept].T
    deviations[:kept] = energy.flip(0)[:kept].clamp(min=0).sqrt()
    return rows.float(), deviations.float()


def as_samples(x: Tensor) -> Tensor:
    """``(B, C, h, w)`` positions as ``(B * h * w, C)`` samples."""
    return x.permute(0, 2, 3, 1).reshape(-1, x.shape[1])


@torch.no_grad()
def start_as(layer: nn.Conv2d | nn.ConvTranspose2d, weight: Tensor) -> None:
    """Let a layer begin with these weights, in any shape of as many elements, and without a bias."""
    layer.weight.copy_(weight.reshape(layer.weight.shape))
    if layer.bias is not None:
        layer.bias.zero_()


@torch.no_grad()
def start_at_zero(layer: nn.Module) -> nn.Module:
    """``layer`` with all parameters 0, so that what it is added to begins unchanged."""
    for parameter in layer.parameters():
        parameter.zero_()
    return layer
