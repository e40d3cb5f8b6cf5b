"""B frames and resolutions of motion as a user meets them, each command in a process of its own, some files damaged."""

from dataclasses import replace

import numpy as np
import pytest

from lvc.bitstream.container import open_bitstream, write_end, write_header, write_packet
from lvc.datasets.video import VideoReader
from lvc.export import save_export
from tests.commands import assert_refused, lvc
from tests.models import codec_b_canf

from .conftest import write

FRAMES = 9
"""Two groups of four."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A B-CANF as ``codec.safetensors``, a video and its bitstream with resolutions of motion, ``a.lvc``."""
    folder = tmp_path_factory.mktemp("b_frames")
    provenance = {"config": {"loss": {"lmbda": 64, "metric": "mse"}}}
    save_export(folder / "codec.safetensors", codec_b_canf.tiny_codec(), codec_b_canf.tiny_config(), provenance)
    write(folder / "scene.mkv", FRAMES)
    done = lvc("encode", "scene.mkv", "a.lvc", *MODEL, "--motion-resolution", "exhaustive", cwd=folder)
    assert done.code == 0 and "frames by resolution of their motion: 1/" in done.out
    return folder


MODEL = ("--model", "codec.safetensors")


def changed(folder, name, packet=lambda packet: packet, structure=None):
    """``a.lvc`` under another name, with other packets (``None``: left out) or another header."""
    with open_bitstream(folder / "a.lvc") as (header, packets), (folder / name).open("wb") as file:
        kept = [p for p in map(packet, packets) if p is not None]
        write_header(file, replace(header, structure=header.structure | (structure or {})))
        for p in kept:
            write_packet(file, p)
        write_end(file, len(kept))
    return name


def frames_of(path):
    return list(VideoReader(path))


def test_frames_that_need_a_lost_one_are_left_out_and_all_others_written(folder):
    assert lvc("decode", "a.lvc", "whole", *MODEL, cwd=folder).code == 0
    name = changed(folder, "lost.lvc", lambda p: None if p.index == 2 else p)
    done = lvc("decode", name, "some", *MODEL, cwd=folder)
    said = "frame 1 refers to a frame that is missing; 3 frames before the last decoded one are missing"
    assert_refused(done, f"lost.lvc: {said}; the 6 frames that can be decoded are in some")
    whole = frames_of(folder / "whole")
    for frame, index in zip(frames_of(folder / "some"), [0, 4, 5, 6, 7, 8], strict=True):
        assert np.array_equal(frame, whole[index])


def test_an_unknown_kind_of_frame_is_named(folder):
    name = changed(folder, "kind.lvc", lambda p: replace(p, kind="X") if p.index == 6 else p)
    done = lvc("decode", name, "first", *MODEL, cwd=folder)
    assert_refused(done, "kind.lvc: frame 6 is of unknown kind 'X'", "frames that can be decoded are in first")
    assert len(frames_of(folder / "first")) == 6  # the group before, and the end of this one


def test_an_unknown_factor_is_named(folder):
    header = {"motion_resolution": {"factors": [1, 3], "variant": "omra", "filter": "box"}}
    done = lvc("decode", changed(folder, "factor.lvc", structure=header), "none", *MODEL, cwd=folder)
    assert_refused(done, "factor.lvc: not decodable: motion_resolution.factors: 3 is no power of two")
    done = lvc(
        "encode", "scene.mkv", "b.lvc", *MODEL, "--motion-resolution", "ranked", "--motion-factors", 3, cwd=folder
    )
    assert_refused(done, "motion_resolution.factors: 3 is no power of two from 1 to 64")


def test_factors_that_frames_are_too_small_for_are_left_out(folder):
    factors = ("--motion-factors", 1, 2, 8)
    done = lvc("encode", "scene.mkv", "small.lvc", *MODEL, "--motion-resolution", "ranked", *factors, cwd=folder)
    assert done.code == 0
    assert done.err.splitlines() == ["frames of 96x64 are too small for motion at 1/8: left out"]
    assert lvc("decode", "small.lvc", "small", *MODEL, cwd=folder).code == 0


def test_a_group_longer_than_the_video(folder, tmp_path):
    write(tmp_path / "short.mkv", 3)
    short = {"gop": 4, "intra_period": 4}
    for tail in ("bstar", "drop"):
        config = codec_b_canf.tiny_config(structure={**short, "tail": tail})
        save_export(
            tmp_path / f"{tail}.safetensors", codec_b_canf.tiny_codec(structure={**short, "tail": tail}), config, {}
        )
    done = lvc("encode", "short.mkv", "a.lvc", "--model", "bstar.safetensors", cwd=tmp_path)
    assert done.code == 0 and "3 frames" in done.out
    done = lvc("encode", "short.mkv", "b.lvc", "--model", "drop.safetensors", cwd=tmp_path)
    assert_refused(
        done, "the video has 3 frames, and a GOP of 4 needs 5; model.structure.tail=bstar codes videos of any"
    )
    assert not (tmp_path / "b.lvc").exists()
