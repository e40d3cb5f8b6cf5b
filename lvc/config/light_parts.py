"""The transform coder that the light codec's intra and P frames share."""

from pydantic import Field

from lvc.config.contract import contract


@contract
class TransformConfig:
    """Pixels unshuffled to 1/8, a latent at 1/16, a hyper latent at 1/64."""

    channels: int = Field(128, ge=16, multiple_of=8)
    """Channels at 1/8 of the size."""
    latent_channels: int = Field(256, ge=16, multiple_of=8)
    """Channels of the latent at 1/16."""
    hyper_channels: int = Field(48, ge=8)
    """Channels of the hyper latent at 1/64."""
    entropy_width: int = Field(192, ge=16)
    """Channels of the networks that make scales and means."""
    analysis: tuple[int, int] = (2, 2)
    """Blocks of the analysis at 1/8 and at 1/16."""
    synthesis: tuple[int, int] = (1, 3)
    """Blocks of the synthesis at 1/16 and at 1/8."""
    transmitted_scales: bool = False
    """Transmit scales as table indices, so that any device decodes the symbols; false lets networks predict them."""
