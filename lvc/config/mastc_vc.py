"""What MASTC-VC may be configured to."""

from typing import Any, ClassVar, Literal

from pydantic import Field

from lvc.config.contract import ConfigError, contract
from lvc.config.intra import IntraCheng2020Config, IntraConfig, check_intra
from lvc.config.parts import EntropyConfig, LowDelayConfig, StagedContextConfig
from lvc.config.spec import Model, ModelSpec, p_frame_kinds


@contract
class MotionAwareConfig:
    """The multiscale motion-aware module, MS-MAM."""

    levels: int = Field(3, ge=1, le=3)
    """Scales of motion estimation; 1 estimates at the largest alone (Table III: without MS-MAM)."""
    normalization: Literal["batch", "group"] = "batch"
    """Of the motion-aware encoder: BatchNorm as in the paper, or GroupNorm, which small batches do not disturb."""
    double: bool = True
    """Double the coarse motion's values with its size."""


@contract
class ContextConfig(StagedContextConfig):
    """The spatial-temporal-channel context module, STCCM."""

    enabled: bool = True
    """Use it; without, the hyperprior alone gives scales and means (Table III)."""
    temporal: bool = True
    """Whether the prior of the latent is fused with one from the predicted feature (Table IV)."""

    def __post_init__(self):
        super().__post_init__()
        on = {"spatial": self.spatial != "none", "channel": self.channel, "temporal": self.temporal}
        if not self.enabled and any(on.values()):
            names = " and ".join(name for name, value in on.items() if value)
            off = "spatial=none, channel=false and temporal=false"
            raise ConfigError("enabled", f"false, yet {names} context is on; switch it off too ({off})")


@contract
class MASTCVCConfig(Model):
    """MASTC-VC: multiscale motion-aware module and spatial-temporal-channel contexts (Wang et al., 2023)."""

    SPEC: ClassVar[ModelSpec] = ModelSpec(
        network="lvc.models.mastc_vc:MASTCVC",
        summary="Feature-domain P-frame codec with multiscale motion and staged contexts",
        parts=("features", "motion", "frame", "intra"),
        kinds=p_frame_kinds(("features", "motion", "frame"), ("motion_hyper", "motion", "frame_hyper", "frame")),
        stride=64,
    )

    name: Literal["mastc_vc"]
    """Model name."""
    size: Literal["full", "tiny"] = "full"
    """Name of the variant; the widths below decide."""
    channels: int = Field(64, ge=16, multiple_of=8)
    """Channels of features and motion."""
    latent_channels: int = Field(128, ge=4, multiple_of=2)
    """Channels of both codecs' transforms and of the latents m and c."""
    hyper_channels: int = Field(128, ge=4)
    """Channels of both hyper latents z and s."""
    blocks: int = Field(3, ge=1)
    """Residual blocks per scale of the feature extraction, and of the reconstruction."""
    offset_groups: int = Field(8, ge=1)
    """Groups of feature channels that the deformable compensation moves alike."""
    motion_aware: MotionAwareConfig = MotionAwareConfig()
    """Motion estimation."""
    context: ContextConfig = ContextConfig()
    """How the latent c is coded."""
    entropy: EntropyConfig = EntropyConfig()
    """Quantisation and likelihood."""
    structure: LowDelayConfig = LowDelayConfig(intra_period=10)
    """Coding structure."""
    intra: IntraConfig = IntraCheng2020Config(name="intra_cheng2020")
    """Codec of the intra frames."""

    def __post_init__(self):
        check_intra(self.intra, "rgb")
        if self.channels % self.offset_groups:
            raise ConfigError("offset_groups", f"{self.offset_groups} groups do not divide {self.channels} channels")
        total = sum(self.context.groups)
        if total != self.latent_channels:
            groups = list(self.context.groups)
            raise ConfigError("context.groups", f"{groups} sums to {total}, and the latent has {self.latent_channels}")

    def check_stage(self, stage: Any) -> None:
        """Check that a stage can train this model.

        Raises:
            ConfigError: If the motion-aware encoder's BatchNorm would see one value per channel.
        """
        batch_norm = self.motion_aware.levels > 1 and self.motion_aware.normalization == "batch"
        if batch_norm and "motion" in stage.train and stage.batch_size == 1 and stage.crop and stage.crop < 128:
            why = "leaves the motion-aware encoder's BatchNorm one value per channel"
            remedy = "batch_size=2, crop=128 or model.motion_aware.normalization=group"
            raise ConfigError("crop", f"{stage.crop} with batch_size=1 {why}; use {remedy}")
