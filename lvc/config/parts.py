"""Parts that several models are configured with: coding structure, entropy coding, motion estimation."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from lvc.config.adaptive_gop import AdaptiveGOPConfig
from lvc.config.contract import ConfigError, contract
from lvc.config.outside import check_name


@contract
class LowDelayConfig:
    """I P P P ...: every frame refers to the one before it."""

    name: Literal["low_delay"] = "low_delay"
    """Coding structure."""
    intra_period: int = Field(32, ge=1)
    """Frames from one intra frame to the next (1: all intra)."""
    intra_offset: float = 0.0
    """Quality of intra frames above that of the others, in quality indices of a variable-rate model."""
    offsets: tuple[float, ...] = ()
    """Quality offsets of the frames after an intra frame, in turn and repeated: (-2, 4, 0, 4) makes every second frame
    better (hierarchical quality, as in the low-delay settings of HM and VTM)."""
    refresh: int | None = Field(None, ge=1)
    """Every so many frames a frame refers to the decoded picture alone, so that errors in features do not grow
    (DCVC-FM, Li et al., CVPR 2024)."""


@contract
class HierarchicalBConfig:
    """Dyadic groups of B frames, each half-way between its two references."""

    name: Literal["hierarchical_b"] = "hierarchical_b"
    """Coding structure."""
    gop: int = Field(32, ge=2)
    """Frames from one end of a group to the next, a power of two."""
    intra_period: int = Field(32, ge=2)
    """Frames from one intra frame to the next, a multiple of `gop`; groups between end in B* frames."""
    tail: Literal["bstar", "drop"] = "bstar"
    """Frames after the last whole group: `bstar` codes them in smaller groups, `drop` leaves them out."""

    def __post_init__(self):
        if self.gop & (self.gop - 1):
            below = 1 << self.gop.bit_length() - 1
            raise ConfigError("gop", f"{self.gop} is no power of two; near ones are {below} and {2 * below}")
        if self.intra_period % self.gop:
            raise ConfigError("intra_period", f"{self.intra_period} is no multiple of the GOP of {self.gop} frames")


@contract
class MCTFConfig(AdaptiveGOPConfig):
    """Motion-compensated temporal filtering: groups of frames become one low-pass frame and high-pass ones."""

    name: Literal["mctf"] = "mctf"
    """Coding structure."""
    gop: int = Field(16, ge=1)
    """Frames of a group, a power of two; the last group of a video is split into smaller ones."""
    first_levels: tuple[int, ...] = ()
    """Levels that training clips of frames 1, 2, ... apart begin at; those not named, at the logarithm of the distance
    to base 2, rounded down."""

    def __post_init__(self):
        AdaptiveGOPConfig.__post_init__(self)
        if self.gop & (self.gop - 1):
            below = 1 << self.gop.bit_length() - 1
            raise ConfigError("gop", f"{self.gop} is no power of two; near ones are {below} and {2 * below}")
        if self.adaptive and min(self.gops) > self.gop:
            raise ConfigError("gops", f"none of {list(self.gops)} fits into blocks of {self.gop} frames")
        if any(level < 0 for level in self.first_levels):
            raise ConfigError("first_levels", f"levels are counted from 0, got {list(self.first_levels)}")

    def first_level(self, distance: int) -> int:
        """The level that a training clip of frames ``distance`` apart begins at."""
        named = distance <= len(self.first_levels)
        return self.first_levels[distance - 1] if named else distance.bit_length() - 1


@contract
class EntropyConfig:
    """Quantisation and likelihood settings shared by all latents of a codec."""

    quantization: Literal["mixed", "noise", "straight_through"] = "mixed"
    """For rounding, in training: `mixed` decodes straight-through rounded latents and rates noisy ones."""
    likelihood_bound: float = Field(1e-9, gt=0, lt=1e-2)
    """Smallest probability the rate estimate gives a symbol."""


@contract
class StagedContextConfig:
    """The order in which a latent is coded in passes, and what each pass knows of the passes before it."""

    groups: tuple[int, ...] = Field((16, 16, 32, 64), min_length=1)
    """Channels of each group, in coding order; they sum to the latent's channels."""
    spatial: Literal["none", "checkerboard", "four_step"] = "checkerboard"
    """Passes over a group: one; the two colours of a checkerboard; the quarters of 2x2 squares, groups side by side."""
    channel: bool = True
    """Whether a group knows the groups before it."""
    widths: tuple[int, int] = (224, 128)
    """Channels between the three 5x5 convolutions of the channel context."""

    def __post_init__(self):
        if min(self.groups) < 1:
            raise ConfigError("groups", f"every group needs a channel, got {list(self.groups)}")
        if self.spatial == "four_step" and not self.channel:
            raise ConfigError(
                "channel", "spatial=four_step codes groups side by side, and each pass knows all; use true"
            )


