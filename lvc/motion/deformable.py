"""Motion compensation of features by deformable convolution (FVC, Hu et al., CVPR 2021; MASTC-VC, Fig. 5)."""

import torch
from torch import Tensor, nn

from lvc.layers.conv import conv
from lvc.layers.deform import DeformableConv


class DeformableCompensation(nn.Module):
    """The reference's feature and decoded motion to a prediction of the frame's feature (Eqs. 12 to 14).

    Args:
        channels: Channels of features and motion.
        groups: Groups of channels that move alike.
    """

    def __init__(self, channels: int, groups: int):
        super().__init__()
        self.align = DeformableConv(channels, groups)
        self.offsets = conv(channels, self.align.parameters_per_position)
        self.refine = nn.Sequential(conv(2 * channels, channels), nn.LeakyReLU(), conv(channels, channels))

    def forward(self, reference: Tensor, motion: Tensor) -> Tensor:
        """``(B, C, h, w)`` each, to ``(B, C, h, w)``."""
        aligned = self.align(reference, self.offsets(motion))
        return aligned + self.refine(torch.cat([aligned, reference], 1))
