"""From the configuration of motion estimation to its network."""

from torch import nn

from lvc.config.parts import FlowConfig
from lvc.motion.pwc_net import PWCNet
from lvc.motion.spynet import SpyNet


def flow_network(config: FlowConfig) -> nn.Module:
    """The network that ``config`` describes, with fresh weights.

    It maps a frame and a reference, ``(B, 3, H, W)`` in [0, 1] with sides multiples of 64, to the flow between them.
    """
    if config.name == "pwc":
        pwc = config.pwc
        return PWCNet(pwc.features, pwc.decoder, pwc.context, pwc.radius)
    return SpyNet(config.levels, config.widths)
