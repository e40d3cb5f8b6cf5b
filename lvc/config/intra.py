"""What an intra codec may be configured to."""

from typing import ClassVar, Literal

from pydantic import Field

from lvc.config.contract import contract
from lvc.config.parts import EntropyConfig, LowDelayConfig


@contract
class IntraCheng2020Config:
    """Intra codec: Cheng 2020 (anchor) without its autoregressive context model, from CompressAI's layers."""

    PARTS: ClassVar[tuple[str, ...]] = ("intra",)
    STREAMS: ClassVar[tuple[str, ...]] = ("intra", "intra_hyper")
    STRIDE: ClassVar[int] = 64
    CODEC: ClassVar[str] = "lvc.models.intra_cheng2020:IntraCheng2020"
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
