"""Channels-last memory order: faster convolutions, bfloat16 ones above all."""

import torch
from torch import nn


def to_channels_last(module: nn.Module) -> nn.Module:
    """Keep ``module``'s convolution weights, and by them its activations, in channels-last order.

    Frames go in as they are. Pointwise convolutions of frames and motion stay in the default order: the CPU kernel of
    torch 2.15 for the gradient of a channels-last one with 2 or 3 channels and stride 2 (the first shortcut of an intra
    codec, or of a motion codec) writes outside its buffers and takes the process down, in float32 and bfloat16 alike.
    """
    few = [m for m in module.modules() if isinstance(m, nn.Conv2d) and m.in_channels <= 3 and m.kernel_size == (1, 1)]
    module.to(memory_format=torch.channels_last)
    for layer in few:
        # a 1x1 weight is contiguous in either order, so its strides have to be written anew
        layer.weight.data = torch.empty(layer.weight.shape, device=layer.weight.device).copy_(layer.weight.data)
    return module
