from pathlib import Path

import av
import pytest
from omegaconf import OmegaConf

from lvc.config.contract import build
from lvc.config.evaluate import TraditionalConfig
from lvc.curves.bdrate import bd_rate
from lvc.datasets.sequences import Sequence, check
from lvc.datasets.video import VideoReader
from lvc.errors import UserError
from lvc.evaluation.metrics import bits_per_pixel
from lvc.evaluation.traditional import describe_codec, measure_traditional

from .material import encoder, moving_scene, protocol, sequence

CONF = Path(__file__).parents[2] / "conf"


@pytest.mark.parametrize("codec", ["x264", "x265"])
def test_better_quality_costs_more_bytes(codec, source, tmp_path):
    results = [measure_traditional(encoder(codec), q, source, protocol(), tmp_path / "v.mkv") for q in (18, 40)]
    (fine, coarse), (good, bad) = [r.bytes for r in results], [r.quality.summary()["psnr"] for r in results]
    assert fine > coarse and good > bad
    assert all(0 < r.bytes < r.file_bytes for r in results)
    assert len(results[0].quality.psnr) == source.count


def test_bytes_are_parameter_sets_and_packets(source, tmp_path):
    result = measure_traditional(encoder("x264"), 30, source, protocol(), tmp_path / "v.mkv")
    with av.open(str(tmp_path / "v.mkv")) as container:
        packets = sum(packet.size for packet in container.demux(video=0))
    assert 20 < result.bytes - packets < 100


def test_what_an_encoder_writes_about_itself_is_not_counted(source, tmp_path):
    sizes = [
        measure_traditional(encoder("x264", filter=f), 30, source, protocol(), tmp_path / "v.mkv").bytes
        for f in (None, "filter_units=remove_types=6")
    ]
    assert sizes[0] - sizes[1] > 300


def test_odd_sizes_come_back_in_their_own_size(tmp_path):
    odd = check(sequence(moving_scene(height=65, width=97)), protocol())
    result = measure_traditional(encoder("x264"), 10, odd, protocol(), tmp_path / "v.mkv")
    assert result.quality.summary()["psnr"] > 30


def test_an_intra_frame_in_the_wrong_place_is_refused(source, tmp_path):
    with pytest.raises(UserError, match=r"intra frames at \[0, 4\], protocol.intra_period is 3"):
        measure_traditional(encoder("x264"), 30, source, protocol(intra_period=3), tmp_path / "v.mkv")


def test_b_frames_come_back_in_display_order(source, tmp_path):
    composed = OmegaConf.merge(
        OmegaConf.load(CONF / "evaluate.yaml"), {"protocol": {"intra_period": 4}, "preset": "ultrafast"}
    )
    options = OmegaConf.to_container(composed.traditional, resolve=True)["x265_ra"]
    result = measure_traditional(build(TraditionalConfig, options), 10, source, protocol(), tmp_path / "v.mkv")
    assert min(result.quality.psnr) > 30
    with av.open(str(tmp_path / "v.mkv")) as container:
        times = [packet.pts for packet in container.demux(video=0) if packet.pts is not None]
    assert times != sorted(times)  # there are B frames


def test_an_unknown_encoder_is_named(source, tmp_path):
    with pytest.raises(UserError, match="no encoder 'libnone'"):
        measure_traditional(encoder("x264", encoder="libnone"), 30, source, protocol(), tmp_path / "v.mkv")


def test_an_unknown_option_is_named(source, tmp_path):
    wrong = encoder("x264", options={"pre_set": "fast"})
    with pytest.raises(UserError, match="libx264 has no option 'pre_set'"):
        measure_traditional(wrong, 30, source, protocol(), tmp_path / "v.mkv")


def test_a_wrong_value_is_one_line(source, tmp_path):
    wrong = encoder("x264", options={"preset": "sideways"})
    with pytest.raises(UserError, match="libx264 refuses its options"):
        measure_traditional(wrong, 30, source, protocol(), tmp_path / "v.mkv")


def test_settings_say_how_colour_was_converted():
    settings = describe_codec(encoder("x265"), 27, protocol())
    assert settings["options"]["crf"] == "27"
    assert settings["options"]["x265-params"].startswith("keyint=4:min-keyint=4")
    assert "BICUBIC" in settings["scaler"] and "yuv420p of RGB" in settings["pixels"]


@pytest.mark.parametrize(("codec", "recorded"), [("x264", "x264-ldp"), ("x265", "x265-ldp")])
def test_a_real_clip_costs_about_what_others_recorded(codec, recorded, recorded_clip, tmp_path):
    path, curves = recorded_clip
    composed = OmegaConf.merge(
        OmegaConf.load(CONF / "evaluate.yaml"), {"protocol": {"intra_period": 64}, "preset": "medium"}
    )
    config = build(TraditionalConfig, OmegaConf.to_container(composed.traditional, resolve=True)[codec])
    settings = protocol(intra_period=64, frames=33, metrics=("psnr",))
    reader = VideoReader(path)
    source = check(Sequence("clip", reader.info.fps, "bt601", lambda: iter(reader)), settings)
    points = []
    for value in config.points:
        result = measure_traditional(config, value, source, settings, tmp_path / "v.mkv")
        bpp = bits_per_pixel(result.bytes, source.width, source.height, source.count)
        points.append((bpp, result.quality.summary()["psnr"]))
    delta = bd_rate(*zip(*points, strict=True), *zip(*curves[recorded], strict=True))
    assert abs(delta.value) < 20, "other presets and tunings, but the same region"
