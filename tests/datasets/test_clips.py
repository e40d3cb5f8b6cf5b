"""Samples: what is drawn, what it depends on, and what happens to unreadable clips."""

import logging

import numpy as np
import pytest
import torch

from lvc.config.data import AugmentConfig, SyntheticConfig
from lvc.datasets.clips import SampledClips, WholeClips, fixed_subset
from lvc.datasets.folder import FolderClips
from lvc.datasets.synthetic import SyntheticClips
from lvc.errors import UserError

from .conftest import clip, write

NONE = AugmentConfig(horizontal_flip=False, vertical_flip=False, time_reversal=False)


class Counting:
    """Clips whose pixels say where they are: red = frame, green = row, blue = column."""

    def __init__(self, lengths=(20, 20, 20), size=(40, 50)):
        self.lengths, self.shape = lengths, size

    def __len__(self):
        return len(self.lengths)

    def size(self, index):
        return self.shape

    def name(self, index):
        return f"clip{index}"

    def length(self, index):
        return self.lengths[index]

    def read(self, index, start, count, step=1):
        t, y, x = np.meshgrid(np.arange(start, start + count * step, step), *map(np.arange, self.shape), indexing="ij")
        return np.stack([t, y, x], -1).astype(np.uint8)


def draws(dataset, number=60):
    return [dataset[0, draw]["clip"] for draw in range(number)]


def test_sample():
    sample = SampledClips(Counting(), frames=3, crop=16)[0, 4]
    assert sample["clip"].shape == (3, 3, 16, 16) and sample["clip"].dtype == torch.uint8
    assert sample["clip"].is_contiguous()
    assert (sample["name"], sample["index"], sample["skipped"]) == ("clip1", 1, "")


def test_without_augmentation_only_place_and_time_are_drawn():
    starts, tops, lefts = set(), set(), set()
    for c in draws(SampledClips(Counting(), frames=3, distance=2, crop=30, augment=NONE), 200):
        assert (c[:, 0, 0, 0].diff() == 2).all()
        assert (c[0, 1].diff(dim=0) == 1).all() and (c[0, 2].diff(dim=1) == 1).all()
        starts.add(int(c[0, 0, 0, 0]))
        tops.add(int(c[0, 1, 0, 0]))
        lefts.add(int(c[0, 2, 0, 0]))
    assert starts == set(range(16)) and tops == set(range(11)) and lefts == set(range(21))


def test_random_distance():
    clips = draws(SampledClips(Counting(), frames=3, distance=3, random_distance=True, augment=NONE))
    assert {int(c[1, 0, 0, 0]) - int(c[0, 0, 0, 0]) for c in clips} == {1, 2, 3}


@pytest.mark.parametrize("option", ["horizontal_flip", "vertical_flip", "time_reversal"])
def test_each_augmentation_changes_its_own_axis(option):
    channel, axis = {"time_reversal": (0, 0), "vertical_flip": (1, 1), "horizontal_flip": (2, 2)}[option]
    augment = AugmentConfig(**{name: name == option for name in ("horizontal_flip", "vertical_flip", "time_reversal")})
    turned = 0
    for c in draws(SampledClips(Counting(), frames=3, augment=augment), 100):
        signs = [int(c[:, k].long().diff(dim=k).sign().unique()) for k in range(3)]
        turned += signs[channel] == -1
        assert all(sign == 1 for k, sign in enumerate(signs) if k != channel), axis
    assert 30 < turned < 70


def test_everything_follows_from_seed_epoch_and_draw():
    def sample(seed, epoch, draw):
        source = SyntheticClips(SyntheticConfig(name="synthetic", height=32, width=48, shapes=5, clips=4))
        dataset = SampledClips(source, frames=2, distance=2, random_distance=True, crop=16, seed=seed)
        return dataset[epoch, draw]["clip"]

    np.random.seed(0)
    torch.manual_seed(0)
    first = sample(3, 1, 2)
    np.random.seed(1)
    torch.manual_seed(1)
    assert torch.equal(sample(3, 1, 2), first)
    assert not any(torch.equal(s, first) for s in (sample(4, 1, 2), sample(3, 2, 2), sample(3, 1, 6)))


def test_crop_larger_than_the_clip():
    with pytest.raises(UserError, match="clip clip0: is 50x40, too small for crops of 64x64"):
        SampledClips(Counting(), frames=2, crop=64)[0, 0]
    with pytest.raises(UserError, match="too small for crops of 64x64"):
        WholeClips(Counting(), crop=64)[0]


@pytest.fixture
def damaged(tmp_path):
    for number in range(5):
        write(tmp_path / f"good{number}.mkv", clip(number))
    (tmp_path / "bad.mkv").write_bytes(b"no video")
    torn = write(tmp_path / "torn.mkv", clip(9))
    torn.write_bytes(torn.read_bytes()[:6000])
    return FolderClips(str(tmp_path))


def test_unreadable_clip_is_replaced_by_the_same_other_one(damaged, caplog):
    dataset = SampledClips(damaged, frames=8)
    assert damaged.name(0) == "bad"
    with caplog.at_level(logging.WARNING):
        samples = [dataset[epoch, 0] for epoch in range(20)]
    assert "skipped unreadable clip" in caplog.text and "bad.mkv" in caplog.text
    for epoch, sample in enumerate(samples):
        assert sample["name"].startswith("good")
        assert sample["skipped"].splitlines()[0] == "bad"
        assert torch.equal(dataset[epoch, 0]["clip"], sample["clip"])
    assert len({sample["name"] for sample in samples}) > 1


def test_nothing_readable(tmp_path):
    (tmp_path / "bad.mkv").write_bytes(b"no video")
    with pytest.raises(UserError, match="clips in a row are unreadable: bad"):
        SampledClips(FolderClips(str(tmp_path)), frames=2)[0, 0]


def test_validation_refuses_what_is_unreadable(damaged):
    dataset = WholeClips(damaged)
    with pytest.raises(UserError, match=r"bad\.mkv: not a readable video"):
        dataset[0]
    assert damaged.name(6) == "torn"
    with pytest.raises(UserError, match=r"torn\.mkv: damaged or cut short"):
        dataset[6]


def test_a_fixed_subset_follows_from_names_alone():
    class Named:
        def __init__(self, names):
            self.names = names

        def __len__(self):
            return len(self.names)

        def name(self, index):
            return self.names[index]

    def chosen(names, count):
        return {names[index] for index in fixed_subset(Named(names), count)}

    names = [f"{n:05d}/0001" for n in range(500)]
    few = chosen(names, 32)
    assert len(few) == 32 and few != set(names[:32])
    assert chosen(names[::-1], 32) == few < chosen(names, 64)
    assert len(chosen([*names, "new"], 32) - few) <= 1
    assert {name[2] for name in few} == set("01234")  # from all of the set
    assert chosen(names, None) == set(names)


def test_whole_clips(folder):
    source = FolderClips(str(folder))
    sample = WholeClips(source)[2]
    assert np.array_equal(sample["clip"].permute(0, 2, 3, 1).numpy(), clip(2))
    assert (sample["name"], sample["index"]) == ("clip2", 2)
    sample = WholeClips(source, frames=3, crop=32)[2]
    assert np.array_equal(sample["clip"].permute(0, 2, 3, 1).numpy(), clip(2)[:3, 8:40, 16:48])
    assert [sample["index"] for sample in WholeClips(source, clips=[1, 3])] == [1, 3]
    with pytest.raises(UserError, match="has 8 frames, and frame 9"):
        WholeClips(source, frames=9)[0]
