"""Near-duplicate clips, by perceptual hashes."""

from collections.abc import Iterable

import numpy as np

_BITS = np.array([bin(byte).count("1") for byte in range(256)], np.uint8)


class Seen:
    """Clips kept so far, by source and hashes.

    Clips of one source are duplicates if their frames agree place by place: first with first, and so on, because
    the last frame of a clip always resembles the first of the next. Clips of two sources are duplicates if any
    frame of one is a frame of the other, so that copies that begin elsewhere are found.

    Args:
        distance: Largest number of differing bits; -1 finds no duplicates.
    """

    def __init__(self, distance: int):
        self.distance, self.names = distance, []
        self._hashes = np.empty((0, 3), np.uint64)
        self._sources = np.empty(0, np.int64)

    def find(self, source: int, hashes: Iterable[int]) -> str | None:
        """Name of a kept clip that this one duplicates.

        Args:
            source: Number of the clip's source, or of the group it belongs to.
            hashes: Of its first, middle and last frame.
        """
        if self.distance < 0 or not self.names:
            return None
        count = len(self.names)
        mine = np.array(list(hashes), np.uint64)
        differing = self._hashes[:count, None, :] ^ mine[None, :, None]
        bits = _BITS[differing.view(np.uint8).reshape(count, 3, 3, 8)].sum(-1, dtype=np.uint8)  # clip, mine, theirs
        same = self._sources[:count] == source
        distance = np.where(same, bits.diagonal(axis1=1, axis2=2).max(1), bits.min((1, 2)))
        nearest = int(distance.argmin())
        return self.names[nearest] if distance[nearest] <= self.distance else None

    def add(self, name: str, source: int, hashes: Iterable[int]) -> None:
        """Keep a clip."""
        if len(self.names) == len(self._hashes):
            room = max(1024, len(self.names))
            self._hashes = np.concatenate([self._hashes, np.empty((room, 3), np.uint64)])
            self._sources = np.concatenate([self._sources, np.empty(room, np.int64)])
        self._hashes[len(self.names)] = list(hashes)
        self._sources[len(self.names)] = source
        self.names.append(name)
