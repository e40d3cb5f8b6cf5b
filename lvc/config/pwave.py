"""What pWave++ may be configured to: the coder of one wavelet-transformed picture, and the intra codec made of it."""

from dataclasses import replace
from typing import ClassVar, Literal

from pydantic import Field

from lvc.config.contract import ConfigError, contract
from lvc.config.parts import EntropyConfig, LowDelayConfig
from lvc.config.spec import FrameKind, Model, ModelSpec


@contract
class LiftingConfig:
    """The learned wavelet transform: the lifting steps of CDF 9/7 with a network beside each."""

    channels: int = Field(16, ge=1)
    """Channels of the networks beside the taps."""
    gain: float = Field(0.1, ge=0)
    """Weight of the networks beside the taps."""
    low_scale: float = Field(1.149604398860241, gt=0)
    """What low-pass samples are multiplied by after lifting (CDF 9/7: 1.1496); not in lossless coding."""
    high_scale: float = Field(0.869864451624781, gt=0)
    """What high-pass samples are multiplied by after lifting (CDF 9/7: 0.8699); not in lossless coding."""
    border: Literal["symmetric", "mirror"] = "symmetric"
    """How samples go on at the border: as whole-sample symmetry does, or as in the released code."""


@contract
class WaveletCoderConfig(Model):
    """A coder of one-channel pictures by their wavelet bands (pWave++)."""

    lifting: LiftingConfig = LiftingConfig()
    """The wavelet transform."""
    levels: int = Field(4, ge=1, le=4)
    """Levels of the wavelet transform."""
    context_channels: int = Field(112, ge=2)
    """Channels of the four-step networks of a band."""
    memory_channels: int = Field(32, ge=1)
    """Channels of the long-term context."""
    ll_context: Literal["autoregressive", "four_step"] = "autoregressive"
    """How the lowest band is coded: sample by sample as in the paper, or in four passes of which each is parallel."""
    ll_channels: int = Field(128, ge=2)
    """Channels of the autoregressive network of the lowest band."""
    post_channels: int = Field(64, ge=1)
    """Channels of the post-processing network."""
    post_blocks: int = Field(6, ge=0)
    """Residual blocks of the post-processing network."""
    qualities: int = Field(21, ge=1)
    """Quality indices of the variable-rate model: q is any number from 0 to one less; 1 is a single rate."""
    step_start: tuple[float, float] = (0.0625, 0.0625)
    """What bands are multiplied by before rounding at the lowest and the highest q, before training."""
    compat: Literal["lvc", "official"] = "lvc"
    """`official` rates, tabulates and pads as the released code does (imports choose it)."""
    lossless: bool = False
    """Decode exactly the input: integer lifting and colour transform, no quantisation, no post-processing."""

    @property
    def spec(self) -> ModelSpec:
        """The model's facts with its own qualities and levels."""
        return replace(self.SPEC, qualities=self.qualities, spatial_levels=self.levels)

    def __post_init__(self):
        if min(self.step_start) <= 0:
            raise ConfigError("step_start", f"are positive factors, got {list(self.step_start)}")


@contract
class PWaveConfig(WaveletCoderConfig):
    """pWave++: intra codec on a learned wavelet transform (Meyer et al., ICIP 2024), each colour plane by itself."""

    SPEC: ClassVar[ModelSpec] = ModelSpec(
        network="lvc.models.pwave:PWave",
        summary="Intra codec on a learned wavelet transform, variable rate",
        parts=("intra",),
        kinds={"I": FrameKind(("intra",), ("ll", "lh", "hl", "hh"), intra=True)},
        stride=64,
        inside=(("coder.", "lowpass."), ("coder.", "highpass.")),
    )

    name: Literal["pwave"]
    """Model name."""
    size: Literal["full", "tiny"] = "full"
    """Name of the variant; the widths below decide."""
    chroma: Literal["444", "420"] = "444"
    """Size of the chroma planes: that of luma, or half of it each way."""
    train_on: Literal["luma", "all"] = "luma"
    """Planes that are coded in training: luma alone, as in the paper (chroma then passes uncoded), or all."""
    entropy: EntropyConfig = EntropyConfig(quantization="straight_through")
    """Quantisation and likelihood."""
    structure: LowDelayConfig = LowDelayConfig(intra_period=1)
    """Coding structure; an intra codec codes every frame alone."""
    weights: str | None = None
    """Export whose weights start this codec."""

    def __post_init__(self):
        WaveletCoderConfig.__post_init__(self)
        if self.lossless and self.chroma == "420":
            raise ConfigError("chroma", "lossless=true keeps every sample, which 420 does not; use 444")
