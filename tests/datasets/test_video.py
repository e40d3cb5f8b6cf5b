"""Reading: colours, formats, damage."""

import re
import struct
import tracemalloc
from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image

from lvc.datasets.video import VideoReader
from lvc.errors import UserError

from .conftest import clip, write

WEIGHTS = {"bt601": (0.299, 0.114), "bt709": (0.2126, 0.0722)}
TAG = {"bt601": 6, "bt709": 1}


def formula(planes, matrix, full):
    """YUV 4:4:4 to RGB as the standards define it."""
    red, blue = WEIGHTS[matrix]
    y, u, v = planes.astype(float)
    y, u, v = (
        (y / 255, (u - 128) / 255, (v - 128) / 255) if full else ((y - 16) / 219, (u - 128) / 224, (v - 128) / 224)
    )
    r, b = y + 2 * (1 - red) * v, y + 2 * (1 - blue) * u
    g = (y - red * r - blue * b) / (1 - red - blue)
    return (np.stack([r, g, b], -1) * 255).round().clip(0, 255)


def write_yuv(path, planes, pixel_format="yuv444p", codec="libx264", tag=None, full=False, frames=3):
    """Planes as they are, losslessly."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options={"qp": "0"} if codec == "libx264" else {})
        stream.height, stream.width, stream.pix_fmt = *planes.shape[1:], pixel_format
        if tag:
            stream.codec_context.colorspace = tag
        stream.codec_context.color_range = 2 if full else 1
        for _ in range(frames):
            frame = av.VideoFrame.from_ndarray(planes, format=pixel_format)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def yuv(seed=0):
    return np.random.default_rng(seed).integers(70, 180, (3, 48, 64)).astype(np.uint8)


@pytest.mark.parametrize("matrix", ["bt601", "bt709"])
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("tagged", [False, True])
def test_colours_follow_the_matrix(tmp_path, matrix, full, tagged):
    path = write_yuv(tmp_path / "a.mp4", yuv(), tag=TAG[matrix] if tagged else None, full=full)
    other = {"bt601": "bt709", "bt709": "bt601"}[matrix]
    reader = VideoReader(path, matrix=other if tagged else matrix)  # a tag wins
    assert reader.info.matrix == matrix
    frames = list(reader)
    assert len(frames) == 3
    assert np.abs(frames[0] - formula(yuv(), matrix, full)).max() <= 1


def test_facts(tmp_path):
    path = write(tmp_path / "a.mp4", clip(frames=5), fps=Fraction(30000, 1001), matrix="bt709")
    info = VideoReader(path).info
    assert (info.width, info.height, info.frames, info.matrix) == (64, 48, 5, "bt709")
    assert info.fps == Fraction(30000, 1001)


@pytest.mark.parametrize("name", ["a.mkv", "a.mp4", "a.y4m", "frames"])
def test_reading_twice_gives_the_same(tmp_path, name):
    reader = VideoReader(write(tmp_path / name, clip()))
    assert reader.info.frames == 8
    assert np.array_equal(list(reader), list(reader))
    assert np.array_equal(list(reader.frames(2, 3, 2)), list(reader)[2:8:2])


@pytest.mark.parametrize("name", ["a.mkv", "a.mp4", "a.y4m"])
def test_late_frames_are_the_ones_asked_for(tmp_path, name):
    # Every frame differs; x264 puts a key frame at least every 250 frames, so some starts decode a long way.
    frames = clip(frames=300, height=16, width=16)
    reader = VideoReader(write(tmp_path / name, frames, fps=Fraction(30000, 1001)))
    everything = list(reader)
    for start in (0, 31, 32, 100, 255, 290):
        assert np.array_equal(list(reader.frames(start, 3, 2)), everything[start : start + 6 : 2])


def test_natural_order_of_frames(tmp_path):
    for number in (1, 2, 10):
        Image.fromarray(np.full((16, 16, 3), number, np.uint8)).save(tmp_path / f"im{number}.png")
    assert [int(f[0, 0, 0]) for f in VideoReader(tmp_path)] == [1, 2, 10]


def test_grey_and_16_bit_png(tmp_path):
    Image.fromarray(np.full((16, 16), 77, np.uint8)).save(tmp_path / "1.png")
    Image.fromarray(np.full((16, 16), 77 * 257, np.uint16)).save(tmp_path / "2.png")
    for frame in VideoReader(tmp_path):
        assert frame.shape == (16, 16, 3) and (frame == 77).all()


def test_ten_bits(tmp_path):
    with av.open(str(tmp_path / "a.mkv"), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.height, stream.width, stream.pix_fmt = 48, 64, "yuv420p10le"
        frame = av.VideoFrame.from_ndarray(clip()[0], format="rgb24").reformat(format="yuv420p10le")
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    (frame,) = VideoReader(tmp_path / "a.mkv")
    assert frame.dtype == np.uint8 and np.abs(frame.astype(int) - clip()[0]).mean() < 3


def test_odd_sizes(tmp_path):
    frames = clip(height=47, width=63)
    for name in ("a.mkv", "a.mp4", "a.y4m"):
        assert np.stack(list(VideoReader(write(tmp_path / name, frames)))).shape == frames.shape


def test_rotated_file_is_turned(tmp_path):
    path = write(tmp_path / "a.mp4", clip())
    upright = np.stack(list(VideoReader(path)))
    data = bytearray(path.read_bytes())
    matrix = data.find(b"tkhd") + 44  # a phone held upright: turn clockwise by 90 degrees
    data[matrix : matrix + 36] = struct.pack(">9i", 0, 1 << 16, 0, -1 << 16, 0, 0, 48 << 16, 0, 1 << 30)
    path.write_bytes(data)
    reader = VideoReader(path)
    assert (reader.info.width, reader.info.height) == (48, 64)
    assert np.array_equal(np.stack(list(reader)), np.rot90(upright, -1, (1, 2)))


def test_memory_does_not_grow_with_length(tmp_path):
    frames = np.repeat(clip(frames=1, height=120, width=160), 200, 0)
    reader = VideoReader(write(tmp_path / "a.mkv", frames))
    tracemalloc.start()
    assert sum(1 for _ in reader) == 200
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20 * frames[0].nbytes


def read_until_error(path):
    got = []
    with pytest.raises(UserError) as error:
        for frame in VideoReader(path):
            got.append(frame)
    message = str(error.value)
    assert str(path) in message and "\n" not in message
    return got, message


@pytest.mark.parametrize("name", ["a.mkv", "a.y4m"])
def test_cut_off_file_yields_its_frames_and_says_how_many(tmp_path, name):
    frames = np.random.default_rng(0).integers(0, 256, (10, 48, 64, 3), dtype=np.uint8)
    path = write(tmp_path / name, frames)
    whole = list(VideoReader(path))
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * 0.65)])
    got, message = read_until_error(path)
    assert 4 <= len(got) <= 7 and np.array_equal(got, whole[: len(got)])
    assert int(re.search(r"(\d+)( of 10)? frames could be read", message)[1]) == len(got)


def test_cut_off_mp4(tmp_path):
    frames = np.random.default_rng(0).integers(0, 256, (20, 48, 64, 3), dtype=np.uint8)
    path = write(tmp_path / "a.mp4", frames)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * 0.7)])
    _, message = read_until_error(path)
    assert "of 20 frames could be read" in message


def test_damage_in_the_middle_is_not_concealed(tmp_path):
    frames = np.random.default_rng(0).integers(0, 256, (20, 48, 64, 3), dtype=np.uint8)
    path = write(tmp_path / "a.mp4", frames)
    with av.open(str(path)) as container:
        middle = sorted(p.pos for p in container.demux(video=0) if p.size)[10]
    data = bytearray(path.read_bytes())
    data[middle : middle + 64] = b"\x55" * 64
    path.write_bytes(data)
    got, message = read_until_error(path)
    assert 0 < len(got) < 20 and f"{len(got)} of 20 frames could be read" in message


def test_last_frame_missing_is_noticed(tmp_path):
    path = write(tmp_path / "a.mkv", clip(frames=10))
    with av.open(str(path)) as container:
        last = [p.pos for p in container.demux(video=0) if p.size][-1]
    path.write_bytes(path.read_bytes()[: last + 10])
    got, message = read_until_error(path)
    assert len(got) == 9 and "9 of 10 frames" in message


@pytest.mark.parametrize("content", [b"", b"no video" * 100])
def test_unreadable_file(tmp_path, content):
    path = tmp_path / "a.mp4"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"a\.mp4: not a readable video"):
        VideoReader(path)


def test_missing_and_empty(tmp_path):
    with pytest.raises(UserError, match=r"nowhere\.mp4: no such video"):
        VideoReader(tmp_path / "nowhere.mp4")
    with pytest.raises(UserError, match="no PNG frames"):
        VideoReader(tmp_path)


def test_damaged_png_names_the_file(tmp_path):
    write(tmp_path / "frames", clip())
    bad = tmp_path / "frames" / "im00003.png"
    bad.write_bytes(bad.read_bytes()[:200])
    reader = VideoReader(tmp_path / "frames")
    with pytest.raises(UserError, match=r"im00003\.png: unreadable"):
        list(reader)


def test_frames_of_different_sizes(tmp_path):
    Image.new("RGB", (32, 16)).save(tmp_path / "1.png")
    Image.new("RGB", (16, 16)).save(tmp_path / "2.png")
    with pytest.raises(UserError, match="16x16 after 32x16"):
        list(VideoReader(tmp_path))


def test_too_many_frames_asked_for(tmp_path):
    reader = VideoReader(write(tmp_path / "a.mkv", clip()))
    with pytest.raises(UserError, match="has 8 frames, and frame 9"):
        list(reader.frames(0, 9))


def test_unknown_matrix(tmp_path):
    with pytest.raises(UserError, match="matrix: 'bt602' is not one of"):
        VideoReader(tmp_path, matrix="bt602")


def test_real_clips_have_the_frames_they_declare(real_clips):
    for path in sorted((real_clips / "val").glob("*.mkv"))[:3]:
        reader = VideoReader(path)
        assert sum(1 for _ in reader) == reader.info.frames
