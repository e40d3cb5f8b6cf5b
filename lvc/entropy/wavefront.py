"""Positions of a raster-ordered latent that can be coded at once."""

from collections.abc import Iterator

import torch
from torch import Tensor


def wavefronts(
    height: int, width: int, lag: int, device: torch.device | str = "cpu"
) -> Iterator[tuple[Tensor, Tensor]]:
    """Rows and columns of the positions that are coded together, in coding order: equal ``column + lag * row``.

    Args:
        height: Rows.
        width: Columns.
        lag: Columns that a row is ahead of the next: one more than a context reaches to the right in the row above.
        device: Where the indices are needed.
    """
    for step in range(width + lag * (height - 1)):
        rows = torch.arange(max(0, -(-(step - width + 1) // lag)), min(height, step // lag + 1), device=device)
        if len(rows):
            yield rows, step - lag * rows
