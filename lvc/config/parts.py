"""Parts that several models are configured with: coding structure, entropy coding, motion estimation."""

from typing import Literal

from pydantic import Field

from lvc.config.contract import contract


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
class SpyNetConfig:
    """Optical flow: a pyramid of small networks, coarse to fine."""

    levels: int = Field(4, ge=1, le=6)
    """Levels of the flow pyramid."""
    widths: tuple[int, int, int, int] = (32, 64, 32, 16)
    """Channels between the five 7x7 convolutions of a level."""
    weights: str | None = None
    """Export whose flow network starts this one."""
