"""Memory does not grow with the length of a video."""

import gc
from fractions import Fraction

import pytest
import torch

from lvc.coding.settings import EncodeOptions
from lvc.coding.video import decode_video, encode_video
from lvc.datasets.frames import to_bytes, to_tensor
from lvc.datasets.video import VideoReader, VideoWriter
from lvc.export import load_export
from tests.conftest import moving_clip

SHORT, LONG = 4, 16


def alive() -> int:
    """Bytes of all tensors that anything still refers to."""
    gc.collect()
    storages = {}
    for thing in gc.get_objects():
        if issubclass(type(thing), torch.Tensor):
            storage = thing.untyped_storage()
            storages[storage.data_ptr()] = storage.nbytes()
    return sum(storages.values())


def growth(frames) -> int:
    """Bytes that became alive between a short and a long video's last frames; ``frames`` is used up."""
    held = {}
    for count, _ in enumerate(frames, 1):
        if count in (SHORT, LONG):
            held[count] = alive()
    return held[LONG] - held[SHORT]


def picture(index: int, height: int, width: int):
    return moving_clip(1, height, width, seed=index)[:, 0]


@pytest.mark.parametrize("intra_period", [1, 3, 32])
def test_coding_holds_one_frame_and_one_state(tmp_path, tiny_export, intra_period):
    height, width = 64, 128
    one_frame = 3 * 4 * height * width
    export = load_export(tiny_export)
    source = (picture(i, height, width) for i in range(LONG))
    path = tmp_path / "a.lvc"
    # frames of one kind are compared, so that the state is of one size
    assert (
        growth(encode_video(export, source, path, Fraction(25), options=EncodeOptions(intra_period=intra_period)))
        < one_frame
    )
    assert growth(decode_video(path, export)) < one_frame


def test_a_video_is_read_and_written_frame_by_frame(tmp_path):
    with VideoWriter(tmp_path / "a.mkv", (64, 96), Fraction(25)) as writer:
        source = (picture(i, 64, 96) for i in range(LONG))
        assert growth(writer.write(to_bytes(frame)) or frame for frame in source) < 3 * 4 * 64 * 96
    assert growth(map(to_tensor, VideoReader(tmp_path / "a.mkv"))) < 3 * 4 * 64 * 96
