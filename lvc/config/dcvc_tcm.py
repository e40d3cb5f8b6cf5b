"""What DCVC-TCM may be configured to."""

from typing import ClassVar, Literal

from pydantic import Field

from lvc.config.contract import ConfigError, contract
from lvc.config.intra import IntraCheng2020Config, IntraConfig, check_intra
from lvc.config.motion_resolution import MotionResolutionConfig, check_variant
from lvc.config.parts import EntropyConfig, FlowConfig, LowDelayConfig
from lvc.config.spec import Model, ModelSpec, MotionSpec, p_frame_kinds


@contract
class ContextUse:
    """Where the temporal contexts are re-filled (Table VII of DCVC-TCM)."""

    encoder: bool = True
    """Re-fill the contexts into the contextual encoder."""
    decoder: bool = True
    """Re-fill them into the contextual decoder."""
    generator: bool = True
    """Re-fill them into the frame generator."""
    entropy: bool = True
    """Re-fill them into the entropy model, through the temporal prior."""


@contract
class ExtraBlocks:
    """Residual blocks added to a module (Table IX of DCVC-TCM)."""

    extractor: int = Field(0, ge=0)
    """Residual blocks added per level of the feature extractor (fe)."""
    refinement: int = Field(0, ge=0)
    """Residual blocks added per context refinement (cr)."""
    generator: int = Field(0, ge=0)
    """Residual blocks added to the frame generator (fg)."""


@contract
class DCVCTCMConfig(Model):
    """DCVC-TCM: temporal context mining (Sheng et al., IEEE TMM 2023)."""

    SPEC: ClassVar[ModelSpec] = ModelSpec(
        network="lvc.models.dcvc_tcm:DCVCTCM",
        summary="Conditional P-frame codec with temporal context mining",
        parts=("flow", "motion", "context", "frame", "intra"),
        kinds=p_frame_kinds(("flow", "motion", "context", "frame"), ("motion_hyper", "motion", "frame_hyper", "frame")),
        motion=MotionSpec(("motion_hyper", "motion"), variants=("omra", "A")),
        stride=64,
        classical_start=True,
    )

    name: Literal["dcvc_tcm"]
    """Model name."""
    size: Literal["full", "tiny"] = "full"
    """Name of the variant; the widths below decide."""
    channels: int = Field(64, ge=8, multiple_of=4)
    """Channels of features and contexts."""
    propagated_channels: int = Field(64, ge=1)
    """Channels of the feature that is handed to the next frame (Table X: 64, 48, 15, 9)."""
    latent_channels: int = Field(96, ge=6, multiple_of=6)
    """Channels of the frame latent y."""
    motion_channels: int = Field(128, ge=8, multiple_of=2)
    """Channels of the motion codec and its latent."""
    hyper_channels: int = Field(64, ge=8)
    """Channels of both hyper latents z."""
    levels: int = Field(3, ge=1, le=4)
    """Scales of the temporal context mining (Table VIII: nL)."""
    contexts: int = Field(3, ge=1, le=4)
    """Contexts that mining hands out (Table VIII: nC)."""
    propagate_feature: bool = True
    """Mine the propagated feature; false mines the decoded frame (Table VI: FP)."""
    contexts_in: ContextUse = ContextUse()
    """Where contexts are used (Table VII)."""
    extra_blocks: ExtraBlocks = ExtraBlocks()
    """Added layers (Table IX)."""
    flow: FlowConfig = FlowConfig()
    """Motion estimation."""
    compat: Literal["lvc", "official"] = "lvc"
    """`official`: scale bound, likelihood floor and tables of the released code, for imported checkpoints."""
    entropy: EntropyConfig = EntropyConfig()
    """Quantisation and likelihood."""
    structure: LowDelayConfig = LowDelayConfig()
    """Coding structure."""
    motion_resolution: MotionResolutionConfig = MotionResolutionConfig()
    """Resolution of motion while encoding."""
    intra: IntraConfig = IntraCheng2020Config(name="intra_cheng2020")
    """Codec of the intra frames."""

    def __post_init__(self):
        check_intra(self.intra, "rgb")
        check_variant(self.motion_resolution, self.SPEC.motion.variants)
        if self.contexts > self.levels:
            raise ConfigError("contexts", f"{self.contexts} contexts need as many levels, and levels is {self.levels}")
