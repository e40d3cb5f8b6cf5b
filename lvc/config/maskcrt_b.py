"""What MaskCRT-B may be configured to."""

from typing import ClassVar, Literal

from pydantic import Field

from lvc.config.b_frame import B_FRAME_PARTS, B_FRAME_STREAMS, BFrameConfig, b_frame_motion
from lvc.config.contract import ConfigError, contract
from lvc.config.parts import FlowConfig
from lvc.config.spec import ModelSpec, b_frame_kinds


@contract
class SwinConfig:
    """A conditional codec of three stages of window attention."""

    strides: tuple[int, int, int] = (2, 4, 2)
    """Downsampling of each stage; 16 in all."""
    widths: tuple[int, int, int] = (96, 128, 192)
    """Channels of each stage; the last are the latent's."""
    kernels: tuple[int, int, int] = (5, 3, 3)
    """Kernels of the strided convolutions."""
    depths: tuple[int, int, int] = (4, 4, 2)
    """Blocks of attention in each stage."""
    heads: int = Field(8, ge=1)
    """Attention heads."""
    window: int = Field(8, ge=2, multiple_of=2)
    """Side of the attention windows."""
    hyper_channels: int = Field(192, ge=8, multiple_of=2)
    """Channels of the hyper transforms and the hyper latent."""
    prior_channels: int = Field(128, ge=8)
    """Channels of the temporal prior's transform."""
    fusion_channels: int = Field(640, ge=8)
    """Channels of the layers that fuse hyper and temporal prior."""
    channel_transform: bool = True
    """Attention between channels around the latent."""
    context: bool = True
    """Code the latent in four steps, each knowing those before it."""

    def __post_init__(self):
        if self.strides[0] * self.strides[1] * self.strides[2] != 16:
            raise ConfigError("strides", f"{list(self.strides)} make no 16; such as [2, 4, 2] or [4, 2, 2]")
        for width in self.widths:
            if width % self.heads or width % 2:
                raise ConfigError("widths", f"{width} is no multiple of 2 and of the {self.heads} heads")


MOTION = SwinConfig(
    strides=(4, 2, 2),
    widths=(96, 96, 96),
    depths=(2, 4, 2),
    window=4,
    hyper_channels=128,
    channel_transform=False,
    context=False,
)


@contract
class MaskCRTBConfig(BFrameConfig):
    """MaskCRT-B: B frames by masked conditional residual Transformers, our reconstruction (Chen et al., TCSVT 2024)."""

    SPEC: ClassVar[ModelSpec] = ModelSpec(
        network="lvc.models.maskcrt_b:MaskCRTB",
        summary="B frames by masked conditional residual Transformers",
        parts=(*B_FRAME_PARTS, "intra", "mask"),
        kinds=b_frame_kinds((*B_FRAME_PARTS, "mask"), B_FRAME_STREAMS),
        motion=b_frame_motion(),
        stride=128,
    )

    name: Literal["maskcrt_b"]
    """Model name."""
    motion: SwinConfig = MOTION
    """Codec of both flows."""
    frame: SwinConfig = SwinConfig()
    """Codec of the frame's residual."""
    flow: FlowConfig = FlowConfig(levels=5)
    """Motion estimation."""
    mask: bool = True
    """Subtract the masked prediction; false codes the frame itself, given its prediction."""
    mask_relu: bool = False
    """A ReLU before the mask's sigmoid, as the released P-frame network has it: the mask is then 1/2 or more."""
