"""What the light codec may be configured to: the P-frame codec `light`, and its intra codec beside the others."""

from dataclasses import replace
from typing import ClassVar, Literal

from pydantic import Field

from lvc.config.contract import contract
from lvc.config.intra import IntraConfig, IntraLightConfig, check_intra
from lvc.config.light_parts import TransformConfig
from lvc.config.parts import EntropyConfig, FlowConfig, LowDelayConfig
from lvc.config.spec import Model, ModelSpec, MotionSpec, p_frame_kinds


@contract
class LightConfig(Model):
    """A small low-delay codec that starts from classical parts: motion at 1/8, one scale of cheap blocks."""

    SPEC: ClassVar[ModelSpec] = ModelSpec(
        network="lvc.models.light:Light",
        summary="Small P-frame codec of our own; variable rate, shipped with weights",
        parts=("flow", "motion", "context", "frame", "intra"),
        kinds=p_frame_kinds(("flow", "motion", "context", "frame"), ("motion_hyper", "motion", "frame_hyper", "frame")),
        motion=MotionSpec(("motion_hyper", "motion")),
        stride=16,
        qualities=64,
        classical_start=True,
    )

    name: Literal["light"]
    """Model name."""
    size: Literal["full", "tiny"] = "full"
    """Name of the variant; the widths below decide."""
    qualities: int = Field(64, ge=1)
    """Quality indices: q is any number from 0 to one less."""
    transform: TransformConfig = TransformConfig()
    """The transform coder of what motion does not predict."""
    motion_channels: int = Field(64, ge=8, multiple_of=4)
    """Channels of the networks that correct motion and code it."""
    context_depth: int = Field(2, ge=0)
    """Blocks that make the context from the prediction and the warped feature."""
    motion: bool = True
    """Predict by motion; false takes the last frame as it is."""
    feature: bool = True
    """Warp the last frame's feature into the context."""
    interpolation: Literal["bilinear", "bicubic"] = "bicubic"
    """How the reference is sampled between its pixels."""
    refinements: int = Field(2, ge=0)
    """Steps that refine the motion of each block by what it leaves unpredicted (Lucas and Kanade, 1981)."""
    flow: FlowConfig = FlowConfig(levels=5, widths=(8, 16, 8, 8), pretrained=True)
    """Motion estimation, at half the size."""
    entropy: EntropyConfig = EntropyConfig()
    """Quantisation and likelihood."""
    structure: LowDelayConfig = LowDelayConfig(intra_offset=8.0, refresh=8)
    """Coding structure."""
    intra: IntraConfig = IntraLightConfig(name="intra_light")
    """Codec of the intra frames."""

    @property
    def spec(self) -> ModelSpec:
        """The model's facts with its own qualities."""
        return replace(self.SPEC, qualities=self.qualities)

    def __post_init__(self):
        check_intra(self.intra, "rgb")
