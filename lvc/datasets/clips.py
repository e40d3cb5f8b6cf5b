"""How a sample is drawn from a source: at random in training, whole and in order in validation."""

import logging

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from lvc.config.data import AugmentConfig
from lvc.datasets.sources import ClipSource
from lvc.errors import UserError

log = logging.getLogger(__name__)

ATTEMPTS = 10
"""Clips tried for one sample before giving up."""


class SampledClips(Dataset):
    """Training samples. All that is random in one follows from ``(seed, epoch, draw)``, never from workers.

    ``dataset[epoch, draw]`` is a dictionary with ``clip`` (uint8 ``(T, 3, h, w)``), ``name``, ``index`` (of
    the clip in the source) and ``skipped``: names of unreadable clips that this one stands in for, one per
    line; empty for nearly all. Draws beyond the number of clips go round again with other random numbers.

    Args:
        source: Clips.
        frames: Frames of a sample.
        distance: Frames of the source from one frame of a sample to the next.
        random_distance: Draw the distance from 1 to ``distance`` instead.
        crop: Side of the square cut out at a random place; ``None`` for whole frames.
        augment: Flips and time reversal.
        seed: The run's seed.
        corrupt_budget: Share of unreadable samples at which the loader stops the run.
    """

    def __init__(
        self,
        source: ClipSource,
        frames: int,
        distance: int = 1,
        random_distance: bool = False,
        crop: int | None = None,
        augment: AugmentConfig | None = None,
        seed: int = 0,
        corrupt_budget: float = 0.01,
    ):
        self.source, self.frames, self.crop, self.seed = source, frames, crop, seed
        self.distance, self.random_distance = distance, random_distance
        self.augment = augment or AugmentConfig()
        self.corrupt_budget = corrupt_budget

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, key: tuple[int, int]) -> dict:
        """See the class.

        Raises:
            UserError: When a clip is shorter or smaller than asked for, or too many in a row are unreadable.
        """
        epoch, draw = key
        skipped = []
        for attempt in range(ATTEMPTS):
            rng = np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(epoch, draw, attempt)))
            index = int(rng.integers(len(self.source))) if attempt else draw % len(self.source)
            name = self.source.name(index)
            try:
                clip = self._read(index, rng)
            except UserError as error:
                log.warning("skipped unreadable clip: %s", error)
                skipped.append(name)
                continue
            clip = self._augment(clip, name, rng)
            return {"clip": clip, "name": name, "index": index, "skipped": "\n".join(skipped)}
        raise UserError(f"{ATTEMPTS} clips in a row are unreadable: {', '.join(dict.fromkeys(skipped))}")

    def _read(self, index: int, rng: np.random.Generator) -> np.ndarray:
        step = int(rng.integers(1, self.distance + 1)) if self.random_distance else self.distance
        starts = self.source.length(index) - (self.frames - 1) * step
        return self.source.read(index, int(rng.integers(max(starts, 1))), self.frames, step)

    def _augment(self, clip: np.ndarray, name: str, rng: np.random.Generator) -> Tensor:
        left, mirror, upside, backwards = rng.random(2), rng.random(), rng.random(), rng.random()
        clip = _cut(clip, self.crop, left, name)
        if self.augment.horizontal_flip and mirror < 0.5:
            clip = clip[:, :, ::-1]
        if self.augment.vertical_flip and upside < 0.5:
            clip = clip[:, ::-1]
        if self.augment.time_reversal and backwards < 0.5:
            clip = clip[::-1]
        return _tensor(clip)


class WholeClips(Dataset):
    """Validation samples: the first frames of every clip. What is unreadable is refused, not skipped.

    ``dataset[index]`` is a dictionary with ``clip`` (uint8 ``(T, 3, h, w)``), ``name`` and ``index``.

    Args:
        source: Clips.
        frames: Frames taken from each clip's beginning; ``None`` for all.
        crop: Side of the square cut out of the centre; ``None`` for whole frames.
        clips: Only so many clips, from the first on; ``None`` for all.
    """

    def __init__(
        self, source: ClipSource, frames: int | None = None, crop: int | None = None, clips: int | None = None
    ):
        self.source, self.frames, self.crop = source, frames, crop
        self.clips = min(clips or len(source), len(source))

    def __len__(self) -> int:
        return self.clips

    def __getitem__(self, index: int) -> dict:
        """See the class.

        Raises:
            UserError: When a clip is unreadable, too short or smaller than the crop.
        """
        if not 0 <= index < self.clips:
            raise IndexError(index)
        name = self.source.name(index)
        clip = self.source.read(index, 0, self.frames or self.source.length(index))
        clip = _cut(clip, self.crop, np.array([0.5, 0.5]), name)
        return {"clip": _tensor(clip), "name": name, "index": index}


def _cut(clip: np.ndarray, side: int | None, where: np.ndarray, name: str) -> np.ndarray:
    """Cut a square out of ``(T, H, W, 3)``; ``where`` in [0, 1) chooses row and column."""
    if side is None:
        return clip
    height, width = clip.shape[1:3]
    if side > min(height, width):
        raise UserError(f"clip {name}: is {width}x{height}, too small for crops of {side}x{side}")
    top, left = (int(part * (length - side + 1)) for part, length in zip(where, (height, width), strict=True))
    return clip[:, top : top + side, left : left + side]


def _tensor(clip: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(clip.transpose(0, 3, 1, 2)))
