"""From a model's configuration to the model."""

from lvc.codec import VideoCodec
from lvc.config.model import DCVCTCMConfig, IntraCheng2020Config


def build_codec(config: DCVCTCMConfig | IntraCheng2020Config) -> VideoCodec:
    """Build the codec that ``config`` describes, with fresh weights."""
    # a model's own imports are heavy (CompressAI takes seconds), so only the one asked for is imported
    if isinstance(config, IntraCheng2020Config):
        from lvc.models.intra_cheng2020 import IntraCheng2020

        return IntraCheng2020(config)
    from lvc.models.dcvc_tcm import DCVCTCM

    return DCVCTCM(config, build_codec(config.intra))
