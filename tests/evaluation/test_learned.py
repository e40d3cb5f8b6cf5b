import pytest

from lvc.evaluation import learned
from lvc.evaluation.sequences import check

from .material import moving_scene, protocol, sequence


@pytest.fixture(scope="module")
def source():
    return check(sequence(moving_scene(height=64, width=80, frames=3)), protocol(frames=3, intra_period=2))


@pytest.fixture
def export(tiny_exports):
    return tiny_exports / "256" / "codec.safetensors"


def test_a_file_is_written_decoded_and_counted(export, source, tmp_path):
    target = tmp_path / "video.lvc"
    measured = learned.measure_learned(export, source, protocol(intra_period=2), target)
    assert measured.error is None
    assert measured.bytes == measured.file_bytes == target.stat().st_size
    assert len(measured.quality.psnr) == 3
    assert {"intra", "motion", "frame"} <= set(measured.stream_bits)
    assert 0 < sum(measured.stream_bits.values()) <= 8 * measured.bytes
    assert measured.seconds["encode"] > 0 and measured.seconds["decode"] > 0


def test_decoded_frames_that_differ_are_the_measurements_error(export, source, tmp_path, monkeypatch):
    decode = learned.decode_video

    def nearly_right(*args):
        for index, frame in enumerate(decode(*args)):
            yield frame if index != 1 else frame + 1e-6

    monkeypatch.setattr(learned, "decode_video", nearly_right)
    measured = learned.measure_learned(export, source, protocol(intra_period=2), tmp_path / "video.lvc")
    assert measured.error == "1 of 3 decoded frames differ from the encoder's, the first is frame 1"
