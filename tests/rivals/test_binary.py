import av
import pytest

from lvc.config.evaluate import TraditionalConfig
from lvc.errors import UserError
from lvc.evaluation.traditional import measure_traditional

from ..evaluation.material import encoder, protocol
from .material import open_planes, write_planes

pytest.importorskip("imageio_ffmpeg")

ENCODERS = {
    "vvenc": ("libvvenc", "qp", {"preset": "faster", "qpa": 0, "vvenc-params": {"poc0idr": 1}}),
    "kvazaar": ("libkvazaar", "qp", {"kvazaar-params": "preset=ultrafast,qp={point},period={keyint},gop=0"}),
    "aom": ("libaom-av1", "crf", {"b:v": 0, "cpu-used": 8, "usage": "realtime", "lag-in-frames": 0, "g": "{keyint}"}),
}


@pytest.fixture
def planes(tmp_path):
    (tmp_path / "in").mkdir()
    write_planes(tmp_path / "in" / "scene.mkv", height=128, width=160)
    return open_planes(tmp_path / "in" / "scene.mkv")


def run(config, point, source, path, **changes):
    return measure_traditional(config, point, source, protocol(intra_period=-1, **changes), path)


@pytest.mark.parametrize("name", ENCODERS)
def test_encoders_that_only_the_binary_has(name, planes, tmp_path):
    library, quality, options = ENCODERS[name]
    config = TraditionalConfig(through="ffmpeg", encoder=library, quality=quality, points=(22,), options=options)
    fine, coarse = (run(config, point, planes, tmp_path / "v.mkv") for point in (20, 45))
    assert fine.bytes > coarse.bytes
    assert fine.quality.summary()["metrics"]["psnr_y"] > coarse.quality.summary()["metrics"]["psnr_y"] > 25
    assert fine.frames[0].kind == "I" and len(fine.frames) == planes.count


def test_both_ways_to_one_encoder_agree(planes, tmp_path):
    options = encoder("x265").options | {"x265-params": {"keyint": "{keyint}", "bframes": 0, "info": 0}}
    results = [
        run(encoder("x265", options=options, through=through), 27, planes, tmp_path / "v.mkv")
        for through in ("pyav", "ffmpeg")
    ]
    one, other = (r.quality.summary()["metrics"]["psnr_y"] for r in results)
    assert one == pytest.approx(other, abs=0.1)  # not the same build
    assert results[0].bytes == pytest.approx(results[1].bytes, rel=0.05)


def test_parameter_sets_count_once(planes, tmp_path):
    """VVenC writes them into its first packet and into the file's head."""
    library, quality, options = ENCODERS["vvenc"]
    config = TraditionalConfig(through="ffmpeg", encoder=library, quality=quality, points=(22,), options=options)
    result = run(config, 40, planes, tmp_path / "v.mkv")
    with av.open(str(tmp_path / "v.mkv")) as container:
        assert container.streams.video[0].codec_context.extradata
        assert result.bytes == sum(packet.size for packet in container.demux(video=0))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"encoder": "libnone"}, "Unknown encoder 'libnone'"),
        ({"options": {"prezet": "slow"}}, "Unrecognized option 'prezet'"),
        ({"options": {"preset": "sideways"}}, "Error setting preset/tune sideways"),
    ],
)
def test_the_binarys_complaint_is_one_line(changes, message, planes, tmp_path):
    with pytest.raises(UserError, match=message) as raised:
        run(encoder("x265", through="ffmpeg", **changes), 30, planes, tmp_path / "v.mkv")
    assert "\n" not in str(raised.value)


def test_a_missing_binary_names_the_extra(planes, tmp_path, monkeypatch):
    import imageio_ffmpeg

    from lvc.rivals import binary

    def missing():
        raise RuntimeError

    binary.find_ffmpeg.cache_clear()
    monkeypatch.setattr(imageio_ffmpeg, "get_ffmpeg_exe", missing)
    with pytest.raises(UserError, match=r"pip install 'lvc\[anchors\]'"):
        binary.find_ffmpeg()


def test_plane_psnr_is_ffmpegs(planes, tmp_path):
    """FFmpeg's own filter, on the file that was measured."""
    import re
    import subprocess

    from lvc.rivals.binary import find_ffmpeg

    result = run(
        encoder("x264", through="ffmpeg", options={"preset": "ultrafast", "bf": 0}), 30, planes, tmp_path / "v.mkv"
    )
    log = tmp_path / "psnr.txt"
    source = tmp_path / "in" / "scene.mkv"
    graph = f"[0:v]setpts=N[a];[1:v]setpts=N[b];[a][b]psnr=stats_file={log}"
    command = [find_ffmpeg(), "-v", "error", "-i", tmp_path / "v.mkv", "-i", source, "-lavfi", graph, "-f", "null", "-"]
    subprocess.run(list(map(str, command)), check=True)
    theirs = [[float(v) for v in row] for row in re.findall(r"psnr_y:(\S+) psnr_u:(\S+) psnr_v:(\S+)", log.read_text())]
    ours = zip(*(result.quality.more[f"psnr_{plane}"] for plane in "yuv"), strict=True)
    for mine, his in zip(ours, theirs, strict=True):
        assert mine == pytest.approx(his, abs=0.006)  # they print two digits


def test_perceptual_metrics_see_what_is_better(planes, tmp_path):
    pytest.importorskip("imageio_ffmpeg")
    metrics = ("psnr", "vmaf", "xpsnr")
    config = encoder("x264", options={"preset": "ultrafast", "bf": 0})
    fine, coarse = (
        run(config, point, planes, tmp_path / "v.mkv", metrics=metrics).quality.summary()["metrics"]
        for point in (15, 45)
    )
    for name in ("vmaf", "vmaf_neg", "xpsnr"):
        assert fine[name] > coarse[name]
    assert coarse["vmaf"] >= 0 and fine["vmaf"] <= 100
    assert fine["vmaf_neg"] <= fine["vmaf"] + 0.5


def test_equal_videos_have_no_perceptual_loss(planes, tmp_path):
    options = {"preset": "ultrafast", "tune": "zerolatency", "g": "{keyint}"}
    config = TraditionalConfig(encoder="libx264", quality="qp", points=(0,), options=options)
    found = run(config, 0, planes, tmp_path / "v.mkv", metrics=("psnr", "vmaf", "xpsnr")).quality.summary()["metrics"]
    assert found["vmaf"] > 90 and found["xpsnr"] == 100
