"""Integer coding tables: what a symbol's table index stands for, bit for bit, on every machine."""

from collections.abc import Callable, Sequence
from functools import cached_property

import constriction
import numpy as np
import torch
from torch import Tensor

TOTAL = 1 << 24
"""Counts of a row sum to about this: the precision of the range coder."""


class CodingTables:
    """Rows of symbol counts. Row ``i`` covers the integers ``lows[i] ...`` and ends with the escape symbol.

    Args:
        rows: Positive counts per row, the last one the escape's.
        lows: Smallest integer of each row.
    """

    def __init__(self, rows: Sequence[np.ndarray], lows: Sequence[int]):
        self.rows = [np.asarray(row, np.int64) for row in rows]
        self.lows = np.asarray(lows, np.int32)
        self.sizes = np.asarray([len(row) - 1 for row in rows], np.int32)
        self._models: dict[int, constriction.stream.model.Categorical] = {}

    @classmethod
    def from_cdf(cls, cdf: Callable[[np.ndarray], np.ndarray], rows: int, widest: int, tail: float) -> "CodingTables":
        """Tables of integer-valued variables.

        Args:
            cdf: Distribution functions: maps ``(rows, K)`` points to ``(rows, K)`` probabilities in float64.
            rows: Number of tables.
            widest: Integers beyond plus or minus this are left to the escape symbol.
            tail: Probability on each side that is left to the escape symbol.
        """
        edges = np.broadcast_to(np.arange(-widest, widest + 2) - 0.5, (rows, 2 * widest + 2))
        cumulative = cdf(edges)
        found, lows = [], []
        for line in cumulative:
            inside = np.flatnonzero((line[1:] > tail) & (line[:-1] < 1 - tail))
            first, last = (inside[0], inside[-1]) if len(inside) else (widest, widest)
            pmf = np.diff(line[first : last + 2])
            found.append(counts(np.append(pmf, max(0.0, 1 - pmf.sum()))))
            lows.append(first - widest)
        return cls(found, lows)

    def model(self, index: int) -> constriction.stream.model.Categorical:
        """The range coder's model of row ``index``."""
        if index not in self._models:
            self._models[index] = constriction.stream.model.Categorical(self.rows[index] / TOTAL, perfect=False)
        return self._models[index]

    @cached_property
    def tensors(self) -> dict[str, Tensor]:
        """The tables as integer tensors, for an export."""
        return {
            "counts": torch.from_numpy(np.concatenate(self.rows).astype(np.int32)),
            "sizes": torch.from_numpy(self.sizes.copy()),
            "lows": torch.from_numpy(self.lows.copy()),
        }

    @classmethod
    def from_tensors(cls, tensors: dict[str, Tensor]) -> "CodingTables":
        """The inverse of :attr:`tensors`."""
        ends = np.cumsum(tensors["sizes"].numpy() + 1)
        return cls(np.split(tensors["counts"].numpy(), ends[:-1]), tensors["lows"].tolist())


def counts(pmf: np.ndarray) -> np.ndarray:
    """Integer counts of about :data:`TOTAL` in all, none of them 0, from probabilities."""
    return np.maximum(np.rint(pmf * (TOTAL - len(pmf))).astype(np.int64), 1)
