"""At what resolution an encoder may code motion."""

from typing import Literal

from pydantic import Field

from lvc.config.contract import ConfigError, contract

SMALLEST = 16
"""Shortest side of a picture that motion is told from: one element of a motion latent."""

Filter = Literal["box", "bilinear", "antialiased"]


@contract
class MotionResolutionConfig:
    """The resolution of motion, chosen per frame while encoding; nothing is trained for it."""

    search: Literal["none", "exhaustive", "by_level", "early_stop", "ranked", "classifier"] = "none"
    """`none`: the frame's own; `exhaustive` codes all; `by_level`: factors up to twice the distance to the reference;
    `early_stop`: ascending until one costs more; `ranked` codes the one whose motion, uncoded, predicts best;
    `classifier` the one that a trained network says."""
    factors: tuple[int, ...] = Field((1, 2, 4, 8), min_length=1)
    """What frames may be made smaller by for motion: ascending powers of two."""
    variant: Literal["omra", "A", "B"] = "omra"
    """`omra` codes small flow; `A` enlarges flow before it is coded; `B` compensates small frames (B frames alone)."""
    filter: Filter = "box"
    """How frames are made smaller: mean of squares, bilinear without smoothing, bicubic with it."""
    lmbda: float | None = Field(None, gt=0)
    """Weight of the MSE against bits per pixel; null takes that of the export's training."""
    classifier: str | None = None
    """Export of `model=resolution_classifier`, for `search=classifier`."""
    candidates: int = Field(1, ge=1)
    """Factors that `ranked` and `classifier` code, the likeliest; the cheapest of several is taken."""

    def __post_init__(self):
        check_factors(self.factors)
        if self.search == "classifier" and self.classifier is None:
            raise ConfigError("classifier", "search=classifier needs the export of one (model=resolution_classifier)")
        if self.search != "classifier" and self.classifier is not None:
            raise ConfigError("classifier", f"search={self.search} asks none; take search=classifier, or null")
        if self.candidates > 1 and not self.narrows:
            raise ConfigError("candidates", f"search={self.search} picks none; they are of ranked and classifier")
        if self.lmbda is not None and self.narrows and self.candidates == 1:
            what = f"search={self.search} compares no costs of a single candidate"
            raise ConfigError("lmbda", f"{what}; leave it null, or take another search or more candidates")

    @property
    def narrows(self) -> bool:
        """Whether the search picks candidates without coding."""
        return self.search in ("ranked", "classifier")

    @property
    def compares_costs(self) -> bool:
        """Whether the search codes a frame several times, and so needs a lambda."""
        return len(self.factors) > 1 and not (self.narrows and self.candidates == 1)


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
