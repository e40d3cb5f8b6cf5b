"""From the configuration of motion estimation to its network."""

from torch import nn

from lvc.config.outside import load
from lvc.config.parts import FlowConfig
from lvc.motion.pwc_net import PWCNet
from lvc.motion.spynet import SpyNet


def flow_network(config: FlowConfig) -> nn.Module:
    """The network that ``config`` describes, with fresh weights.

    It maps a frame and a reference, ``(B, 3, H, W)`` in [0, 1] with sides multiples of 64, to the flow between them.
    """
    known = {"spynet": _spynet, "pwc": _pwc}
    return load("flow_networks", config.name, "model.flow.name", known)(config)


def _spynet(config: FlowConfig) -> nn.Module:
    return SpyNet(config.levels, config.widths)


def _pwc(config: FlowConfig) -> nn.Module:
    pwc = config.pwc
    return PWCNet(pwc.features, pwc.decoder, pwc.context, pwc.radius)
