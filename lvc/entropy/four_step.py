"""A latent coded in four steps over 2x2 squares, with one network for all of them (MaskCRT; after DCVC-DC)."""

import torch
from torch import Tensor, nn

from lvc.entropy.priors import ScaleLaw
from lvc.entropy.staged import put, take
from lvc.entropy.streams import SymbolStream
from lvc.layers.conv import full_precision
from lvc.layers.depth_conv import DepthConvBlock
from lvc.layers.hyper import scales_and_means

ORDER = ((0, 0), (1, 1), (1, 0), (0, 1))
"""Row and column within a square, step by step."""


class FourStepContext(nn.Module):
    """Scales and means, refined before each step by what the steps before it decoded.

    Args:
        channels: Channels of the latent.
        law: Its distribution.
    """

    def __init__(self, channels: int, law: ScaleLaw):
        super().__init__()
        self.law = law
        self.refine = DepthConvBlock(3 * channels, 2 * channels)
        with torch.no_grad():  # begin with scales that latents fit into
            self.refine.skip.bias[:channels] += 1

    def code(self, name: str, y: Tensor | None, parameters: Tensor, stream: SymbolStream) -> tuple[Tensor, Tensor]:
        """Code one latent in four calls of ``stream``.

        Args:
            name: Stream name, for the bits' account.
            y: ``(B, C, h, w)`` latent with even sides, ``None`` when reading.
            parameters: ``(B, 2 C, h, w)`` scales and means that priors give.
            stream: Where symbols go to or come from.

        Returns:
            The decoded latent in float32, and its bits ``(B,)``.
        """
        batch, double, height, width = parameters.shape
        latent = spent = parameters.new_zeros((batch, double // 2, height, width), dtype=torch.float32)
        bits = latent.new_zeros(batch)
        with full_precision(parameters):
            for row, column in ORDER:
                quarter = ((slice(None), slice(None), slice(row, None, 2), slice(column, None, 2)),)
                scales, means = scales_and_means(self.refine(torch.cat([latent, parameters.float()], 1)))
                law = self.law(take(scales, quarter), take(means, quarter))
                values, cost = stream.code(name, None if y is None else take(y, quarter), law)
                latent, bits = put(latent, quarter, values), bits + cost.to(bits.device)
                if stream.keep_maps:
                    spent = put(spent, quarter, stream.maps[name])
        if stream.keep_maps:
            stream.maps[name] = spent.sum(1, keepdim=True)
        return latent, bits
