"""Pairs with true flow: the same for ever, and right after every augmentation."""

import numpy as np
import pytest
import torch

from lvc.config.data import AugmentConfig, SyntheticConfig
from lvc.datasets.flow_pairs import FlowPairs, held_out
from lvc.datasets.loader import make_loader
from lvc.datasets.synthetic import SyntheticClips
from lvc.errors import UserError
from lvc.motion.warp import warp

STILL = {"horizontal_flip": False, "vertical_flip": False, "time_reversal": False}


def source(**options):
    size = {"height": 64, "width": 80, "shapes": 12, "clips": 6, "clip_frames": 5}
    return SyntheticClips(SyntheticConfig(name="synthetic", **size, **options))


def gain(sample) -> float:
    """How much better than a copy the reference is once warped, in dB, where the reference shows the point."""
    reference, frame = sample["clip"].float()
    seen = ~sample["occluded"]
    warped = warp(reference[None], sample["flow"][None])[0]
    copied, predicted = ((p - frame).square().mean(0)[seen].mean() for p in (reference, warped))
    return float(10 * torch.log10(copied / predicted))


@pytest.mark.parametrize("augmented", [None, *STILL])
def test_flow_is_right_after_augmentation(augmented):
    augment = AugmentConfig(**STILL | ({augmented: True} if augmented else {}))
    pairs = FlowPairs(source(max_motion=4), distance=2, random_distance=True, crop=48, augment=augment, seed=1)
    gains = [gain(pairs[0, draw]) for draw in range(12)]
    assert np.mean(gains) > 2 and sum(g > 0 for g in gains) >= 10


def test_a_sample_follows_from_seed_epoch_and_draw():
    one, same, other = (FlowPairs(source(), crop=32, seed=seed) for seed in (3, 3, 4))
    assert all(torch.equal(one[2, 5][key], same[2, 5][key]) for key in ("clip", "flow", "occluded"))
    assert not torch.equal(one[2, 5]["clip"], one[3, 5]["clip"])
    assert not torch.equal(one[2, 5]["clip"], other[2, 5]["clip"])


@pytest.mark.parametrize("workers", [0, 1])
def test_batches_have_what_training_needs(workers):
    loader = make_loader(FlowPairs(source(), crop=32), 2, seed=0, workers=workers)
    batch = next(iter(loader))
    assert batch["clip"].shape == (2, 2, 3, 32, 32) and batch["clip"].dtype == torch.uint8
    assert batch["flow"].shape == (2, 2, 32, 32) and batch["occluded"].dtype == torch.bool


def test_a_crop_larger_than_the_scenes_is_refused():
    with pytest.raises(UserError, match="scenes are 80x64, too small for crops of 96x96"):
        FlowPairs(source(), crop=96)


def test_held_out_scenes_are_not_training_scenes():
    scenes = held_out(4)
    assert len(scenes) == 4 and scenes.config.first > 1_000_000 and scenes.config.noise > 0
