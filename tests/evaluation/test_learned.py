import pytest

from lvc.datasets.sequences import check
from lvc.evaluation import learned
from lvc.evaluation.systems import find_systems
from lvc.export import save_export
from tests.conftest import tiny_pmctf, tiny_pmctf_config

from .material import moving_scene, protocol, sequence
from .test_config import built


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


def test_groups_by_content_are_a_curve_of_their_own(tmp_path):
    changes = {"levels": 1, "ll_context": "four_step"}
    loss = {"lmbda": 195.075, "lmbda_max": 5267.025, "metric": "mse"}
    config = tiny_pmctf_config(**changes)
    path = save_export(tmp_path / "pmctf.safetensors", tiny_pmctf(**changes), config, {"config": {"loss": loss}})
    evaluation = built(
        exports=str(path),
        codecs=[],
        protocol={"name": "short", "intra_period": 4},
        structure={"adaptive": True, "gops": [4, 2], "factors": [1, 4]},
    )
    (system,) = find_systems(evaluation)
    assert (system.codec, system.point) == ("pmctf_l-tiny-ca-early_stop", "q=10")
    assert system.settings["structure"]["gops"] == (4, 2)
    source = check(sequence(moving_scene(height=64, width=64, frames=3)), protocol(frames=3))
    measured = system.measure(source, tmp_path / "video.lvc")
    assert measured.error is None and measured.stream_bits["resolution"] >= 1
    assert [measured.frames[index].kind for index in (0, 2)] == ["L", "L"]
