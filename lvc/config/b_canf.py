"""What B-CANF may be configured to."""

from typing import ClassVar, Literal

from pydantic import Field

from lvc.config.b_frame import B_FRAME_PARTS, B_FRAME_STREAMS, BFrameConfig, b_frame_motion
from lvc.config.contract import contract
from lvc.config.spec import ModelSpec, b_frame_kinds


@contract
class AnfConfig:
    """A conditional augmented-normalising-flow codec of two steps."""

    channels: int = Field(128, ge=8)
    """Channels of the transforms (N)."""
    latent_channels: int = Field(128, ge=8)
    """Channels of the latent."""
    hyper_channels: int = Field(128, ge=8)
    """Channels of the hyper transforms and the hyper latent."""
    kernels: tuple[int, int] = (5, 3)
    """Kernels of the two steps' transforms."""
    prior_channels: int = Field(128, ge=8)
    """Channels of the temporal prior's transform."""
    prior_kernel: int = Field(3, ge=1)
    """Its kernel."""
    fusion_channels: int = Field(640, ge=8)
    """Channels of the layers that fuse hyper and temporal prior."""


@contract
class BCANFConfig(BFrameConfig):
    """B-CANF: hierarchical B frames by conditional augmented normalising flows (Chen et al., IEEE TCSVT 2023)."""

    SPEC: ClassVar[ModelSpec] = ModelSpec(
        network="lvc.models.b_canf:BCANF",
        summary="B frames by conditional augmented normalising flows",
        parts=(*B_FRAME_PARTS, "intra"),
        kinds=b_frame_kinds(B_FRAME_PARTS, B_FRAME_STREAMS),
        motion=b_frame_motion("motion_condition"),
        distortions=("frame_condition",),
        stride=64,
    )

    name: Literal["b_canf"]
    """Model name."""
    motion: AnfConfig = AnfConfig(channels=106, prior_kernel=5)
    """Codec of both flows."""
    frame: AnfConfig = AnfConfig()
    """Codec of the frame."""
    enhancement: bool = True
    """Quality enhancement after both codecs; a third of a B frame's operations."""
    enhancement_channels: int = Field(64, ge=8)
    """Its channels."""
