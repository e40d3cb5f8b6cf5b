"""``encode`` and ``decode`` over all kinds of videos."""

import json
from fractions import Fraction

import numpy as np
import pytest

from lvc.datasets.video import VideoReader
from lvc.export import save_export
from tests.commands import assert_refused, lvc
from tests.conftest import tiny_pmctf, tiny_pmctf_config

from .conftest import FRAMES, HEIGHT, WIDTH


def frames_of(path):
    return list(VideoReader(path))


@pytest.mark.parametrize("source", ["scene.mkv", "scene"])
def test_a_lossless_video_becomes_the_bitstream_that_the_library_makes(tmp_path, scenes, tiny_export, coded, source):
    done = lvc("encode", scenes / source, "a.lvc", "--model", tiny_export, cwd=tmp_path)
    assert (done.code, done.err) == (0, "")
    size = (tmp_path / "a.lvc").stat().st_size
    bpp = 8 * size / (FRAMES * HEIGHT * WIDTH)
    assert done.out.startswith(f"a.lvc: {FRAMES} frames {WIDTH}x{HEIGHT}, {size} bytes, {bpp:.4f} bpp")
    assert "motion" in done.out and "intra_hyper" in done.out
    assert lvc("decode", "a.lvc", "out", cwd=tmp_path).code == 0
    for decoded, sent in zip(frames_of(tmp_path / "out"), coded[1], strict=True):
        assert np.array_equal(decoded, sent)
    if source == "scene.mkv":
        assert (tmp_path / "a.lvc").read_bytes() == coded[0].read_bytes()


def test_a_y4m_is_read_and_its_rate_kept(tmp_path, scenes, tiny_export):
    done = lvc("encode", scenes / "scene.y4m", "a.lvc", "--model", tiny_export, "--frames", 3, cwd=tmp_path)
    assert done.code == 0 and f"3 frames {WIDTH}x{HEIGHT}" in done.out
    facts = json.loads(lvc("info", "a.lvc", "--json", cwd=tmp_path).out)
    assert facts["fps"] == "30 (30)" and facts["frames"] == "3 (1 I, 2 P)"


def test_intra_period_is_the_users(tmp_path, scenes, tiny_export):
    options = ("--model", tiny_export, "--intra-period", 2, "--matrix", "bt709")
    assert lvc("encode", scenes / "scene", "a.lvc", *options, cwd=tmp_path).code == 0
    facts = json.loads(lvc("info", "a.lvc", "--json", cwd=tmp_path).out)
    assert facts["frames"] == "5 (3 I, 2 P)"
    assert (facts["structure"], facts["colour"]) == ("name low_delay, intra_period 2", "bt709")


def test_motion_takes_a_resolution_per_frame_where_that_is_asked_for(tmp_path, scenes, tiny_export):
    options = ("--model", tiny_export, "--frames", 3, "--motion-resolution", "exhaustive")
    refused = lvc("encode", scenes / "scene", "a.lvc", *options, cwd=tmp_path)
    assert_refused(refused, "does not say its lambda", "search=ranked")
    done = lvc("encode", scenes / "scene", "a.lvc", *options, "--motion-factors", 2, 4, "--lmbda", 512, cwd=tmp_path)
    assert done.code == 0 and "frames by resolution of their motion: 1/" in done.out
    facts = json.loads(lvc("info", "a.lvc", "--json", cwd=tmp_path).out)
    assert "motion_resolution {'factors': [2, 4], 'variant': 'omra', 'filter': 'box'}" in facts["structure"]
    assert lvc("decode", "a.lvc", "a.mkv", "--model", tiny_export, cwd=tmp_path).code == 0
    assert len(frames_of(tmp_path / "a.mkv")) == 3


