"""What a model may be configured to. Torch-free, so that a mistake is answered at once."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from lvc.config.contract import ConfigError, contract


@contract
class LowDelayConfig:
    """I P P P ...: every frame refers to the one before it."""

    name: Literal["low_delay"] = "low_delay"
    """Coding structure."""
    intra_period: int = Field(32, ge=1)
    """Frames from one intra frame to the next (1: all intra)."""


@contract
class EntropyConfig:
    """Quantisation and likelihood settings shared by all latents of a codec."""

    quantization: Literal["mixed", "noise", "straight_through"] = "mixed"
    """For rounding, in training: `mixed` decodes straight-through rounded latents and rates noisy ones."""
    likelihood_bound: float = Field(1e-9, gt=0, lt=1e-2)
    """Smallest probability the rate estimate gives a symbol."""


@contract
class IntraCheng2020Config:
    """Intra codec: Cheng 2020 (anchor) without its autoregressive context model, from CompressAI's layers."""

    PARTS: ClassVar[tuple[str, ...]] = ("intra",)
    STREAMS: ClassVar[tuple[str, ...]] = ("intra", "intra_hyper")
    STRIDE: ClassVar[int] = 64
    SUMMARY: ClassVar[str] = "Cheng 2020 intra codec without autoregression"

    name: Literal["intra_cheng2020"]
    """Model name."""
    size: Literal["full", "tiny"] = "full"
    """Name of the variant; the widths below decide."""
    channels: int = Field(192, ge=8, multiple_of=2)
    """Channels of transforms and latents (N; 128 or 192 in CompressAI)."""
    entropy: EntropyConfig = EntropyConfig()
    """Quantisation and likelihood."""
    structure: LowDelayConfig = LowDelayConfig(intra_period=1)
    """Coding structure; an intra codec codes every frame alone."""
    weights: str | None = None
    """Export whose weights start this codec (`model.intra.weights=...` inside a P-frame codec)."""


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
class SpyNetConfig:
    """Optical flow: a pyramid of small networks, coarse to fine."""

    levels: int = Field(4, ge=1, le=6)
    """Levels of the flow pyramid."""
    widths: tuple[int, int, int, int] = (32, 64, 32, 16)
    """Channels between the five 7x7 convolutions of a level."""
    weights: str | None = None
    """Export whose flow network starts this one."""


@contract
class DCVCTCMConfig:
    """DCVC-TCM: temporal context mining (Sheng et al., IEEE TMM 2023)."""

    PARTS: ClassVar[tuple[str, ...]] = ("flow", "motion", "context", "frame", "intra")
    STREAMS: ClassVar[tuple[str, ...]] = (
        "intra",
        "intra_hyper",
        "motion",
        "motion_hyper",
        "frame",
        "frame_hyper",
    )
    STRIDE: ClassVar[int] = 64
    SUMMARY: ClassVar[str] = "Conditional P-frame codec with temporal context mining"

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
    flow: SpyNetConfig = SpyNetConfig()
    """Motion estimation."""
    compat: Literal["lvc", "official"] = "lvc"
    """`official`: scale bound, likelihood floor and tables of the released code, for imported checkpoints."""
    entropy: EntropyConfig = EntropyConfig()
    """Quantisation and likelihood."""
    structure: LowDelayConfig = LowDelayConfig()
    """Coding structure."""
    intra: IntraCheng2020Config = IntraCheng2020Config(name="intra_cheng2020")
    """Codec of the intra frames."""

    def __post_init__(self):
        if self.contexts > self.levels:
            raise ConfigError("contexts", f"{self.contexts} contexts need as many levels, and levels is {self.levels}")


ModelConfig = Annotated[IntraCheng2020Config | DCVCTCMConfig, Field(discriminator="name")]

MODELS: dict[str, type] = {"dcvc_tcm": DCVCTCMConfig, "intra_cheng2020": IntraCheng2020Config}
