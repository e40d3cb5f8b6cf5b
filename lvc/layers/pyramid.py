"""Features at ever smaller sizes."""

from itertools import islice

from torch import Tensor, nn


class Pyramid(nn.ModuleList):
    """Levels of which each continues the one before."""

    def forward(self, x: Tensor, levels: int | None = None) -> list[Tensor]:
        """The features of the first ``levels`` levels, of all of them by default."""
        scales = []
        for level in islice(self, levels):  # a slice of a module list would be a new list
            x = level(x)
            scales.append(x)
        return scales
