"""Pairs of frames with the true flow between them."""

import numpy as np
import torch
from torch.utils.data import Dataset

from lvc.config.data import AugmentConfig, SyntheticConfig
from lvc.datasets.synthetic import SyntheticClips
from lvc.errors import UserError

EFFECTS = {
    "turning": 0.15,
    "parallax": 0.6,
    "thin": 0.15,
    "defocus": 0.2,
    "blur": 1.5,
    "motion_blur": 0.8,
    "noise": 6.0,
    "lighting": 0.1,
}
"""Everything real video has, as held-out scenes show it."""


def held_out(scenes: int) -> SyntheticClips:
    """Scenes far behind those of any training set, with all effects and motion up to 64 pixels."""
    config = SyntheticConfig(
        name="synthetic", first=2_000_000, clips=scenes, height=256, width=256, min_motion=1, max_motion=128, **EFFECTS
    )
    return SyntheticClips(config)


class FlowPairs(Dataset):
    """Training samples. All that is random in one follows from ``(seed, epoch, draw)``, never from workers.

    ``dataset[epoch, draw]`` is a dictionary with ``clip`` (uint8 ``(2, 3, h, w)``, the reference first), ``flow``
    (float32 ``(2, h, w)`` in pixels, from the second frame to the first), ``occluded`` (bool ``(h, w)``, pixels of
    the second frame that the first does not show), ``name``, ``index`` and ``skipped`` (empty).

    Args:
        source: Scenes.
        distance: Frames of the scene from the reference to the frame.
        random_distance: Draw the distance from 1 to ``distance`` instead.
        crop: Side of the square cut out at a random place; ``None`` for whole frames.
        augment: Flips and time reversal.
        seed: The run's seed.

    Raises:
        UserError: When the crop is larger than the scenes.
    """

    corrupt_budget = 0.0

    def __init__(
        self,
        source: SyntheticClips,
        distance: int = 1,
        random_distance: bool = False,
        crop: int | None = None,
        augment: AugmentConfig | None = None,
        seed: int = 0,
    ):
        self.source, self.distance, self.random_distance = source, distance, random_distance
        self.crop, self.augment, self.seed = crop, augment or AugmentConfig(), seed
        size = source.config.height, source.config.width
        if crop is not None and crop > min(size):
            raise UserError(f"scenes are {size[1]}x{size[0]}, too small for crops of {crop}x{crop}")

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, key: tuple[int, int]) -> dict:
        """See the class."""
        epoch, draw = key
        rng = np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(epoch, draw)))
        index = draw % len(self.source)
        step = int(rng.integers(1, self.distance + 1)) if self.random_distance else self.distance
        t = int(rng.integers(step, max(self.source.length(index), step + 1)))
        times = (t - step, t) if self.augment.time_reversal and rng.random() < 0.5 else (t, t - step)
        return self._augmented(index, times, rng)

    def _augmented(self, index: int, times: tuple[int, int], rng: np.random.Generator) -> dict:
        pair = self.source.pair(index, *times)
        frames, flow, occluded = pair.frames, pair.flow, pair.occluded
        where, mirror, upside = rng.random(2), rng.random(), rng.random()
        if self.crop is not None:
            top, left = (int(w * (n - self.crop + 1)) for w, n in zip(where, flow.shape[1:], strict=True))
            box = slice(top, top + self.crop), slice(left, left + self.crop)
            frames, flow, occluded = frames[:, *box], flow[:, *box], occluded[box]
        if self.augment.horizontal_flip and mirror < 0.5:
            sign = np.array([-1, 1], np.float32)[:, None, None]
            frames, flow, occluded = frames[:, :, ::-1], flow[:, :, ::-1] * sign, occluded[:, ::-1]
        if self.augment.vertical_flip and upside < 0.5:
            sign = np.array([1, -1], np.float32)[:, None, None]
            frames, flow, occluded = frames[:, ::-1], flow[:, ::-1] * sign, occluded[::-1]
        return item(frames, flow, occluded) | {"name": self.source.name(index), "index": index, "skipped": ""}


def item(frames: np.ndarray, flow: np.ndarray, occluded: np.ndarray) -> dict[str, torch.Tensor]:
    """Tensors ``clip``, ``flow`` and ``occluded`` of a pair whose frames are ``(2, h, w, 3)`` bytes."""
    arrays = {"clip": frames.transpose(0, 3, 1, 2), "flow": flow, "occluded": occluded}
    return {key: torch.from_numpy(np.ascontiguousarray(array)) for key, array in arrays.items()}
