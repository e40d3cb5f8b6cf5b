"""How a classical start (:mod:`lvc.layers.classical`) goes through the blocks that CompressAI's codecs are made of."""

from compressai.layers import GDN, ResidualBlock, ResidualBlockUpsample, ResidualBlockWithStride
from torch import nn

from lvc.layers.classical import layers_of
from lvc.layers.klt import start_at_zero


@layers_of.register
def _(module: GDN) -> list[nn.Module]:
    return [module]


@layers_of.register
def _(module: ResidualBlock) -> list[nn.Module]:
    start_at_zero(module.conv2)
    return []


@layers_of.register
def _(module: ResidualBlockWithStride) -> list[nn.Module]:
    # the shortcut sees one pixel of four, the branch sees them all
    start_at_zero(module.skip)
    return [module.conv1, module.leaky_relu, module.conv2, module.gdn]


@layers_of.register
def _(module: ResidualBlockUpsample) -> list[nn.Module]:
    start_at_zero(module.conv)
    return [module.upsample]
