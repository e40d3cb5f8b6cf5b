"""Rendered scenes are kept between runs."""

from dataclasses import replace

import numpy as np
import pytest

from lvc.config.data import AugmentConfig, SyntheticConfig
from lvc.datasets.leaves import Scene
from lvc.datasets.mixture import MixtureClips
from lvc.datasets.rendered import render_ahead
from lvc.datasets.synthetic import SyntheticClips
from lvc.errors import UserError

CONFIG = SyntheticConfig(name="synthetic", clips=3, clip_frames=4, height=48, width=64, shapes=8, cache=True)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("LVC_CACHE", str(tmp_path))
    return tmp_path


@pytest.fixture
def no_rendering(monkeypatch):
    """Call it, and nothing can be rendered any more."""
    return lambda: monkeypatch.delattr(Scene, "frame")


def test_kept_frames_are_those_that_are_rendered(no_rendering):
    rendered = SyntheticClips(replace(CONFIG, cache=False)).read(2, 1, 2, 2)
    assert np.array_equal(SyntheticClips(CONFIG).read(2, 1, 2, 2), rendered)
    no_rendering()
    again = SyntheticClips(CONFIG).read(2, 1, 2, 2)
    assert np.array_equal(again, rendered)
    again += 1  # what a sample does to its frames reaches no other sample
    assert np.array_equal(SyntheticClips(CONFIG).read(2, 1, 2, 2), rendered)


def test_sets_share_scenes_of_one_number_whatever_they_are_used_for(no_rendering):
    SyntheticClips(CONFIG).read(2, 0, 1)
    no_rendering()
    other = replace(CONFIG, first=2, clips=1, augment=AugmentConfig(time_reversal=False))
    assert SyntheticClips(other).read(0, 0, 4).shape == (4, 48, 64, 3)


@pytest.mark.parametrize("change", [{"shapes": 9}, {"height": 64}, {"noise": 1.0}])
def test_other_options_are_other_scenes(change):
    changed = replace(CONFIG, **change)
    SyntheticClips(CONFIG).read(0, 0, 1)
    expected = SyntheticClips(replace(changed, cache=False)).read(0, 0, 4)
    assert np.array_equal(SyntheticClips(changed).read(0, 0, 4), expected)


def test_a_torn_file_is_rendered_again(cache):
    before = SyntheticClips(CONFIG).read(0, 0, 4)
    (file,) = cache.rglob("*.npy")
    file.write_bytes(file.read_bytes()[:1000])
    assert np.array_equal(SyntheticClips(CONFIG).read(0, 0, 4), before)


def test_a_whole_set_is_rendered_ahead_once(cache, no_rendering, capfd):
    sources = [SyntheticClips(CONFIG), SyntheticClips(replace(CONFIG, cache=False))]
    render_ahead(MixtureClips(["kept", "not"], sources, [1, 1]))
    assert "rendering scenes: 100%" in capfd.readouterr().err
    assert len(list(cache.rglob("*.npy"))) == len(list(cache.rglob("*.*"))) == CONFIG.clips
    no_rendering()
    render_ahead(SyntheticClips(CONFIG))
    assert SyntheticClips(CONFIG).read(2, 0, 4).any()
    assert not capfd.readouterr().err


def test_a_folder_that_cannot_be_written_is_named(monkeypatch):
    monkeypatch.setenv("LVC_CACHE", "/proc/nope")
    said = r"^dataset\.cache: .*/proc/nope/scenes/.*LVC_CACHE names another folder, dataset.cache=false none$"
    with pytest.raises(UserError, match=said):
        SyntheticClips(CONFIG).read(0, 0, 1)
    with pytest.raises(UserError, match=said):
        render_ahead(SyntheticClips(CONFIG))
