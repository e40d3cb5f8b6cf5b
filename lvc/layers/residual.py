"""Transforms of strided convolutions and residual blocks with ReLU (He et al., CVPR 2016), as FVC and MASTC-VC use."""

from itertools import pairwise

from torch import nn

from lvc.layers.conv import ResBlock, conv, deconv


def relu_block(channels: int) -> ResBlock:
    """``conv ReLU conv`` plus identity (Fig. 2c of MASTC-VC)."""
    return ResBlock(channels, slope=0.0, start=False)


def residual_encoder(inputs: int, channels: int) -> nn.Sequential:
    """``(B, inputs, h, w)`` to ``(B, channels, h/8, w/8)``: three times a strided convolution and a block."""
    widths = (inputs, channels, channels, channels)
    return nn.Sequential(*(m for i, o in pairwise(widths) for m in (conv(i, o, stride=2), relu_block(o))))


def residual_decoder(channels: int, outputs: int) -> nn.Sequential:
    """``(B, channels, h, w)`` to ``(B, outputs, 8h, 8w)``: three times a block and a transposed convolution."""
    widths = (channels, channels, channels, outputs)
    return nn.Sequential(*(m for i, o in pairwise(widths) for m in (relu_block(i), deconv(i, o))))
