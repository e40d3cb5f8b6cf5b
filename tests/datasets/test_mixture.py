"""Mixtures: shares by weight, and the same draws whatever the workers."""

from collections import Counter

import numpy as np
import pytest

from lvc.config.compose import compose
from lvc.config.contract import ConfigError, build
from lvc.config.data import AugmentConfig, DatasetConfig
from lvc.config.run import build_run
from lvc.datasets.clips import SampledClips
from lvc.datasets.loader import make_loader
from lvc.datasets.mixture import MixtureClips
from lvc.datasets.sources import Need, check_clips, open_source
from lvc.errors import UserError

from .conftest import clip, write
from .test_clips import Counting
from .test_loader import same, take


def mixture(sizes=(3, 30, 5), weights=(1, 2, 1)):
    return MixtureClips("abc", [Counting((9 + k,) * size) for k, size in enumerate(sizes)], weights)


def test_clips_of_all_sources():
    clips = mixture()
    assert len(clips) == 38
    assert [clips.name(i) for i in (0, 2, 3, 32, 33, 37)] == [
        *("a/clip0", "a/clip2"),
        *("b/clip0", "b/clip29"),
        *("c/clip0", "c/clip4"),
    ]
    assert [clips.length(i) for i in (0, 3, 37)] == [9, 10, 11]
    assert clips.read(33, 4, 2).shape == (2, 40, 50, 3)
    with pytest.raises(UserError, match="a/clip0: has 9 frames"):
        check_clips(clips, Need(10))


def test_shares_follow_the_weights_not_the_sizes():
    dataset = SampledClips(mixture(), frames=2, crop=16, seed=1)
    names = [dataset[0, draw]["name"] for draw in range(2000)]
    shares = Counter(name[0] for name in names)
    assert shares["b"] / 2000 == pytest.approx(0.5, abs=0.04) and shares["a"] / 2000 == pytest.approx(0.25, abs=0.03)
    within = Counter(name for name in names if name[0] == "a")
    assert len(within) == 3 and max(within.values()) < 1.3 * min(within.values())
    assert len({name for name in names if name[0] == "b"}) == 30


@pytest.mark.parametrize("augment", [AugmentConfig(), AugmentConfig(scale=(0.5, 1.5), brightness=0.2)])
def test_worker_count_changes_nothing_and_a_stop_neither(augment):
    def loader(workers):
        dataset = SampledClips(mixture(), 3, 2, True, 16, augment, seed=5)
        return make_loader(dataset, 4, seed=5, workers=workers, steps_per_epoch=6)

    straight = take(loader(0), 14)
    for workers in (1, 3):
        stopped = loader(workers)
        before = take(stopped, 8)
        resumed = loader(0)
        resumed.load_state_dict(stopped.state_dict())
        assert same(before + take(resumed, 6), straight)


def test_distances_are_equally_likely():
    """Chi-squared of 3 degrees of freedom is above 16.3 once in a thousand; the draws are always the same."""
    dataset = SampledClips(Counting((40,) * 7), 3, 4, True, 16, AugmentConfig(time_reversal=False), seed=2)
    clips = [dataset[epoch, draw]["clip"] for epoch in range(4) for draw in range(500)]
    counts = Counter(int(c[1, 0, 0, 0]) - int(c[0, 0, 0, 0]) for c in clips)
    assert set(counts) == {1, 2, 3, 4}
    assert sum((count - 500) ** 2 / 500 for count in counts.values()) < 16.3


def folders(tmp_path):
    for name, frames in (("long", 9), ("short", 4)):
        (tmp_path / name).mkdir()
        for number in range(2):
            write(tmp_path / name / f"{number}.mkv", clip(number, frames))
    return {name: {"name": "folder", "path": str(tmp_path / name)} for name in ("long", "short")}


def config(sets, **options):
    return build(DatasetConfig, {"name": "mixture", "sets": sets, **options}, "dataset")


def test_opened_from_a_configuration(tmp_path):
    sets = folders(tmp_path)
    source = open_source(config({"long": {**sets["long"], "weight": 3}, "short": sets["short"]}))
    assert source.names == ["long", "short"] and source.shares.tolist() == [0.75, 1.0]
    assert np.array_equal(source.read(3, 0, 4), clip(1, 4))
    alone = open_source(config({"long": sets["long"], "short": {**sets["short"], "weight": 0}}))
    assert len(alone) == 2


def test_typed_on_the_command_line(tmp_path):
    folders(tmp_path)
    words = ["dataset=mixture", "size=tiny", "+dataset@dataset.sets.mine=folder", f"dataset.sets.mine.path={tmp_path}"]
    words += ["+dataset@dataset.sets.drawn=synthetic", "+dataset.sets.drawn.weight=0.5"]
    run = build_run(compose("train", words))
    assert {name: weight for name, (weight, _) in run.dataset.members.items()} == {"mine": 1.0, "drawn": 0.5}
    assert (run.dataset.clip_frames, run.dataset.height, run.dataset.width) == (7, 256, 448)
    with pytest.raises(ConfigError, match=r"frames: 9 frames need clips of 9 frames, and mixture has clips of 7"):
        build_run(compose("train", [*words, "schedule.all.frames=9"]))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, r"dataset\.sets: is empty"),
        ({"a": {"name": "folder"}}, r"dataset\.sets\.a\.path: is required"),
        ({"a": {"name": "folders", "path": "x"}}, r"dataset\.sets\.a\.name: 'folders' is not one of"),
        ({"a": {"name": "folder", "path": "x", "weight": -1}}, r"dataset\.sets\.a\.weight: is a number from 0 on"),
        ({"a": {"name": "folder", "path": "x", "weight": 0}}, r"dataset\.sets: all have weight 0"),
        ({"a": {"name": "folder", "path": "x", "augment": {"brightness": 0.1}}}, r"sets\.a\.augment: is one for all"),
        (
            {"a": {"name": "folder", "path": "x"}, "b": {"name": "folder", "path": "x", "colour": "luma"}},
            r"dataset\.sets: differ in colour \(luma, rgb\)",
        ),
    ],
)
def test_wrong_mixtures(change, said):
    with pytest.raises(ConfigError, match=said):
        config(change)


def test_a_set_that_is_missing_is_named(tmp_path):
    with pytest.raises(UserError, match=r"dataset\.sets\.a\.path: .*gone: no such folder"):
        open_source(config({"a": {"name": "folder", "path": str(tmp_path / "gone")}}))
