"""lvc from Python, and coding that leaves its export and its caller as they are."""

from fractions import Fraction

import numpy as np
import pytest
import torch

import lvc
from lvc.bitstream.container import file_header
from lvc.coding.settings import EncodeOptions
from lvc.coding.video import decode_video, encode_video
from lvc.config.motion_resolution import MotionResolutionConfig
from lvc.datasets.frames import to_bytes
from lvc.errors import UserError
from lvc.export import load_export
from tests.conftest import moving_clip


@pytest.fixture
def frames():
    return [to_bytes(frame) for frame in moving_clip(4, 64, 72).unbind(1)]


def test_a_video_is_encoded_and_decoded(tiny_export, frames, tmp_path):
    codec = lvc.load(tiny_export)
    coded = codec.encode(frames, tmp_path / "a.lvc", intra_period=2, fps=30)
    assert (coded.frames, coded.width, coded.height, coded.bytes) == (4, 72, 64, (tmp_path / "a.lvc").stat().st_size)
    assert coded.bpp == pytest.approx(8 * coded.bytes / (4 * 64 * 72)) and set(coded.bits) >= {"intra", "motion"}
    decoded = list(codec.decode(coded.path))
    assert all(frame.shape == (64, 72, 3) and frame.dtype == np.uint8 for frame in decoded) and len(decoded) == 4
    assert codec.decode_to(coded.path, tmp_path / "frames") == 4 == len(list((tmp_path / "frames").glob("*.png")))
    again = codec.encode(tmp_path / "frames", tmp_path / "b.lvc", frames=1)
    assert again.frames == 1


def test_mistakes_are_one_line(tiny_export, frames, tmp_path):
    with pytest.raises(UserError, match="no such export"):
        lvc.load("nothing")
    codec = lvc.load(tiny_export)
    with pytest.raises(UserError, match="quality 3: dcvc_tcm has a single rate"):
        codec.encode(frames, tmp_path / "a.lvc", quality=3)
    assert not list(tmp_path.iterdir())


def test_each_encoding_has_what_it_was_asked_for_in_any_order_also_interleaved(tiny_export, tmp_path):
    export, clip = load_export(tiny_export), list(moving_clip(4, 64, 64).unbind(1))
    search = MotionResolutionConfig(search="exhaustive", factors=(1, 2), lmbda=256)
    asked = {"plain": {}, "short": {"intra_period": 2}, "omra": {"resolution": search}}

    def encode(name, place):
        return encode_video(export, clip, place / f"{name}.lvc", Fraction(25), options=EncodeOptions(**asked[name]))

    (tmp_path / "alone").mkdir()
    (tmp_path / "together").mkdir()
    for name in reversed(asked):
        list(encode(name, tmp_path / "alone"))
    open_at_once = [encode(name, tmp_path / "together") for name in asked]
    for _ in zip(*open_at_once, strict=True):
        pass
    for name in asked:
        alone, together = (tmp_path / place / f"{name}.lvc" for place in ("alone", "together"))
        assert alone.read_bytes() == together.read_bytes()
    said = {name: file_header(tmp_path / "alone" / f"{name}.lvc").structure for name in asked}
    assert said["short"]["intra_period"] == 2 and said["plain"]["intra_period"] == 32
    assert "motion_resolution" in said["omra"] and "motion_resolution" not in said["plain"]


def test_an_open_decoder_leaves_threads_autograd_and_random_state_to_its_caller(tiny_export, tmp_path):
    export, before = load_export(tiny_export), torch.get_num_threads()
    modes = []

    def source():
        for frame in moving_clip(3, 64, 64).unbind(1):
            modes.append(torch.is_inference_mode_enabled())
            yield frame

    try:
        torch.set_num_threads(2)
        list(encode_video(export, source(), tmp_path / "a.lvc", Fraction(25)))
        torch.set_num_threads(1)
        state = torch.get_rng_state()
        frames = decode_video(tmp_path / "a.lvc", export)
        next(frames)
        assert torch.get_num_threads() == 1
        assert torch.is_grad_enabled() and not torch.is_inference_mode_enabled()
        assert torch.equal(torch.get_rng_state(), state)
        frames.close()
        assert torch.get_num_threads() == 1 and modes == [False] * 3
    finally:
        torch.set_num_threads(before)
