import pytest

from lvc.__main__ import main
from lvc.datasets.public_sets import check_set, public_sets, set_names
from lvc.errors import UserError

from ..rivals.material import write_planes


def raw(path, width, height, frames, depth=8):
    """A file as large as so many frames, without writing them."""
    with path.open("wb") as file:
        file.truncate(width * height * 3 // 2 * frames * (2 if depth > 8 else 1))


def hevc_d(folder):
    for e in public_sets()["hevc_d"]:
        raw(folder / f"{e.name}_416x240_{e.fps}.yuv", 416, 240, e.frames)


def problems(name, folder):
    return {f.name: "; ".join(f.problems) for f in check_set(name, folder) if f.problems}


def test_sets_have_as_many_sequences_as_papers_say():
    counts = {name: len(members) for name, members in public_sets().items()}
    sizes = {"uvg": 7, "hevc_b": 5, "hevc_c": 4, "hevc_d": 4, "hevc_e": 3, "hevc_rgb": 6, "mcl_jcv": 30}
    assert {name: counts[name] for name in sizes} == sizes and "bvi_dvc" in set_names()


def test_a_whole_set_has_no_problems(tmp_path):
    hevc_d(tmp_path)
    assert problems("hevc_d", tmp_path) == {}


def test_what_is_missing_short_or_broken_is_said(tmp_path):
    hevc_d(tmp_path)
    (tmp_path / "BQSquare_416x240_60.yuv").unlink()
    raw(tmp_path / "BasketballPass_416x240_50.yuv", 416, 240, 499)
    with (tmp_path / "RaceHorses_416x240_30.yuv").open("ab") as file:
        file.write(b"x")
    found = problems("hevc_d", tmp_path)
    assert found.keys() == {"BQSquare", "BasketballPass", "RaceHorses"}
    assert "missing" in found["BQSquare"]
    assert found["BasketballPass"] == "499 frames, 500 are expected"
    assert "no whole number of 416x240 frames" in found["RaceHorses"]


def test_names_that_only_begin_alike_are_others(tmp_path):
    hevc_d(tmp_path)
    (tmp_path / "BQSquare_416x240_60.yuv").rename(tmp_path / "BQSquareAgain_416x240_60.yuv")
    assert "BQSquare" in problems("hevc_d", tmp_path)


def test_ten_bits_take_two_bytes(tmp_path):
    raw(tmp_path / "CityAlley_3840x2160_50fps_10bit.yuv", 3840, 2160, 2, depth=10)
    (found,) = [f for f in check_set("uvg_4k", tmp_path) if f.name == "CityAlley"]
    assert found.facts == "raw, 3840x2160, 2 frames" and not found.problems


def test_videos_are_opened(tmp_path):
    write_planes(tmp_path / "Johnny_1280x720_60.mkv", frames=2)
    (found,) = [f for f in check_set("hevc_e", tmp_path) if f.name == "Johnny"]
    assert "96x64, 1280x720 is expected" in found.problems
    assert "2 frames, 600 are expected" in found.problems
    assert "25 frames per second, 60 are expected" in found.problems


def test_bvi_dvc_is_counted_by_class(tmp_path):
    for scene in range(200):
        raw(tmp_path / f"DScene{scene:03d}_480x272_25fps_10bit_420.yuv", 480, 272, 64, depth=10)
    found = problems("bvi_dvc", tmp_path)
    assert "class D" not in found and found["class A"] == "0 sequences, 200 are expected"


def test_mistakes_are_named(tmp_path):
    with pytest.raises(UserError, match="'uvgg' is no set; choices are: uvg"):
        check_set("uvgg", tmp_path)
    with pytest.raises(UserError, match="no such folder"):
        check_set("uvg", tmp_path / "nowhere")


def test_the_command_says_each_sequence_and_fails_where_one_is_wrong(tmp_path, capsys):
    hevc_d(tmp_path)
    assert main(["data", "check", "hevc_d", str(tmp_path)]) == 0
    assert capsys.readouterr().out.count("ok, raw, 416x240") == 4
    (tmp_path / "BQSquare_416x240_60.yuv").unlink()
    assert main(["data", "check", "hevc_d", str(tmp_path)]) == 2
    assert "1 of 4 are missing or wrong: BQSquare" in capsys.readouterr().err
    assert main(["data", "list", "hevc_c"]) == 0
    assert "832x480, 60 fps, 600 frames, 8 bit" in capsys.readouterr().out
