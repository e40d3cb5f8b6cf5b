"""Every intra codec, small enough for milliseconds, with latents that are not all 0."""

import torch

from lvc.config.contract import build
from lvc.config.model import ModelConfig
from lvc.models.build import build_codec

SMALL = {
    "intra_cheng2020": {"channels": 8},
    "intra_window_attention": {
        "channels": 16,
        "latent_channels": 16,
        "context": {"groups": [4, 4, 8], "widths": [8, 8]},
    },
    "intra_bmshj2018_hyperprior": {"channels": 8, "latent_channels": 12},
    "intra_mbt2018": {"channels": 8, "latent_channels": 12},
    "intra_cheng2020_anchor": {"channels": 8},
}


def small_config(name):
    return build(ModelConfig, {"name": name, "size": "tiny", **SMALL[name]})


def small_codec(name, seed=0):
    """The codec with weights of a fixed seed."""
    torch.manual_seed(seed)
    return loud(build_codec(small_config(name)).eval(), gain=40)


@torch.no_grad()
def loud(codec, gain=8):
    """Large latents, and scales that fit them: symbols are then coded from inside the tables."""
    if not hasattr(codec, "g_a"):  # the light codec is loud enough by its steps
        return codec
    last = [m for m in codec.g_a if isinstance(m, torch.nn.Conv2d)] or [codec.g_a[-1]]
    last[-1].weight.mul_(gain)
    if hasattr(codec, "context"):
        scales = [network[-1] for network in codec.context.aggregate]
    elif hasattr(codec, "entropy_parameters"):
        scales = [codec.entropy_parameters[-1]]
    else:
        scales = [[m for m in codec.h_s if isinstance(m, torch.nn.Conv2d)][-1]]
    zero_mean = codec.latent == scales[0].out_channels
    for layer in scales:
        layer.bias[: len(layer.bias) // (1 if zero_mean else 2)].fill_(2)
    return codec
