"""Qualities, rates, and codecs that come with the package."""

import json
import re

import pytest

from lvc.__main__ import main
from lvc.bitstream.container import file_header
from lvc.export import load_export, save_export
from lvc.models import shipped
from tests.commands import assert_refused, lvc
from tests.conftest import tiny_pwave, tiny_pwave_config

from .conftest import FRAMES, HEIGHT, WIDTH


@pytest.fixture(scope="module")
def variable(tmp_path_factory):
    return save_export(tmp_path_factory.mktemp("export") / "pwave.safetensors", tiny_pwave(), tiny_pwave_config(), {})


def test_a_higher_quality_is_a_larger_file(tmp_path, scenes, variable):
    sizes = []
    for quality in (2, 9.25, 18):
        options = ("--model", variable, "--frames", 2, "--quality", quality)
        assert lvc("encode", scenes / "scene", "a.lvc", *options, cwd=tmp_path).code == 0
        assert file_header(tmp_path / "a.lvc").q == quality
        sizes.append((tmp_path / "a.lvc").stat().st_size)
    assert sizes == sorted(sizes) and len(set(sizes)) == 3
    assert_refused(
        lvc("encode", scenes / "scene", "b.lvc", "--model", variable, "--quality", 21, cwd=tmp_path),
        "quality 21: pwave has qualities 0 to 20",
    )


@pytest.mark.parametrize("option", ["--bpp", "--kbps", "--size"])
def test_a_rate_is_met(tmp_path, scenes, variable, option):
    options = ("--model", variable, "--frames", 3)
    assert lvc("encode", scenes / "scene.mkv", "a.lvc", *options, "--quality", 12.6, cwd=tmp_path).code == 0
    size = (tmp_path / "a.lvc").stat().st_size
    pixels, seconds = 3 * HEIGHT * WIDTH, 3 / 30
    value = {"--bpp": 8 * size / pixels, "--kbps": 8 * size / seconds / 1000, "--size": f"{size / 1000}k"}[option]
    done = lvc("encode", scenes / "scene.mkv", "b.lvc", *options, option, value, cwd=tmp_path)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("b.lvc: 3 frames")
    assert abs((tmp_path / "b.lvc").stat().st_size / size - 1) < 0.03
    assert lvc("decode", "b.lvc", "b.mkv", cwd=tmp_path).code == 0
    assert sorted(p.name for p in tmp_path.iterdir() if not p.name.startswith(".cache")) == ["a.lvc", "b.lvc", "b.mkv"]


def test_a_rate_out_of_reach_gives_the_nearest_file_and_says_so(tmp_path, scenes, variable):
    options = ("--model", variable, "--frames", 2, "--size", 50)
    done = lvc("encode", scenes / "scene", "a.lvc", *options, cwd=tmp_path)
    size = (tmp_path / "a.lvc").stat().st_size
    assert done.code == 0
    assert re.search(rf"note: --size asks for 50 bytes; the nearest found in \d passes has {size}\n", done.out)
    assert file_header(tmp_path / "a.lvc").q == 0


@pytest.mark.parametrize(
    ("option", "said"),
    [
        (("--size", "2GB"), "--size: '2GB' is no number of bytes, such as 250000, 250k or 2.5M"),
        (("--bpp", 0), "--bpp: 0 is not above 0"),
        (("--kbps", 40), "--kbps: dcvc_tcm has a single rate"),
        (("--passes", 0), "--passes: 0 is not a positive number"),
    ],
    ids=str,
)
def test_rates_that_cannot_be_met_are_refused(tmp_path, scenes, tiny_export, option, said):
    assert_refused(lvc("encode", scenes / "scene", "a.lvc", "--model", tiny_export, *option, cwd=tmp_path), said)


def test_a_codec_of_the_package_needs_no_name(tmp_path, scenes, tiny_export, monkeypatch, capsys):
    monkeypatch.setenv("LVC_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(shipped, "FOLDER", tmp_path / "weights")
    source, coded = str(scenes / "scene.mkv"), str(tmp_path / "a.lvc")
    assert main(["encode", source, coded]) == 2
    assert "no codec comes with this package" in capsys.readouterr().err
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "light.safetensors").write_bytes(tiny_export.read_bytes())
    assert main(["encode", source, coded]) == 0
    monkeypatch.setenv("LVC_CACHE", str(tmp_path / "another"))  # as on another machine
    assert main(["info", coded, "--json"]) == 0
    facts = json.loads(capsys.readouterr().out.partition("\n{")[2].join(["{", ""]))
    assert load_export(tiny_export).info["digest"].startswith(facts["export"])
    assert main(["decode", coded, str(tmp_path / "a.mkv")]) == 0
    assert f"{FRAMES} frames" in capsys.readouterr().out
    assert main(["encode", source, coded, "--model", "heavy"]) == 2
    assert "heavy: no such export, and no codec of the package; those are: light" in capsys.readouterr().err
