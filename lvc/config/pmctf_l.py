"""What pMCTF-L may be configured to."""

from dataclasses import replace
from typing import ClassVar, Literal

from pydantic import Field

from lvc.config.contract import ConfigError, contract
from lvc.config.parts import EntropyConfig, MCTFConfig, SpyNetConfig
from lvc.config.pwave import WaveletCoderConfig
from lvc.config.schedule import StageConfig
from lvc.config.spec import FrameKind, ModelSpec, MotionSpec

MOST_LEVELS = 6


@contract
class PMCTFLConfig(WaveletCoderConfig):
    """pMCTF-L: wavelet video codec with motion-compensated temporal filtering (Meyer and Kaup, 2025).

    `levels` and the options beside it are those of the two coders of temporal bands, each a pWave++.
    """

    SPEC: ClassVar[ModelSpec] = ModelSpec(
        network="lvc.models.pmctf_l:PMCTFL",
        summary="Wavelet video codec with temporal filtering along motion, variable rate",
        parts=(
            *("flow", "lowpass", "highpass"),
            *(f"{part}{level}" for level in range(MOST_LEVELS) for part in ("motion", "temporal", "scale")),
        ),
        motion=MotionSpec(("motion_hyper", "motion"), ("filtered_prediction",)),
        intra=("lowpass",),
        stride=64,
    )

    @property
    def spec(self) -> ModelSpec:
        """The model's facts with as many temporal levels as it has."""
        parts = self.SPEC.parts[: 3 + 3 * self.temporal_levels]
        coding = parts[1:]  # every frame of a group depends on all of its bands
        kinds = {
            "L": FrameKind(coding, ("lowpass",), intra=True),
            "H": FrameKind(coding, ("motion_hyper", "motion", "highpass")),
        }
        return replace(super().spec, parts=parts, kinds=kinds)

    name: Literal["pmctf_l"]
    """Model name."""
    size: Literal["full", "tiny"] = "full"
    """Name of the variant; the widths below decide."""
    temporal_levels: int = Field(4, ge=1, le=MOST_LEVELS)
    """Temporal levels with networks of their own: parts `motion0` (the finest) on. A GOP has up to 2 to this power."""
    temporal_scale: Literal["paper_code", "orthonormal"] = "paper_code"
    """Gains of the temporal lifting: the released code's damped prediction, or Haar with bands of equal weight."""
    temporal_channels: int = Field(16, ge=1)
    """Channels of the denoising filters of prediction and update."""
    motion_channels: int = Field(64, ge=4, multiple_of=4)
    """Channels of the motion codecs."""
    latent_prior: bool = True
    """Whether a motion latent knows that of the pair before (the paper's Fig. 5)."""
    flow: SpyNetConfig = SpyNetConfig(levels=6)
    """Motion estimation on luma; the same for all levels."""
    chroma: Literal["444", "420"] = "420"
    """Size of the chroma planes: that of luma, or half of it each way, with motion halved too."""
    train_on: Literal["luma", "all"] = "luma"
    """Planes that are coded in training: luma alone, as in the paper (chroma then passes uncoded), or all."""
    entropy: EntropyConfig = EntropyConfig(quantization="straight_through")
    """Quantisation and likelihood."""
    structure: MCTFConfig = MCTFConfig()
    """Coding structure."""
    band_weights: str | None = None
    """Export of a pWave++ that both coders of temporal bands start from."""

    def __post_init__(self):
        WaveletCoderConfig.__post_init__(self)
        if self.lossless and self.chroma == "420":
            raise ConfigError("chroma", "lossless=true keeps every sample, which 420 does not; use 444")
        if self.structure.gop > 2**self.temporal_levels:
            most = f"temporal_levels={self.temporal_levels} make {2**self.temporal_levels}"
            raise ConfigError("structure.gop", f"{self.structure.gop} frames, and {most} at most")

    def check_stage(self, stage: StageConfig) -> None:
        """Check that there are levels for a stage's frames, as far apart as they come.

        Raises:
            ConfigError: If not.
        """
        group = min(stage.frames, self.structure.gop).bit_length() - 1
        distances = range(1, stage.distance + 1) if stage.random_distance else [stage.distance]
        used = max(map(self.structure.first_level, distances)) + group
        if used > self.temporal_levels:
            apart = f"{stage.frames} frames {max(distances)} apart"
            raise ConfigError(
                "distance", f"{apart} need {used} temporal levels, and {self.name} has {self.temporal_levels}"
            )
