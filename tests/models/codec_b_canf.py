"""A B-CANF small enough to code a frame in milliseconds."""

import torch

from lvc.config.contract import build
from lvc.config.model import ModelConfig
from lvc.models.build import build_codec
from tests.models.intra_codecs import loud

ANF = {
    "channels": 12,
    "latent_channels": 12,
    "hyper_channels": 12,
    "kernels": [3, 3],
    "prior_channels": 12,
    "fusion_channels": 16,
}


def tiny_config(**changes):
    """Its configuration; everything that the full model has, in few channels."""
    base = {
        "name": "b_canf",
        "size": "tiny",
        "motion": ANF,
        "frame": ANF,
        "predictor": {"channels": [8, 8, 8], "blocks": 1},
        "synthesis": {"widths": [8, 8, 8], "columns": 3},
        "flow": {"levels": 3, "widths": [4, 4, 4, 4]},
        "enhancement_channels": 12,
        "structure": {"gop": 4, "intra_period": 4},
        "intra": {"name": "intra_cheng2020", "size": "tiny", "channels": 8},
    }
    return build(ModelConfig, {**base, **changes})


def tiny_codec(seed: int = 0, **changes):
    """The codec with weights of a fixed seed, large enough to code symbols other than 0."""
    torch.manual_seed(seed)
    codec = build_codec(tiny_config(**changes)).eval()
    loud(codec.intra)
    with torch.no_grad():
        for anf in (codec.motion, codec.frame):
            for analysis in anf.analysis:
                analysis[-1].layer.weight.mul_(8)
            # untrained scales are 0: make them fit the latents, so that symbols are coded from inside the tables
            last = anf.fusion[-1].layer
            last.bias[len(last.bias) // 2 :].fill_(3.0)
        for affine in codec.parts["adaptation"]:
            affine[2].weight.normal_(0, 0.1)
    return codec