def test_groups_are_chosen_by_content_where_that_is_asked_for(tmp_path, scenes):
    changes = {"levels": 1, "ll_context": "four_step"}
    model = save_export(tmp_path / "pmctf.safetensors", tiny_pmctf(**changes), tiny_pmctf_config(**changes), {})
    options = ("--model", model, "--frames", 3, "--adaptive-gop", "exhaustive", "--lmbda", 512)
    refused = lvc("encode", scenes / "scene", "a.lvc", *options, "--gops", 2, 4, cwd=tmp_path)
    assert_refused(refused, "structure.gops: [2, 4] do not descend; try [4, 2]")
    done = lvc("encode", scenes / "scene", "a.lvc", *options, "--gops", 4, 2, "--motion-factors", 1, 2, cwd=tmp_path)
    assert done.code == 0 and "frames by resolution of their motion: 1/" in done.out and "groups: 2 1\n" in done.out
    facts = json.loads(lvc("info", "a.lvc", "--json", cwd=tmp_path).out)
    assert facts["structure"].endswith("gop 4, adaptive {'factors': [1, 2], 'filter': 'bilinear'}")
    assert lvc("decode", "a.lvc", "a.mkv", cwd=tmp_path).code == 0
    assert len(frames_of(tmp_path / "a.mkv")) == 3


@pytest.mark.parametrize(
    ("option", "said"),
    [
        (("--gops", 8), "--gops: needs --adaptive-gop, such as early_stop"),
        (("--motion-factors", 2), "--motion-factors: needs --motion-resolution or --adaptive-gop, such as exhaustive"),
        (("--adaptive-gop", "early_stop"), "structure.adaptive: dcvc_tcm has no groups that could be split"),
    ],
    ids=str,
)
def test_options_of_choices_that_are_not_made_are_refused(tmp_path, scenes, tiny_export, option, said):
    assert_refused(lvc("encode", scenes / "scene", "a.lvc", "--model", tiny_export, *option, cwd=tmp_path), said)


@pytest.mark.parametrize("target", ["out.mkv", "out", "frames.png"])
def test_decoding_to_a_lossless_target_gives_the_encoders_frames(tmp_path, tiny_export, coded, target):
    done = lvc("decode", coded[0], target, "--model", tiny_export, cwd=tmp_path)
    assert (done.code, done.err) == (0, "")
    assert done.out == f"{target}: {FRAMES} frames {WIDTH}x{HEIGHT} at 30 fps\n"
    for decoded, sent in zip(frames_of(tmp_path / target), coded[1], strict=True):
        assert np.array_equal(decoded, sent)


@pytest.mark.parametrize(("target", "psnr"), [("out.mp4", 23), ("out.y4m", 45)])
def test_decoding_to_other_videos_looks_the_same(tmp_path, tiny_export, coded, target, psnr):
    assert lvc("decode", coded[0], target, "--model", tiny_export, cwd=tmp_path).code == 0
    info = VideoReader(tmp_path / target).info
    assert (info.width, info.height, info.fps) == (WIDTH, HEIGHT, Fraction(30))
    decoded = np.stack(frames_of(tmp_path / target)).astype(float)
    error = np.square(decoded - np.stack(coded[1])).mean()
    assert 10 * np.log10(255**2 / error) > psnr


def test_a_decoder_finds_the_export_that_encoded_here_or_lies_beside(tmp_path, scenes, tiny_export, coded):
    cache = {"LVC_CACHE": str(tmp_path / "cache")}
    assert lvc("encode", scenes / "scene", "a.lvc", "--model", tiny_export, cwd=tmp_path, env=cache).code == 0
    assert lvc("decode", "a.lvc", "a.mkv", cwd=tmp_path, env=cache).code == 0
    other = {"LVC_CACHE": str(tmp_path / "empty")}
    (tmp_path / "moved.lvc").write_bytes(coded[0].read_bytes())
    (tmp_path / "codec.safetensors").write_bytes(tiny_export.read_bytes())
    assert lvc("decode", "moved.lvc", "b.mkv", cwd=tmp_path, env=other).code == 0


def test_a_cache_that_cannot_be_written_stops_nothing(tmp_path, scenes, tiny_export):
    nowhere = {"LVC_CACHE": "/proc/nope"}
    done = lvc("encode", scenes / "scene", "a.lvc", "--model", tiny_export, cwd=tmp_path, env=nowhere)
    assert (done.code, done.err) == (0, "")
