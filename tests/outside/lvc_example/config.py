"""A codec that sends the frame in one latent, and then what changed."""

from typing import ClassVar, Literal

from pydantic import Field

from lvc.config.contract import contract
from lvc.config.parts import EntropyConfig, LowDelayConfig
from lvc.config.spec import FrameKind, Model, ModelSpec


@contract
class ExampleConfig(Model):
    """Codes what changed since the last decoded frame."""

    SPEC: ClassVar[ModelSpec] = ModelSpec(
        network="lvc_example.codec:Example",
        summary="An example of another package",
        parts=("intra", "change"),
        kinds={
            "I": FrameKind(("intra",), ("intra",), intra=True),
            "P": FrameKind(("change",), ("change",)),
        },
        stride=16,
    )

    name: Literal["example"]
    """Model name."""
    size: Literal["full", "tiny"] = "full"
    """Name of the variant; the widths below decide."""
    channels: int = Field(8, ge=4)
    """Channels of transforms and latents."""
    entropy: EntropyConfig = EntropyConfig()
    """Quantisation and likelihood."""
    structure: LowDelayConfig = LowDelayConfig()
    """Coding structure."""
