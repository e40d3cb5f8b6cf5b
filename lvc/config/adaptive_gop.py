"""How an encoder may split a group of frames that a temporal transform codes."""

from typing import Literal

from pydantic import Field

from lvc.config.contract import ConfigError, contract
from lvc.config.motion_resolution import Filter, check_factors


@contract
class AdaptiveGOPConfig:
    """Groups, and the resolution of their motion, chosen by content while encoding; nothing is trained for it."""

    adaptive: bool = False
    """Whether each block of `gop` frames is split as its content asks for (pMCTF-CA-L); else it is one group."""
    search: Literal["early_stop", "exhaustive"] = "early_stop"
    """`early_stop`: ever smaller groups, then ever smaller motion, until one costs more; `exhaustive` codes all."""
    gops: tuple[int, ...] = Field((16, 8, 4), min_length=1)
    """Lengths that groups may have: descending powers of two; those above `gop` are left out."""
    factors: tuple[int, ...] = Field((1, 2, 4, 8), min_length=1)
    """What frames may be made smaller by for a group's motion: ascending powers of two."""
    filter: Filter = "bilinear"
    """How they are made smaller: mean of squares, bilinear without smoothing (as released), bicubic with it."""
    lmbda: float | None = Field(None, gt=0)
    """Weight of the MSE against bits per pixel; null takes that of the export's training, at the quality coded."""

    def __post_init__(self):
        for gop in self.gops:
            if gop < 1 or gop & (gop - 1):
                raise ConfigError("gops", f"{gop} is no power of two")
        if list(self.gops) != sorted(set(self.gops), reverse=True):
            raise ConfigError("gops", f"{list(self.gops)} do not descend; try {sorted(set(self.gops), reverse=True)}")
        check_factors(self.factors)
