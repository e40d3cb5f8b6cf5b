"""Files: what a fresh process decodes is what the encoder reconstructed, and damage is said in one line."""

import hashlib
import subprocess
import sys
from fractions import Fraction

import pytest
import torch

from lvc.bitstream.container import file_header
from lvc.coding.settings import EncodeOptions
from lvc.coding.video import decode_video, encode_video
from lvc.errors import BitstreamError, UserError
from lvc.export import load_export, save_export
from tests.conftest import moving_clip, tiny_codec, tiny_config

DECODE = """
import sys, hashlib, torch
torch.set_num_threads(int(sys.argv[3]))
from lvc.coding.video import decode_video
from lvc.export import load_export
digest = hashlib.sha256()
for frame in decode_video(sys.argv[1], load_export(sys.argv[2])):
    digest.update(frame.contiguous().numpy())
print(digest.hexdigest())
"""


def encode(export, path, frames=5, **options):
    clip = moving_clip(frames, 70, 100)
    return list(encode_video(load_export(export), clip.unbind(1), path, Fraction(30), options=EncodeOptions(**options)))


@pytest.mark.parametrize(("threads", "decoding_threads"), [(1, 1), (1, 2), (2, 1)])
def test_a_fresh_process_decodes_the_reconstruction_to_the_bit(tiny_export, tmp_path, threads, decoding_threads):
    torch.set_num_threads(threads)
    encoded = encode(tiny_export, tmp_path / "a.lvc", intra_period=3)
    digest = hashlib.sha256()
    for e in encoded:
        digest.update(e.frame.contiguous().numpy())
    command = [sys.executable, "-W", "ignore", "-c", DECODE, tmp_path / "a.lvc", tiny_export, str(decoding_threads)]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert out.strip() == digest.hexdigest()


def test_header_says_what_decoding_needs(tiny_export, tmp_path):
    encode(tiny_export, tmp_path / "a.lvc", colour="bt709", intra_period=4)
    header = file_header(tmp_path / "a.lvc")
    assert (header.width, header.height, header.fps, header.colour) == (100, 70, 30, "bt709")
    assert header.model == "dcvc_tcm"
    assert header.structure == {"name": "low_delay", "intra_period": 4}
    assert load_export(tiny_export).info["digest"].startswith(header.digest.hex())


def test_truncation_keeps_the_frames_before_it(tiny_export, tmp_path):
    whole = encode(tiny_export, tmp_path / "a.lvc")
    data = (tmp_path / "a.lvc").read_bytes()
    (tmp_path / "b.lvc").write_bytes(data[: len(data) * 2 // 3])
    frames = []
    with pytest.raises(BitstreamError, match=r"b\.lvc: truncated in packet \d"):
        for frame in decode_video(tmp_path / "b.lvc", load_export(tiny_export)):
            frames.append(frame)
    assert 0 < len(frames) < 5
    assert all(torch.equal(a, e.frame) for a, e in zip(frames, whole, strict=False))


def test_another_export_is_refused_before_decoding(tiny_export, tmp_path):
    encode(tiny_export, tmp_path / "a.lvc")
    other = save_export(tmp_path / "other.safetensors", tiny_codec(seed=1), tiny_config(), {})
    with pytest.raises(BitstreamError, match="encoded with export"):
        next(decode_video(tmp_path / "a.lvc", load_export(other)))


def test_an_interrupted_encode_leaves_no_file(tiny_export, tmp_path):
    coded = encode_video(load_export(tiny_export), moving_clip(3, 64, 64).unbind(1), tmp_path / "a.lvc", Fraction(25))
    next(coded)
    coded.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("frames", "target", "message"),
    [
        ([], "a.lvc", "no frame to encode"),
        ([torch.zeros(1, 3, 64, 64), torch.zeros(1, 3, 64, 70)], "a.lvc", "frame 1 is 70x64"),
        ([torch.zeros(1, 3, 64, 64)], "missing/a.lvc", "cannot be written"),
    ],
)
def test_what_cannot_be_encoded_is_said(tiny_export, tmp_path, frames, target, message):
    with pytest.raises(UserError, match=message):
        list(encode_video(load_export(tiny_export), frames, tmp_path / target, Fraction(25)))
    assert list(tmp_path.iterdir()) == []
