"""At what resolution an encoder may code motion."""

from typing import Literal

from pydantic import Field

from lvc.config.contract import ConfigError, contract

Filter = Literal["box", "bilinear", "antialiased"]


@contract
class MotionResolutionConfig:
    """The resolution of motion, chosen per frame while encoding; nothing is trained for it."""

    search: Literal["none", "exhaustive", "by_level", "early_stop", "ranked"] = "none"
    """`none`: the frame's own; `exhaustive` codes all; `by_level`: factors up to twice the distance to the reference;
    `early_stop`: ascending until one costs more; `ranked` codes the one whose motion, uncoded, predicts best."""
    factors: tuple[int, ...] = Field((1, 2, 4, 8), min_length=1)
    """What frames may be made smaller by for motion: ascending powers of two."""
    variant: Literal["omra", "A", "B"] = "omra"
    """`omra` codes small flow; `A` enlarges flow before it is coded; `B` compensates small frames (B frames alone)."""
    filter: Filter = "box"
    """How frames are made smaller: mean of squares, bilinear without smoothing, bicubic with it."""
    lmbda: float | None = Field(None, gt=0)
    """Weight of the MSE against bits per pixel; null takes that of the export's training."""

    def __post_init__(self):
        check_factors(self.factors)
        if self.lmbda is not None and self.search == "ranked":
            raise ConfigError("lmbda", "search=ranked compares no costs; leave it null, or take another search")


def check_factors(factors: tuple[int, ...]) -> None:
    """Refuse what frames cannot be made smaller by.

    Raises:
        ConfigError: Naming the factor, or an order that would do.
    """
    for factor in factors:
        if not 0 < factor <= 64 or factor & (factor - 1):
            raise ConfigError("factors", f"{factor} is no power of two from 1 to 64")
    if list(factors) != sorted(set(factors)):
        raise ConfigError("factors", f"{list(factors)} do not ascend; try {sorted(set(factors))}")


def check_variant(config: MotionResolutionConfig, variants: tuple[str, ...]) -> None:
    """Refuse a variant that a codec does not know.

    Raises:
        ConfigError: Naming those it knows.
    """
    if config.variant not in variants:
        raise ConfigError("motion_resolution.variant", f"'{config.variant}' is not one of {', '.join(variants)} here")
