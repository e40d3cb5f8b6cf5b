"""What B-CANF may be configured to."""

from typing import ClassVar, Literal

from pydantic import Field

from lvc.config.contract import contract
from lvc.config.intra import IntraCheng2020Config, IntraConfig, check_intra
from lvc.config.parts import EntropyConfig, HierarchicalBConfig, SpyNetConfig


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
class MotionPredictionConfig:
    """The network that predicts a B frame's motion from its two references."""

    channels: tuple[int, int, int] = (240, 150, 90)
    """Channels of its three blocks, coarse to fine."""
    blocks: int = Field(8, ge=1)
    """Convolutions within a block."""


@contract
class FrameSynthesisConfig:
    """The GridNet that makes the prediction from two warped references."""

    widths: tuple[int, int, int] = (32, 64, 96)
    """Channels at full size, half of it and a quarter."""
    columns: int = Field(6, ge=2)
    """Columns of the grid."""


@contract
class BCANFConfig:
    """B-CANF: hierarchical B frames by conditional augmented normalising flows (Chen et al., IEEE TCSVT 2023)."""

    PARTS: ClassVar[tuple[str, ...]] = ("flow", "predictor", "motion", "synthesis", "frame", "adaptation", "intra")
    STREAMS: ClassVar[tuple[str, ...]] = ("intra", "intra_hyper", "motion", "motion_hyper", "frame", "frame_hyper")
    DISTORTIONS: ClassVar[tuple[str, ...]] = (
        "estimated_motion",
        "predicted_motion",
        "decoded_motion",
        "motion_condition",
        "frame_condition",
    )
    STRIDE: ClassVar[int] = 64
    CODEC: ClassVar[str] = "lvc.models.b_canf:BCANF"
    SUMMARY: ClassVar[str] = "B frames by conditional augmented normalising flows"

    name: Literal["b_canf"]
    """Model name."""
    size: Literal["full", "tiny"] = "full"
    """Name of the variant; the widths below decide."""
    motion: AnfConfig = AnfConfig(channels=106, prior_kernel=5)
    """Codec of both flows."""
    frame: AnfConfig = AnfConfig()
    """Codec of the frame."""
    predictor: MotionPredictionConfig = MotionPredictionConfig()
    """Motion prediction."""
    synthesis: FrameSynthesisConfig = FrameSynthesisConfig()
    """Frame synthesis."""
    flow: SpyNetConfig = SpyNetConfig(levels=6)
    """Motion estimation."""
    enhancement: bool = True
    """Quality enhancement after both codecs; a third of a B frame's operations."""
    enhancement_channels: int = Field(64, ge=8)
    """Its channels."""
    normalise: bool = False
    """Normalise frames before motion estimation: released weights want it, flow networks trained here do not."""
    clamp_references: bool = True
    """Refer to frames clamped to [0, 1]; the released weights refer to them as they are."""
    sort_references: bool = True
    """Call the reference first that is fewer predictions away from an intra frame; false: the past one."""
    entropy: EntropyConfig = EntropyConfig()
    """Quantisation and likelihood."""
    structure: HierarchicalBConfig = HierarchicalBConfig()
    """Coding structure."""
    intra: IntraConfig = IntraCheng2020Config(name="intra_cheng2020")
    """Codec of the intra frames."""

    def __post_init__(self):
        check_intra(self.intra, "rgb")
