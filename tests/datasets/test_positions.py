"""Every frame read by its position is the one read in passing, in whatever container and by whatever codec."""

import shutil

import av
import numpy as np
import pytest

from lvc.datasets.folder import FolderClips
from lvc.datasets.video_file import SEEK_FROM, VideoFile
from tests.datasets.awkward import FRAMES, number_in, remux, write

X264 = {"g": "12", "bf": "2", "preset": "ultrafast", "sc_threshold": "0"}
X264_OPEN = {"preset": "medium", "x264-params": "open-gop=1:keyint=12:bframes=3:scenecut=0:b-adapt=0"}
REFRESH = {"preset": "medium", "x264-params": "intra-refresh=1:keyint=12:bframes=0"}
X265 = {"preset": "ultrafast", "x265-params": "keyint=12:bframes=3:log-level=none"}
X265_OPEN = {"preset": "ultrafast", "x265-params": "keyint=12:open-gop=1:bframes=4:log-level=none:scenecut=0"}
MPEG = {"g": "12", "bf": "2"}
VPX = {"g": "12", "cpu-used": "8", "deadline": "good", "lag-in-frames": "16", "auto-alt-ref": "1", "crf": "10"}
AV1 = {"preset": "12", "g": "12"}

KINDS = {
    "x264": ("libx264", X264, "mp4 mov mkv avi ts flv nut wmv mxf mpg"),
    "mpeg4": ("mpeg4", MPEG, "mp4 mkv avi ts mpg nut"),
    "mpeg2": ("mpeg2video", MPEG, "mkv ts mpg vob mxf"),
    "x264_open": ("libx264", X264_OPEN, "mp4 mkv ts"),
    "x265_open": ("libx265", X265_OPEN, "mp4 mkv ts"),
    "refresh": ("libx264", REFRESH, "mp4 ts"),
    "vp8": ("libvpx", VPX, "webm ivf"),
    "vp9": ("libvpx-vp9", VPX, "webm ivf"),
    "av1": ("libsvtav1", AV1, "mp4 mkv"),
}
FILES = {f"{kind}.{suffix}": use[:2] for kind, use in KINDS.items() for suffix in use[2].split()}
FILES |= {
    "interlaced.ts": ("libx264", X264 | {"x264-params": "interlaced=1"}),
    "one_group.mp4": ("libx264", X264 | {"g": "999", "bf": "8"}),
    "fragments.mp4": ("libx264", X264, None, None, "yuv420p", {"movflags": "frag_keyframe+empty_moov"}),
    "live.mkv": ("libx264", X264, None, None, "yuv420p", {"live": "1"}),
    "h263.avi": ("h263p", {"g": "12"}),  # flags every frame as a key frame
    "wmv2.wmv": ("wmv2", {"g": "12"}),
    "raw.264": ("libx264", X264, "h264"),
    "raw.265": ("libx265", X265, "hevc"),
    "raw.obu": ("libsvtav1", AV1, "obu"),
    "raw.m4v": ("mpeg4", {"g": "12"}, "m4v"),
}

TIMES = {
    "slower": lambda n: 10 * n if n < 35 else 350 + 60 * (n - 35),
    "faster": lambda n: 60 * n if n < 35 else 2100 + 10 * (n - 35),
    "jitter": lambda n: 20 * n + (7 * n * n) % 13,
    "pause": lambda n: 20 * n + (6000 if n >= 30 else 0),
    "late": lambda n: 36000 + 20 * n,
}
FILES |= {
    f"{name}.{suffix}": ("libx264", X264, None, times)
    for name, times in TIMES.items()
    for suffix in ("mp4", "mkv", "ts", "flv")
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """All of :data:`FILES`, and what cutting without encoding makes of some."""
    path = tmp_path_factory.mktemp("awkward")
    for name, (codec, options, *more) in FILES.items():
        write(path / name, codec, options, *more)
    ticks = 512  # of a frame in MP4
    remux(path / "x264.mp4", path / "trimmed.mp4", range(12, FRAMES), 20 * ticks)
    remux(path / "one_group.mp4", path / "trimmed_late.mp4", None, 40 * ticks)
    with av.open(str(path / "x265_open.mp4")) as file:
        key = [n for n, packet in enumerate(file.demux(video=0)) if packet.is_keyframe][1]
    remux(path / "x265_open.mp4", path / "headless.mkv", range(key, FRAMES))  # some first frames refer to what is gone
    packets = (path / "x264.ts").read_bytes()
    (path / "headless.ts").write_bytes(packets[:376] + packets[188 * 40 :])  # a recording that began at any time
    return path


CUT = {"trimmed.mp4": 50, "trimmed_late.mp4": 30, "headless.mkv": None, "headless.ts": None}


@pytest.mark.parametrize("name", [*FILES, *CUT])
def test_frames_by_position_are_those_in_passing(folder, name):
    path = folder / name
    linear = list(VideoFile(path, "bt601").frames())
    numbers = [number_in(frame) for frame in linear]
    first = FRAMES - len(numbers)
    assert numbers == list(range(first, FRAMES))
    assert len(numbers) == CUT.get(name, FRAMES) or (CUT[name] is None and 40 < len(numbers) < FRAMES)
    assert VideoFile(path, "bt601").count() == VideoFile(path, "bt601").info.frames == len(linear)
    for start in range(SEEK_FROM - 2, len(linear), 5):
        count = min(3, len(linear) - start)
        assert np.array_equal(list(VideoFile(path, "bt601").frames(start, count)), linear[start : start + count])


def test_seeks_decode_from_a_key_frame_nearby(folder, monkeypatch):
    """Otherwise all of the above would be true of a reader that always begins at the start."""
    monkeypatch.setattr(VideoFile, "_linear", None)
    for name in ("x264.mp4", "x264.mkv", "x264.ts", "mpeg4.avi", "mpeg2.mpg", "x264_open.ts", "slower.flv"):
        (frame,) = VideoFile(folder / name, "bt601").frames(50, 1)
        assert number_in(frame) == 50


def test_frame_rate_is_that_of_the_frames(folder):
    rates = {name: float(VideoFile(folder / name, "bt601").info.fps) for name in ("slower.mkv", "late.ts", "x264.mkv")}
    assert rates == pytest.approx({"slower.mkv": 69 / (TIMES["slower"](69) / 600), "late.ts": 30, "x264.mkv": 25}, 1e-3)


def test_every_draw_of_a_training_set_reads(folder, tmp_path):
    names = ("trimmed_late.mp4", "raw.264", "x264_open.ts", "pause.mkv", "late.mkv", "x264.flv")
    for name in names:
        shutil.copy(folder / name, tmp_path)
    source = FolderClips(str(tmp_path))
    for index in range(len(source)):
        for start in range(0, source.length(index) - 6, 4):
            assert source.read(index, start, 7).shape[0] == 7


def test_a_cover_picture_is_not_the_video(tmp_path):
    with av.open(str(tmp_path / "a.mkv"), "w") as file:
        cover, film = (file.add_stream(codec, rate=25) for codec in ("mjpeg", "libx264"))
        cover.width, cover.height, cover.pix_fmt = 32, 32, "yuvj420p"
        film.width, film.height, film.pix_fmt = 64, 48, "yuv420p"
        for stream, number in ((cover, 1), (film, 20)):
            for _ in range(number):
                file.mux(stream.encode(av.VideoFrame(stream.width, stream.height, stream.pix_fmt)))
            file.mux(stream.encode())
    info = VideoFile(tmp_path / "a.mkv", "bt601").info
    assert (info.width, info.height, info.frames) == (64, 48, 20)
