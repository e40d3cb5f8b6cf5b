"""Loader: the same batches whatever the workers, and after any interruption."""

import pytest
import torch

from lvc.config.data import SyntheticConfig
from lvc.datasets.clips import SampledClips
from lvc.datasets.folder import FolderClips
from lvc.datasets.loader import make_loader
from lvc.datasets.synthetic import SyntheticClips
from lvc.errors import UserError

from .conftest import clip, write


def dataset(clips=11, **options):
    source = SyntheticClips(
        SyntheticConfig(name="synthetic", clips=clips, clip_frames=4, height=24, width=32, shapes=3)
    )
    return SampledClips(source, frames=2, crop=16, seed=5, **options)


def take(loader, number):
    """The next batches, over ends of epochs."""
    batches = []
    while len(batches) < number:
        for batch in loader:
            batches.append(batch)
            if len(batches) == number:
                break
    return batches


def same(a, b):
    return len(a) == len(b) and all(
        torch.equal(x["clip"], y["clip"]) and x["name"] == y["name"] for x, y in zip(a, b, strict=True)
    )


def test_epoch():
    loader = make_loader(dataset(), batch_size=2, seed=1, workers=0)
    first, second = list(loader), list(loader)
    assert len(loader) == len(first) == len(second) == 5  # the eleventh clip makes no batch
    assert first[0]["clip"].shape == (2, 2, 3, 16, 16)
    for epoch in (first, second):
        assert len({i for batch in epoch for i in batch["index"].tolist()}) == 10
    assert [b["name"] for b in first] != [b["name"] for b in second]
    assert loader.epoch == 2


def test_seeds_differ():
    names = [[b["name"] for b in make_loader(dataset(), 2, seed, 0)] for seed in (1, 2, 1)]
    assert names[0] == names[2] != names[1]


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("stop", [3, 5, 7])
def test_stopped_loader_continues_exactly(workers, stop):
    straight = take(make_loader(dataset(), 2, seed=1, workers=0), 13)
    stopped = make_loader(dataset(), 2, seed=1, workers=workers)
    before = take(stopped, stop)
    resumed = make_loader(dataset(), 2, seed=1, workers=workers)
    resumed.load_state_dict(stopped.state_dict())
    assert same(before + take(resumed, 13 - stop), straight)
    # The one that was stopped may go on too, its workers having read ahead.
    assert same(take(stopped, 13 - stop), straight[stop:])


def test_position_is_plain_and_normalised():
    loader = make_loader(dataset(), 2, seed=1, workers=0)
    take(loader, 3)
    assert loader.state_dict() == {"epoch": 0, "batch": 3, "skipped": 0}
    take(loader, 2)
    assert loader.state_dict() == {"epoch": 1, "batch": 0, "skipped": 0}
    loader.load_state_dict({"epoch": 3, "batch": 5})
    assert loader.state_dict() == {"epoch": 4, "batch": 0, "skipped": 0}
    with pytest.raises(UserError, match="cannot continue 6 batches into an epoch that has 5"):
        loader.load_state_dict({"epoch": 0, "batch": 6})


def test_global_random_state_is_left_alone():
    loader = make_loader(dataset(), 2, seed=1, workers=0)
    before = torch.get_rng_state()
    list(loader)
    assert torch.equal(torch.get_rng_state(), before)


def test_ranks_share_the_clips():
    shares = []
    for rank in range(2):
        loader = make_loader(dataset(), 2, seed=1, workers=0, rank=rank, world=2)
        assert len(loader) == 2
        shares.append({i for batch in loader for i in batch["index"].tolist()})
    assert len(shares[0]) == len(shares[1]) == 4 and not shares[0] & shares[1]


def test_fewer_clips_than_a_batch():
    loader = make_loader(dataset(clips=3), batch_size=8, seed=1, workers=0)
    (batch,) = list(loader)
    counts = torch.bincount(batch["index"])
    assert len(loader) == 1 and sorted(counts.tolist()) == [2, 3, 3]
    distinct = {c.numpy().tobytes() for c in batch["clip"]}
    assert len(distinct) > 3  # repeated clips are cropped and flipped differently


def test_steps_per_epoch():
    longer = make_loader(dataset(), 2, seed=1, workers=0, steps_per_epoch=12)
    indices = [i for batch in longer for i in batch["index"].tolist()]
    assert len(longer) == 12 and len(indices) == 24
    assert set(indices[:11]) == set(indices[11:22]) == set(range(11))
    shorter = make_loader(dataset(), 2, seed=1, workers=0, steps_per_epoch=2)
    assert len(list(shorter)) == len(shorter) == 2


@pytest.fixture
def damaged(tmp_path):
    for number in range(4):
        write(tmp_path / f"good{number}.mkv", clip(number))
    (tmp_path / "bad.mkv").write_bytes(b"no video")
    return FolderClips(str(tmp_path))


@pytest.mark.parametrize("workers", [0, 2])
def test_too_many_unreadable_clips_stop_the_run(damaged, workers):
    loader = make_loader(SampledClips(damaged, 2, corrupt_budget=0.1), 1, seed=1, workers=workers)
    with pytest.raises(UserError) as error:
        list(loader)
    assert "1 of 5 samples of an epoch are unreadable (last: bad)" in str(error.value)
    assert "dataset.corrupt_budget" in str(error.value)


def test_budget_counts_per_epoch_and_survives_a_stop(damaged):
    samples = SampledClips(damaged, 2, corrupt_budget=0.5)
    loader = make_loader(samples, 1, seed=1, workers=0)
    for _ in range(3):
        list(loader)
        assert 1 <= loader.skipped <= 2
    state = loader.state_dict() | {"batch": 1, "skipped": 2}
    resumed = make_loader(samples, 1, seed=1, workers=0)
    resumed.load_state_dict(state)
    with pytest.raises(UserError, match="3 of 5 samples"):
        take(resumed, 4)


def test_error_from_a_worker_is_one_line():
    crops = dataset()
    crops.crop = 64
    with pytest.raises(UserError, match="too small for crops of 64x64") as error:
        list(make_loader(crops, 2, seed=1, workers=1))
    assert "\n" not in str(error.value) and str(error.value).startswith("clip scene")


def test_clips_of_different_sizes_need_a_crop(tmp_path):
    write(tmp_path / "a.mkv", clip())
    write(tmp_path / "b.mkv", clip(height=64))
    source = FolderClips(str(tmp_path))
    with pytest.raises(UserError, match="differ in size; set a crop"):
        list(make_loader(SampledClips(source, 2), 2, seed=1, workers=0))
    assert len(list(make_loader(SampledClips(source, 2, crop=32), 2, seed=1, workers=0))) == 1


def test_real_clips_in_batches(real_clips):
    samples = SampledClips(FolderClips(str(real_clips / "train")), frames=3, crop=128)
    (batch,) = make_loader(samples, 4, seed=1, workers=0, steps_per_epoch=1)
    assert batch["clip"].shape == (4, 3, 3, 128, 128) and batch["skipped"] == [""] * 4