@contract
class SpyNetConfig:
    """Optical flow: a pyramid of small networks, coarse to fine."""

    levels: int = Field(4, ge=1, le=6)
    """Levels of the flow pyramid."""
    widths: tuple[int, int, int, int] = (32, 64, 32, 16)
    """Channels between the five 7x7 convolutions of a level."""
    pretrained: bool = False
    """Start from the weights that come with the package (docs/flow.md)."""
    weights: str | None = None
    """Export whose flow network starts this one: a codec's, or one of a flow network by itself."""

    def __post_init__(self):
        if self.pretrained and self.weights:
            raise ConfigError("weights", "pretrained=true has weights already; give one or the other")
        if self.pretrained and not shipped_flow(self.widths).is_file():
            have = " and ".join(str(list(widths)) for widths in shipped_widths())
            raise ConfigError(
                "pretrained", f"no weights come with the package for widths {list(self.widths)}; for {have}"
            )


@contract
class PWCNetConfig:
    """Optical flow by cost volumes (PWC-Net: Sun et al., CVPR 2018)."""

    features: tuple[int, int, int, int, int, int] = (16, 32, 64, 96, 128, 196)
    """Channels of the features at 1/2 to 1/64 of the size."""
    decoder: tuple[int, ...] = Field((128, 128, 96, 64, 32), min_length=1)
    """Channels of each level's densely connected convolutions."""
    context: tuple[int, int, int, int, int, int] = (128, 128, 128, 96, 64, 32)
    """Channels of the context network's convolutions."""
    radius: int = Field(4, ge=1)
    """Reach of a comparison, in pixels of its level."""


@contract
class FlowConfig(SpyNetConfig):
    """Motion estimation; `levels`, `widths` and `pretrained` are SpyNet's."""

    name: str = "spynet"
    """The network: `spynet`, `pwc` (PWC-Net), or one that another package brings."""
    pwc: PWCNetConfig = PWCNetConfig()
    """PWC-Net's channels."""

    def __post_init__(self):
        check_name("flow_networks", self.name, "name", ("spynet", "pwc"))
        if self.name == "pwc" and self.pretrained:
            raise ConfigError("pretrained", "no weights come with the package for pwc; train some (model=pwc_net)")
        super().__post_init__()


FLOW_WEIGHTS = Path(__file__).parents[1] / "motion" / "weights"
"""Folder of the flow networks that come with the package."""


def shipped_flow(widths: tuple[int, ...]) -> Path:
    """The export of the package's flow network with these widths (where there is one)."""
    return FLOW_WEIGHTS / f"spynet_{'_'.join(map(str, widths))}.safetensors"


def shipped_widths() -> list[tuple[int, ...]]:
    """Widths of the flow networks that come with the package, the widest first."""
    found = (path.stem.split("_")[1:] for path in FLOW_WEIGHTS.glob("spynet_*.safetensors"))
    return sorted((tuple(map(int, widths)) for widths in found), reverse=True)
