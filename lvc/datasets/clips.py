"""How a sample is drawn from a source: at random in training, whole and in order in validation."""

import hashlib
import logging
from collections.abc import Sequence

import numpy as np
from torch.utils.data import Dataset

from lvc.config.data import AugmentConfig
from lvc.datasets.augment import augmented, cut, to_clip
from lvc.datasets.mixture import MixtureClips
from lvc.datasets.sources import ClipSource, Need, common_size
from lvc.errors import UserError

log = logging.getLogger(__name__)

ATTEMPTS = 10
"""Clips tried for one sample before giving up."""


class SampledClips(Dataset):
    """Training samples. All that is random in one follows from ``(seed, epoch, draw)``, never from workers.

    ``dataset[epoch, draw]`` is a dictionary with ``clip`` (uint8 ``(T, C, h, w)``; C is 3, or 1 for luma), ``name``,
    ``index`` (of the clip in the source), ``distance`` (from frame to frame, in the source) and ``skipped``: names of
    unreadable clips that this one stands in for, one per line; empty for nearly all. Draws beyond the number of clips
    go round again with other random numbers.

    Args:
        source: Clips.
        frames: Frames of a sample.
        distance: Frames of the source from one frame of a sample to the next.
        random_distance: Draw the distance from 1 to ``distance`` instead.
        crop: Side of the square cut out at a random place; ``None`` for whole frames.
        augment: Flips, time reversal, resampling, brightness.
        seed: The run's seed.
        corrupt_budget: Share of unreadable samples at which the loader stops the run.
        batched: Whether whole frames have to be of the size that most clips have.
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
        batched: bool = False,
    ):
        self.source, self.frames, self.crop, self.seed = source, frames, crop, seed
        self.distance, self.random_distance = distance, random_distance
        self.augment = augment or AugmentConfig()
        self.corrupt_budget = corrupt_budget
        self.need = need(source, frames, distance, crop, self.augment, batched)

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, key: tuple[int, int]) -> dict:
        """See the class.

        Raises:
            UserError: When too many clips in a row are unreadable or unfit.
        """
        epoch, draw = key
        skipped, unfit = [], None
        for attempt in range(ATTEMPTS):
            rng = np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(epoch, draw, attempt)))
            index = self._choose(draw, attempt, rng)
            name = self.source.name(index)
            try:
                if problem := self.need.problem(self.source, index):
                    log.debug("left out clip %s: %s", name, problem)
                    unfit = unfit or f"clip {name}: {problem}"
                    continue
                clip, distance = self._read(index, rng)
            except UserError as error:
                log.warning("skipped unreadable clip: %s", error)
                skipped.append(name)
                continue
            clip = augmented(clip, self.crop, self.augment, rng, name)
            return {"clip": clip, "name": name, "index": index, "distance": distance, "skipped": "\n".join(skipped)}
        if unfit:
            raise UserError(unfit)
        raise UserError(f"{ATTEMPTS} clips in a row are unreadable: {', '.join(dict.fromkeys(skipped))}")

    def _choose(self, draw: int, attempt: int, rng: np.random.Generator) -> int:
        """The clip of a draw: of a mixture by weight, else in turn, or any where one was unreadable."""
        if isinstance(self.source, MixtureClips):
            return self.source.pick(rng)
        return int(rng.integers(len(self.source))) if attempt else draw % len(self.source)

    def _read(self, index: int, rng: np.random.Generator) -> tuple[np.ndarray, int]:
        step = int(rng.integers(1, self.distance + 1)) if self.random_distance else self.distance
        starts = self.source.length(index) - (self.frames - 1) * step
        return self.source.read(index, int(rng.integers(max(starts, 1))), self.frames, step), step


def need(
    source: ClipSource, frames: int, distance: int, crop: int | None, augment: AugmentConfig, batched: bool
) -> Need:
    """What samples need of a clip; where it is resampled, at the scale that takes the smallest part of it."""
    size = common_size(source) if batched and crop is None else None
    highest = augment.scale[1] if augment.resamples else 1
    return Need(frames, distance, 1 if crop is None else round(crop / highest), size)


class WholeClips(Dataset):
    """Validation samples: the first frames of every clip. What is unreadable is refused, not skipped.

    ``dataset[index]`` is a dictionary with ``clip`` (uint8 ``(T, C, h, w)``; C is 3, or 1 for luma),
    ``name`` and ``index``.

    Args:
        source: Clips.
        frames: Frames taken from each clip's beginning; ``None`` for all.
        crop: Side of the square cut out of the centre; ``None`` for whole frames.
        clips: Numbers of the clips to take; ``None`` for all.
    """

    def __init__(
        self, source: ClipSource, frames: int | None = None, crop: int | None = None, clips: Sequence[int] | None = None
    ):
        self.source, self.frames, self.crop = source, frames, crop
        self.chosen = range(len(source)) if clips is None else clips

    def __len__(self) -> int:
        return len(self.chosen)

    def __getitem__(self, index: int) -> dict:
        """See the class.

        Raises:
            UserError: When a clip is unreadable, too short or smaller than the crop.
        """
        index = self.chosen[index]
        name = self.source.name(index)
        clip = self.source.read(index, 0, self.frames or self.source.length(index))
        clip = cut(clip, self.crop, np.array([0.5, 0.5]), name)
        return {"clip": to_clip(clip), "name": name, "index": index}


def fixed_subset(source: ClipSource, count: int | None) -> list[int]:
    """Numbers of ``count`` clips that lie anywhere in a set and are always the same; ``None`` for all.

    They are those whose names have the smallest hashes: one clip more changes one of them at most.
    """
    by_hash = sorted(range(len(source)), key=lambda index: hashlib.sha256(source.name(index).encode()).digest())
    return sorted(by_hash[:count])
