"""Modulated deformable convolution (Zhu et al., CVPR 2019)."""

import torch
from torch import Tensor
from torch.nn import functional as F
from torchvision.ops import DeformConv2d

from lvc.layers.conv import full_precision


class DeformableConv(DeformConv2d):
    """A 3x3 convolution whose taps are moved and weighted per position, computed in float32.

    Args:
        channels: Channels in and out.
        groups: Groups of input channels that move alike.
    """

    def __init__(self, channels: int, groups: int):
        super().__init__(channels, channels, 3, padding=1)
        self.offset_groups = groups

    @property
    def parameters_per_position(self) -> int:
        """Channels of offsets (two per tap and group) and masks (one) together."""
        return 27 * self.offset_groups

    def forward(self, x: Tensor, motion: Tensor) -> Tensor:
        """Convolve.

        Args:
            x: ``(B, C, h, w)``.
            motion: ``(B, 27 groups, h, w)``: offsets in pixels by group and tap, vertical first; then the
                masks' logits.

        Returns:
            ``(B, C, h, w)``, of the type and in the memory order of ``x``.
        """
        with full_precision(x):
            offsets, logits = motion.float().split([18 * self.offset_groups, 9 * self.offset_groups], 1)
            # torchvision's kernel for CPUs handles one number at a time: 5 times slower than sampling with grid_sample
            convolve = super().forward if x.is_cuda else self._sampled
            y = convolve(x.float(), offsets, torch.sigmoid(logits))
        last = x.is_contiguous(memory_format=torch.channels_last)
        return y.to(x.dtype, memory_format=torch.channels_last if last else torch.contiguous_format)

    def _sampled(self, x: Tensor, offsets: Tensor, masks: Tensor) -> Tensor:
        """What torchvision computes: every group's taps sampled as one picture, then a matrix product."""
        batch, channels, height, width = x.shape
        groups = batch * self.offset_groups
        tap = torch.arange(9, device=x.device)[:, None, None]
        rows = torch.arange(height, device=x.device)[:, None] + tap // 3 - 1
        columns = torch.arange(width, device=x.device) + tap % 3 - 1
        moved = offsets.reshape(groups, 9, 2, height, width)
        y = (moved[:, :, 0] + rows) * (2 / max(height - 1, 1)) - 1
        x_ = (moved[:, :, 1] + columns) * (2 / max(width - 1, 1)) - 1
        grid = torch.stack([x_, y], -1).reshape(groups, 9 * height, width, 2)
        source = x.reshape(groups, channels // self.offset_groups, height, width)
        taps = F.grid_sample(source, grid, padding_mode="zeros", align_corners=True)
        taps = taps.reshape(groups, -1, 9, height, width) * masks.reshape(groups, 1, 9, height, width)
        product = self.weight.flatten(1) @ taps.reshape(batch, channels * 9, height * width)
        return product.reshape(x.shape) + self.bias[:, None, None]
