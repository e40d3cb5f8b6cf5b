from lvc.config.evaluate import TraditionalConfig
from lvc.evaluation.traditional import measure_traditional

from ..evaluation.material import protocol
from .material import open_planes, write_planes


def lossless(**changes):
    options = {"preset": "ultrafast", "tune": "zerolatency", "g": "{keyint}"}
    return TraditionalConfig(encoder="libx264", quality="qp", points=(0,), options=options, **changes)


def test_the_sources_own_planes_are_coded(tmp_path):
    write_planes(tmp_path / "scene.mkv")
    source = open_planes(tmp_path / "scene.mkv")
    result = measure_traditional(lossless(), 0, source, protocol(intra_period=-1), tmp_path / "v.mkv")
    summary = result.quality.summary()
    assert summary["metrics"]["psnr_yuv"] == 100 and summary["psnr"] == 100
    assert source.describe()["format"] == "yuv420p, limited range"


def test_planes_of_odd_sizes_are_coded_whole(tmp_path):
    write_planes(tmp_path / "scene.mkv", height=65, width=97)
    source = open_planes(tmp_path / "scene.mkv")
    result = measure_traditional(lossless(), 0, source, protocol(intra_period=-1), tmp_path / "v.mkv")
    assert result.quality.summary()["metrics"]["psnr_y"] == 100


def test_planes_made_from_rgb_lose_what_the_conversion_costs(tmp_path):
    write_planes(tmp_path / "scene.mkv")
    source = open_planes(tmp_path / "scene.mkv")
    made = measure_traditional(
        lossless(pixels="yuv444p"), 0, source, protocol(intra_period=-1), tmp_path / "v.mkv"
    ).quality.summary()
    assert 40 < made["psnr"] < 100 and 40 < made["metrics"]["psnr_yuv"] < 100
