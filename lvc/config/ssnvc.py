"""What SSNVC may be configured to."""

from typing import ClassVar, Literal

from pydantic import Field

from lvc.config.contract import ConfigError, contract
from lvc.config.intra import IntraConfig, IntraWindowAttentionConfig, check_intra
from lvc.config.parts import EntropyConfig, LowDelayConfig, SpyNetConfig
from lvc.config.spec import Model, ModelSpec, p_frame_kinds


@contract
class SSNVCConfig(Model):
    """SSNVC: single-stream neural video compression (Wang et al., 2024)."""

    SPEC: ClassVar[ModelSpec] = ModelSpec(
        network="lvc.models.ssnvc:SSNVC",
        summary="Conditional P-frame codec that sends no motion",
        parts=("flow", "context", "frame", "intra"),
        kinds=p_frame_kinds(("flow", "context", "frame"), ("frame_hyper", "frame")),
        stride=64,
    )

    name: Literal["ssnvc"]
    """Model name."""
    size: Literal["full", "tiny"] = "full"
    """Name of the variant; the widths below decide."""
    channels: int = Field(64, ge=16, multiple_of=8)
    """Channels of features, contexts and the propagated feature."""
    latent_channels: int = Field(96, ge=6, multiple_of=6)
    """Channels of the frame latent y."""
    hyper_channels: int = Field(64, ge=8)
    """Channels of the hyper latent z."""
    mixed_blocks: bool = True
    """Mixed local-global blocks in the contextual encoder (MixM)."""
    predicted_motion: bool = True
    """Warp the decoder's contexts with the last decoded flow; false leaves them unwarped."""
    previous_latents: int = Field(2, ge=0, le=2)
    """Decoded latents of earlier frames in the entropy model (0: without "implicit temporal information", Table 4)."""
    unets: int = Field(3, ge=0)
    """U-Nets of the frame generator; 0 takes DCVC-TCM's residual blocks (Table 4)."""
    dense: bool = True
    """Feed every U-Net what all before it made, not only the last."""
    flow: SpyNetConfig = SpyNetConfig()
    """Motion estimation."""
    entropy: EntropyConfig = EntropyConfig()
    """Quantisation and likelihood."""
    structure: LowDelayConfig = LowDelayConfig(intra_period=12)
    """Coding structure."""
    intra: IntraConfig = IntraWindowAttentionConfig(name="intra_window_attention")
    """Codec of the intra frames."""

    def __post_init__(self):
        check_intra(self.intra, "rgb")
        if self.dense and self.unets < 2:
            raise ConfigError("dense", f"dense connections need 2 or more U-Nets, and unets is {self.unets}; use false")
