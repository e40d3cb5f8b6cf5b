"""Sources: what they find, and what they say when a folder is not what they expect."""

import shutil

import numpy as np
import pytest
from PIL import Image

from lvc.config.data import AugmentConfig, Clips16Config, FolderConfig, SyntheticConfig, Vimeo90kConfig
from lvc.datasets.clips import SampledClips
from lvc.datasets.sources import Need, check_clips, common_size, open_source
from lvc.errors import UserError

from .conftest import clip, write


def folder_source(path, **options):
    return open_source(FolderConfig(name="folder", path=str(path), **options))


def vimeo_source(path, split="train"):
    return open_source(Vimeo90kConfig(name="vimeo90k", path=str(path), split=split))


@pytest.fixture
def vimeo(tmp_path):
    path = tmp_path / "vimeo_septuplet"
    for number, name in enumerate(("00001/0001", "00001/0002", "00002/0001")):
        folder = path / "sequences" / name
        folder.mkdir(parents=True)
        for index, frame in enumerate(clip(number, frames=7)):
            Image.fromarray(frame).save(folder / f"im{index + 1}.png")
    (path / "sep_trainlist.txt").write_text("00001/0001\n00002/0001\n\n")
    (path / "sep_testlist.txt").write_text("00001/0002\n")
    return path


@pytest.mark.parametrize("cache", [False, True])
def test_folder(folder, cache):
    source = folder_source(folder, cache=cache)
    names = [source.name(i) for i in range(len(source))]
    assert names == ["clip0", "clip1", "clip2", "clip3", "clip4", "clip10"]
    assert [source.length(i) for i in range(6)] == [8] * 6
    for _ in range(2):
        assert np.array_equal(source.read(3, 1, 3, 2), clip(3)[1:7:2])
        assert np.array_equal(source.read(5, 0, 8), clip(10))
        with pytest.raises(UserError, match=r"clip3\.mkv: has 8 frames"):
            source.read(3, 4, 3, 2)


def test_folder_pattern(folder):
    assert len(folder_source(folder, pattern="*.mkv")) == 5
    with pytest.raises(UserError, match=r"dataset\.pattern: none of the 6 clips .* matches '\*\.avi'"):
        folder_source(folder, pattern="*.avi")


def test_same_name_with_two_suffixes(tmp_path):
    write(tmp_path / "a.mkv", clip())
    write(tmp_path / "a.y4m", clip())
    source = folder_source(tmp_path)
    assert {source.name(i) for i in range(2)} == {"a.mkv", "a.y4m"}


def test_folder_that_is_not_right(tmp_path):
    with pytest.raises(UserError, match=r"dataset\.path: .*nowhere: no such folder"):
        folder_source(tmp_path / "nowhere")
    with pytest.raises(UserError, match="holds no video files"):
        folder_source(tmp_path)
    (tmp_path / "train").mkdir()
    write(tmp_path / "train" / "a.mkv", clip())
    with pytest.raises(UserError, match="did you mean one of its folders train"):
        folder_source(tmp_path)
    with pytest.raises(UserError, match="is a file"):
        folder_source(tmp_path / "train" / "a.mkv")
    with pytest.raises(UserError, match="holds PNG frames itself"):
        folder_source(write(tmp_path / "frames", clip()))


def test_vimeo(vimeo):
    source = vimeo_source(vimeo)
    assert [source.name(i) for i in range(len(source))] == ["00001/0001", "00002/0001"]
    assert source.length(0) == 7
    assert np.array_equal(source.read(1, 0, 4, 2), clip(2, frames=7)[::2])
    assert len(vimeo_source(vimeo, "test")) == 1


def test_vimeo_that_is_not_right(vimeo):
    with pytest.raises(UserError, match="no such folder"):
        vimeo_source(vimeo / "nowhere")
    with pytest.raises(UserError, match=r"has no sequences.*did you mean .*vimeo_septuplet\?"):
        vimeo_source(vimeo.parent)
    (vimeo / "sequences/00002/0001/im3.png").unlink()
    with pytest.raises(UserError, match=r"00002/0001/im3\.png: unreadable"):
        vimeo_source(vimeo).read(1, 0, 7)
    (vimeo / "sep_testlist.txt").write_text("00001 0002\n")
    with pytest.raises(UserError, match=r"sep_testlist\.txt: line '00001 0002' is no septuplet"):
        vimeo_source(vimeo, "test")
    (vimeo / "sep_testlist.txt").write_text("")
    with pytest.raises(UserError, match="lists no septuplets"):
        vimeo_source(vimeo, "test")
    shutil.rmtree(vimeo / "sequences/00001")
    with pytest.raises(UserError, match=r"is listed in sep_trainlist\.txt but missing"):
        vimeo_source(vimeo)


