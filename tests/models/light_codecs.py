"""The light codecs, small enough for milliseconds, with transforms that do something."""

import torch

from lvc.config.contract import build
from lvc.config.model import ModelConfig
from lvc.models.build import build_codec
from tests.conftest import moving_clip

TRANSFORM = {
    "channels": 32,
    "latent_channels": 32,
    "hyper_channels": 8,
    "entropy_width": 16,
    "analysis": [1, 1],
    "synthesis": [1, 1],
}
INTRA = {"name": "intra_light", "size": "tiny", "transform": TRANSFORM}
LIGHT = {
    "name": "light",
    "size": "tiny",
    "transform": TRANSFORM,
    "motion_channels": 16,
    "context_depth": 1,
    "flow": {"levels": 2, "widths": [4, 4, 4, 4]},
    "intra": INTRA,
}
LAMBDAS = (32.0, 6144.0)


def started(config, seed=0, stir=True, **changes):
    """A codec after its classical start on moving pictures; stirred, so that nothing in it is 0, or as it is."""
    torch.manual_seed(seed)
    codec = build_codec(build(ModelConfig, {**config, **changes})).eval()
    clips = torch.cat([moving_clip(2, 64, 64, seed) for seed in range(8)])
    for one in (getattr(codec, "intra", None), codec):
        if one is not None:
            one.start_from(clips, LAMBDAS)
    with torch.no_grad():
        for parameter in codec.parameters():
            if stir and not parameter.any():
                parameter.normal_(std=0.02)
    return codec
