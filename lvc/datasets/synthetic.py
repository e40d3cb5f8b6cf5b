"""Synthetic clips: dead-leaves scenes by number, with their true flow."""

from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache

import numpy as np

from lvc.config.data import AugmentConfig, SyntheticConfig
from lvc.datasets.leaves import Pair, Scene
from lvc.datasets.rendered import KeptScenes
from lvc.errors import UserError

_ENTROPY = 0x1EAF
"""Scenes depend on nothing but their number, so this stays as it is."""


class SyntheticClips:
    """Scenes ``first`` to ``first + clips - 1``; scene i is the same for ever.

    Args:
        config: Sizes and ranges.

    Attributes:
        kept: Where rendered frames are kept between runs, ``None`` where they are not.
    """

    def __init__(self, config: SyntheticConfig):
        self.config = config
        self.kept = KeptScenes(config) if config.cache else None
        self._pairs: dict[tuple[int, int, int], Pair] = {}

    def __len__(self) -> int:
        return self.config.clips

    def name(self, index: int) -> str:
        """Such as ``scene00012``."""
        return f"scene{self.config.first + index:05d}"

    def length(self, index: int) -> int:
        """``clip_frames``."""
        return self.config.clip_frames

    def size(self, index: int) -> tuple[int, int]:
        """Height and width that the configuration says."""
        return self.config.height, self.config.width

    def read(self, index: int, start: int, count: int, step: int = 1) -> np.ndarray:
        """See :meth:`lvc.datasets.sources.ClipSource.read`."""
        last = start + (count - 1) * step + 1
        if last > self.config.clip_frames:
            have = self.config.clip_frames
            raise UserError(f"{self.name(index)}: has {have} frames (dataset.clip_frames), {last} were asked for")
        if self.kept is None:
            return self._render(index, range(start, last, step))
        everything = range(self.config.clip_frames)
        kept = self.kept.frames(self.config.first + index, lambda: self._render(index, everything))
        return np.array(kept[start:last:step])

    def flow(self, index: int, t: int, step: int = 1) -> np.ndarray:
        """True flow from frame ``t`` back to frame ``t - step``.

        Returns:
            float32 ``(2, H, W)`` in pixels, channel 0 horizontal, pointing from target to reference.
        """
        return self.scene(index).flow(t, t - step)

    def occlusion(self, index: int, t: int, step: int = 1) -> np.ndarray:
        """Bool ``(H, W)``: pixels of frame ``t`` that frame ``t - step`` does not show."""
        return self.scene(index).occlusion(t, t - step)

    def pair(self, index: int, t: int, reference: int) -> Pair:
        """Frames ``reference`` and ``t``, with the true flow from the latter to the former."""
        key = index, t, reference
        if key in self._pairs:
            return self._pairs[key]
        pair = self.scene(index).pair(t, reference)
        if self.config.cache:
            self._pairs[key] = pair
        return pair

    def _render(self, index: int, times: Iterable[int]) -> np.ndarray:
        scene = self.scene(index)
        return np.stack([scene.frame(t) for t in times])

    def scene(self, index: int) -> Scene:
        """The scene of a clip."""
        # equal configurations but for these draw the same scene from the same number
        return _scene(self.config.first + index, replace(self.config, first=0, clips=1, augment=AugmentConfig()))


@lru_cache(maxsize=2)
def _scene(number: int, config: SyntheticConfig) -> Scene:
    rng = np.random.default_rng(np.random.SeedSequence(_ENTROPY, spawn_key=(number,)))
    return Scene(rng, config)
