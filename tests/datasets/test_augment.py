"""Resampling, brightness, and what they leave alone."""

import numpy as np
import pytest
from PIL import Image

from lvc.config.contract import ConfigError, build
from lvc.config.data import AugmentConfig
from lvc.datasets.augment import augmented
from lvc.datasets.clips import SampledClips
from lvc.errors import UserError

from .conftest import clip
from .test_clips import Counting, draws

STILL = {"horizontal_flip": False, "vertical_flip": False, "time_reversal": False}


def rng(seed=0):
    return np.random.default_rng(seed)


def frames_of(sample):
    return sample.permute(0, 2, 3, 1).numpy()


def ramp(size=96):
    """A clip whose columns brighten evenly: its slope tells the scale."""
    row = np.linspace(0, 255, size).astype(np.uint8)
    return np.tile(row[None, None, :, None], (3, size, 1, 3))


@pytest.mark.parametrize("scale", [0.5, 0.8, 1.0, 2.0])
def test_scale(scale):
    options = AugmentConfig(**STILL, scale=(scale, scale), scale_filters=("bilinear",))
    sample = frames_of(augmented(ramp(), 32, options, rng(), "ramp"))
    assert sample.shape == (3, 32, 32, 3)
    slope = np.polyfit(np.arange(4, 28), sample[0, 16, 4:28, 0].astype(float), 1)[0]
    assert slope == pytest.approx(255 / 95 / scale, rel=0.06)


def test_scales_are_drawn_evenly_over_the_range():
    options = AugmentConfig(**STILL, scale=(0.5, 1.0), scale_filters=("box", "lanczos"))
    samples = [frames_of(augmented(ramp(), 32, options, rng(seed), "ramp")) for seed in range(120)]
    slopes = np.array([np.polyfit(np.arange(24), s[0, 16, 4:28, 0].astype(float), 1)[0] for s in samples])
    scales = 255 / 95 / slopes
    assert scales.min() > 0.45 and scales.max() < 1.1 and 0.7 < np.median(scales) < 0.8


def test_a_crop_that_shows_the_whole_clip_is_pillows_resampling():
    whole = clip(3, frames=2, height=64, width=64)
    options = AugmentConfig(**STILL, scale=(0.5, 0.5), scale_filters=("lanczos",))
    expected = [np.asarray(Image.fromarray(f).resize((32, 32), Image.Resampling.LANCZOS)) for f in whole]
    assert np.array_equal(frames_of(augmented(whole, 32, options, rng(), "whole")), np.stack(expected))


def test_a_scale_is_raised_to_what_the_clip_has():
    options = AugmentConfig(**STILL, scale=(0.25, 1.0))
    for seed in range(20):
        assert augmented(ramp(48), 40, options, rng(seed), "ramp").shape == (3, 3, 40, 40)
    with pytest.raises(UserError, match="clip ramp: is 48x48, too small for crops of 64x64 at scales up to 1"):
        augmented(ramp(48), 64, options, rng(), "ramp")
    enlarging = AugmentConfig(**STILL, scale=(0.5, 2.0))
    assert augmented(ramp(48), 64, enlarging, rng(), "ramp").shape == (3, 3, 64, 64)


def test_brightness_is_one_factor_for_the_whole_clip():
    flat = np.full((4, 32, 32, 3), 120, np.uint8)
    options = AugmentConfig(brightness=0.2)
    levels = set()
    for seed in range(60):
        values = augmented(flat, 16, options, rng(seed), "flat").unique()
        assert len(values) == 1
        levels.add(int(values))
    assert min(levels) >= 96 and max(levels) <= 144 and min(levels) < 102 and max(levels) > 138


def test_brightness_saturates():
    white = np.full((1, 16, 16, 3), 250, np.uint8)
    samples = [augmented(white, 16, AugmentConfig(brightness=0.5), rng(seed), "white") for seed in range(20)]
    assert max(int(s.max()) for s in samples) == 255 and all(int(s.min()) >= 125 for s in samples)


def test_luma_keeps_its_one_channel():
    grey = ramp()[..., :1]
    options = AugmentConfig(scale=(0.5, 2.0), brightness=0.1)
    assert all(augmented(grey, 32, options, rng(seed), "grey").shape == (3, 1, 32, 32) for seed in range(8))


def test_new_options_change_no_sample_of_a_run_that_does_not_use_them():
    clips = draws(SampledClips(Counting(), frames=3, crop=16), 20)
    named = AugmentConfig(scale_filters=("box", "lanczos"))
    others = draws(SampledClips(Counting(), 3, crop=16, augment=named), 20)
    assert all((a == b).all() for a, b in zip(clips, others, strict=True))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"scale": [1.0, 0.5]}, "scale: is a range"),
        ({"scale": [0, 1]}, "scale: is a range"),
        ({"scale_filters": []}, "scale_filters: needs at least one"),
        ({"scale_filters": ["nearest"]}, "scale_filters"),
        ({"brightness": 1}, "brightness"),
    ],
)
def test_wrong_options(options, said):
    with pytest.raises(ConfigError, match=said):
        build(AugmentConfig, options)