def test_too_short_clip_is_named_before_anything_starts(tmp_path):
    write(tmp_path / "long.mkv", clip(frames=9))
    write(tmp_path / "short", clip(frames=6))
    (tmp_path / "torn.mkv").write_bytes(b"")  # left to training, which skips it
    source = folder_source(tmp_path)
    check_clips(source, Need(6))
    check_clips(source, Need(3, 2))
    with pytest.raises(UserError, match="clip short: has 6 frames, and 4 frames 2 apart need 7"):
        check_clips(source, Need(4, 2))


def test_synthetic_clips_end(tmp_path):
    source = open_source(SyntheticConfig(name="synthetic", clips=3, clip_frames=4, height=32, width=32, shapes=2))
    assert (len(source), source.length(2), source.name(2)) == (3, 4, "scene00002")
    with pytest.raises(UserError, match=r"scene00001: has 4 frames \(dataset\.clip_frames\), 5 were"):
        source.read(1, 0, 5)


def test_real_clips(real_clips):
    source = folder_source(real_clips / "train")
    check_clips(source, Need(16))
    assert source.read(0, 2, 3, 4).shape == (3, 256, 448, 3)
    with pytest.raises(UserError, match="did you mean one of its folders"):
        folder_source(real_clips)


def test_the_16_frame_set_is_a_folder_of_clips_and_says_what_makes_it(folder, tmp_path):
    source = open_source(Clips16Config(name="clips16", path=str(folder)))
    plain = folder_source(folder)
    assert [source.name(i) for i in range(len(source))] == [plain.name(i) for i in range(len(plain))]
    with pytest.raises(UserError, match=r"nowhere: no such folder; `python -m data.vimeo16` makes this set"):
        open_source(Clips16Config(name="clips16", path=str(tmp_path / "nowhere")))


@pytest.fixture
def unlike(tmp_path):
    """Nine clips of 64x48, one that is small, one that is short."""
    for number in range(9):
        write(tmp_path / f"clip{number}.mkv", clip(number, 4))
    write(tmp_path / "small", clip(20, 4, 32, 40))
    write(tmp_path / "stub.mkv", clip(21, 2))
    return folder_source(tmp_path)


def test_small_and_short_clips_are_named_and_counted(unlike):
    unfit = Need(4, side=48)
    with pytest.raises(
        UserError, match=r"clip small: is 40x32, too small for crops of 48x48 \(2 of 11 clips are unfit\)"
    ):
        check_clips(unlike, unfit)
    check_clips(unlike, unfit, budget=0.2)
    with pytest.raises(UserError, match="clip stub: has 2 frames, and 4 frames need 4"):
        check_clips(unlike, Need(4, side=32))


def test_unfit_clips_are_left_out_and_not_counted_as_unreadable(unlike):
    samples = SampledClips(unlike, frames=4, crop=48, corrupt_budget=0.2)
    drawn = [samples[0, draw] for draw in range(33)]
    assert not {"small", "stub"} & {sample["name"] for sample in drawn}
    assert not any(sample["skipped"] for sample in drawn)


def test_whole_frames_of_a_batch_have_one_size(unlike):
    assert common_size(unlike) == (48, 64)
    samples = SampledClips(unlike, frames=2, crop=None, batched=True)
    assert {samples[0, draw]["clip"].shape for draw in range(22)} == {(2, 3, 48, 64)}
    with pytest.raises(UserError, match="clip small: is 40x32 and most are 64x48; set a crop or batch_size=1"):
        check_clips(unlike, samples.need)


def test_resampling_needs_less_of_a_clip(unlike):
    samples = SampledClips(unlike, frames=2, crop=48, augment=AugmentConfig(scale=(1, 2)))
    check_clips(unlike, samples.need)
    assert samples[0, 9]["clip"].shape == (2, 3, 48, 48)
