"""Several clip sources as one, drawn from by weight."""

from collections.abc import Sequence

import numpy as np


class MixtureClips:
    """The clips of several sources, one source's after the other's.

    Args:
        names: Of the sources; they come before the clips' own names.
        sources: Clip sources.
        weights: How often each is drawn from, in proportion.
    """

    def __init__(self, names: Sequence[str], sources: Sequence, weights: Sequence[float]):
        self.names, self.sources = list(names), list(sources)
        self.ends = np.cumsum([len(source) for source in sources])
        self.shares = np.cumsum(weights) / np.sum(weights)

    def __len__(self) -> int:
        return int(self.ends[-1])

    def pick(self, rng: np.random.Generator) -> int:
        """Number of a random clip: a source by weight, then any of its clips."""
        source = int(np.searchsorted(self.shares, rng.random(), side="right"))
        return int(self.ends[source]) - 1 - int(rng.integers(len(self.sources[source])))

    def name(self, index: int) -> str:
        """Name of the set and of its clip, such as ``mine/street``."""
        source, inner = self._find(index)
        return f"{self.names[source]}/{self.sources[source].name(inner)}"

    def length(self, index: int) -> int:
        """See :meth:`lvc.datasets.sources.ClipSource.length`."""
        source, inner = self._find(index)
        return self.sources[source].length(inner)

    def size(self, index: int) -> tuple[int, int]:
        """See :meth:`lvc.datasets.sources.ClipSource.size`."""
        source, inner = self._find(index)
        return self.sources[source].size(inner)

    def read(self, index: int, start: int, count: int, step: int = 1) -> np.ndarray:
        """See :meth:`lvc.datasets.sources.ClipSource.read`."""
        source, inner = self._find(index)
        return self.sources[source].read(inner, start, count, step)

    def _find(self, index: int) -> tuple[int, int]:
        source = int(np.searchsorted(self.ends, index, side="right"))
        return source, index - (int(self.ends[source]) - len(self.sources[source]))
