"""Autoregressive coding of a latent: every position knows what was decoded before it (Minnen et al., NeurIPS 2018).

In raster order a position needs the two rows above it up to two columns to the right, and what is left of it. So once
a row is three positions ahead of the next, both can go on: positions ``(row, column)`` of equal ``column + 3 * row``
are coded at once, by one evaluation of the networks and one call of the stream, on both sides alike.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lvc.entropy.priors import ScaleLaw
from lvc.entropy.streams import SymbolStream
from lvc.entropy.wavefront import wavefronts
from lvc.layers.conv import full_precision
from lvc.layers.hyper import scales_and_means


def code_autoregressive(
    name: str,
    y: Tensor | None,
    prior: Tensor,
    context: nn.Conv2d,
    parameters: Callable[[Tensor], Tensor],
    law: ScaleLaw,
    stream: SymbolStream,
) -> tuple[Tensor, Tensor]:
    """Code a latent position by position, or, in training, all at once under noisy contexts.

    Args:
        name: Stream name.
        y: ``(B, C, h, w)`` latent, ``None`` when reading.
        prior: ``(B, P, h, w)`` what is known of it beforehand.
        context: Masked 5x5 convolution from decoded positions to their context; ``mask`` is its buffer.
        parameters: Pointwise network from prior and context to scales and means, by halves.
        law: Distribution of the latent.
        stream: Where symbols go to or come from.

    Returns:
        The decoded latent in float32, and its bits ``(B,)``.
    """
    with full_precision(prior):
        weight, prior = context.weight * context.mask, prior.float()
        if stream.training:
            noisy = y.float() + torch.empty_like(y, dtype=torch.float32).uniform_(-0.5, 0.5)
            known = F.conv2d(noisy, weight, context.bias, padding=2)
            return stream.code(name, y, law(*scales_and_means(parameters(torch.cat([prior, known], 1)))))
        return _code_in_turn(name, y, prior, weight, context.bias, parameters, law, stream)


def _code_in_turn(
    name: str,
    y: Tensor | None,
    prior: Tensor,
    weight: Tensor,
    bias: Tensor,
    parameters: Callable[[Tensor], Tensor],
    law: ScaleLaw,
    stream: SymbolStream,
) -> tuple[Tensor, Tensor]:
    (batch, _, height, width), channels = prior.shape, weight.shape[1]
    padded = prior.new_zeros(batch, channels, height + 4, width + 4)
    bits, spent = prior.new_zeros(batch), prior.new_zeros(batch, 1, height, width)
    around = torch.arange(5, device=prior.device)
    for rows, columns in wavefronts(height, width, 3, prior.device):
        windows = padded[:, :, rows[:, None, None] + around[:, None], columns[:, None, None] + around]
        known = F.conv2d(windows.transpose(1, 2).flatten(0, 1), weight, bias).unflatten(0, (batch, len(rows)))
        known = known.flatten(2).transpose(1, 2)[..., None]
        own = torch.cat([prior[:, :, rows, columns][..., None], known], 1)
        scales, means = scales_and_means(parameters(own))
        values, cost = stream.code(name, None if y is None else y[:, :, rows, columns][..., None], law(scales, means))
        padded[:, :, rows + 2, columns + 2] = values[..., 0]
        bits = bits + cost.to(bits.device)
        if stream.keep_maps:
            spent[:, :, rows, columns] = stream.maps[name][..., 0]
    if stream.keep_maps:
        stream.maps[name] = spent
    return padded[:, :, 2:-2, 2:-2].contiguous(), bits
