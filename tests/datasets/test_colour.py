"""Luma as files hold it, scaling, and transparency."""

import av
import numpy as np
import pytest
from PIL import Image

from lvc.config.compose import compose
from lvc.config.contract import ConfigError
from lvc.config.data import FolderConfig, Vimeo90kConfig
from lvc.config.evaluate import build_evaluation
from lvc.config.run import build_run
from lvc.datasets.clips import SampledClips
from lvc.datasets.colour import luma_of, to_luma, to_rgb
from lvc.datasets.png import read_png
from lvc.datasets.sources import open_source
from lvc.datasets.video import VideoReader
from lvc.errors import UserError

from .conftest import clip, write

WEIGHTS = {"bt601": (0.299, 0.587, 0.114), "bt709": (0.2126, 0.7152, 0.0722)}


def expected(frames, matrix):
    return frames.astype(float) @ np.array(WEIGHTS[matrix])


def luma_source(path, **options):
    return open_source(FolderConfig(name="folder", path=str(path), colour="luma", **options))


@pytest.mark.parametrize("matrix", ["bt601", "bt709"])
def test_luma_of_rgb_files_by_the_configured_matrix(matrix, tmp_path):
    write(tmp_path / "clip.mkv", clip(1, 3))
    write(tmp_path / "frames", clip(2, 3))
    source = luma_source(tmp_path, matrix=matrix)
    for index, seed in enumerate((1, 2)):
        luma = source.read(index, 0, 3)
        assert luma.shape == (3, 48, 64, 1) and luma.dtype == np.uint8
        assert np.abs(luma[..., 0] - expected(clip(seed, 3), matrix)).max() <= 0.51


@pytest.mark.parametrize("matrix", ["bt601", "bt709"])
def test_luma_of_yuv_files_is_their_own(matrix, tmp_path):
    """A tagged file gives the luma of its own matrix, whatever the configuration says of untagged ones."""
    write(tmp_path / "clip.mp4", clip(3, 4), matrix=matrix)
    luma = luma_source(tmp_path, matrix="bt601").read(0, 0, 4)[..., 0].astype(float)
    other = "bt709" if matrix == "bt601" else "bt601"
    wrong, right = (np.abs(luma - expected(clip(3, 4), m)).mean() for m in (other, matrix))
    assert right < 1.5 and wrong > 2 * right
    assert luma.min() < 60 and luma.max() > 190


def test_limited_range_becomes_full():
    grey = av.VideoFrame(16, 16, "yuv420p")
    for plane, value in zip(grey.planes, (235, 128, 128), strict=True):
        plane.update(bytes([value]) * plane.buffer_size)
    assert (to_luma(grey, "bt709") == 255).all() and (to_rgb(grey, "bt709") == 255).all()


def test_samples_of_luma(folder):
    sample = SampledClips(luma_source(folder), frames=3, crop=32)[0, 1]
    assert sample["clip"].shape == (3, 1, 32, 32)


def test_vimeo90k_in_luma(tmp_path):
    folder = tmp_path / "sequences" / "00001" / "0001"
    folder.mkdir(parents=True)
    for number, frame in enumerate(clip(4, 7), 1):
        Image.fromarray(frame).save(folder / f"im{number}.png")
    for name in ("sep_trainlist.txt", "sep_testlist.txt"):
        (tmp_path / name).write_text("00001/0001\n")
    source = open_source(Vimeo90kConfig(name="vimeo90k", path=str(tmp_path), colour="luma", matrix="bt709"))
    assert np.array_equal(source.read(0, 0, 7), luma_of(clip(4, 7), "bt709"))


def test_a_codec_of_colour_refuses_luma():
    with pytest.raises(ConfigError, match=r"dataset\.colour: dcvc_tcm codes rgb, and this is luma"):
        build_run(compose("train", ["dataset=folder", "dataset.colour=luma", "size=tiny"]))
    with pytest.raises(ConfigError, match=r"validation\.colour: dcvc_tcm codes rgb, and this is luma"):
        build_run(compose("train", ["validation=folder", "validation.colour=luma", "size=tiny"]))
    with pytest.raises(ConfigError, match=r"dataset\.colour: is rgb in an evaluation"):
        build_evaluation(compose("evaluate", ["dataset.colour=luma"]))


def test_resampling_needs_a_crop():
    words = ["dataset=synthetic", "size=tiny", "schedule.all.crop=null", "dataset.augment.scale=[0.5,1]"]
    run = compose("train", words)
    for stage in run["schedule"]["stages"].values():
        stage["crop"] = None
    with pytest.raises(ConfigError, match=r"crop: is null, and dataset\.augment\.scale needs a crop"):
        build_run(run)


def test_scaling_keeps_the_mean_and_removes_what_is_too_fine():
    fine = np.zeros((64, 96, 3), np.uint8)
    fine[:, ::2] = 200
    frame = av.VideoFrame.from_ndarray(fine, format="rgb24")
    small = to_rgb(frame, "bt709", (32, 24))
    assert small.shape == (24, 32, 3) and abs(int(small.mean()) - 100) <= 1 and np.ptp(small[4:-4, 4:-4]) <= 12


def test_transparency_is_black(tmp_path):
    rgba = np.dstack([np.full((8, 8, 3), 200, np.uint8), np.tile(np.arange(8, dtype=np.uint8) * 36, (8, 1))])
    seen = to_rgb(av.VideoFrame.from_ndarray(rgba, format="rgba"), "bt709")
    assert np.abs(seen[..., 0] - 200 * (rgba[..., 3] / 255)).max() <= 1
    Image.fromarray(rgba).save(tmp_path / "a.png")
    assert np.abs(read_png(tmp_path / "a.png").astype(int) - seen).max() <= 1


def flat(pixels, *levels, full=None, matrix=None):
    """A frame of one colour, its planes at ``levels``."""
    frame = av.VideoFrame(16, 16, pixels)
    for plane, level in zip(frame.planes, levels, strict=True):
        wide = pixels.endswith("le")
        plane.update(
            level.to_bytes(2, "little") * (plane.buffer_size // 2) if wide else bytes([level]) * plane.buffer_size
        )
    if full is not None:
        frame.color_range = 2 if full else 1
    if matrix is not None:
        frame.colorspace = matrix
    return frame


@pytest.mark.parametrize("bits", [8, 10, 12])
@pytest.mark.parametrize("full", [None, False, True])
def test_monochrome_has_a_range_too(bits, full):
    """Untagged is limited, as it is where there is colour."""
    pixels, scale = ("gray", 1) if bits == 8 else (f"gray{bits}le", 1 << bits - 8)
    low, high = (0, 255) if full else (16, 235)
    for level, expected in ((low, 0), (high, 255), ((low + high) // 2, 127)):
        frame = flat(pixels, level * scale, full=full)
        for shown in (to_rgb(frame, "bt601"), to_luma(frame, "bt601")):
            assert np.abs(shown.astype(int) - expected).max() <= 1


@pytest.mark.parametrize("codec", ["libx265", "ffv1"])
def test_limited_monochrome_files(tmp_path, codec):
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream(
            codec, rate=25, options={"x265-params": "lossless=1:log-level=none:pools=none:frame-threads=1"}
        )
        stream.height, stream.width, stream.pix_fmt = 64, 64, "gray"
        stream.codec_context.color_range = 1
        black = av.VideoFrame.from_ndarray(np.full((64, 64), 16, np.uint8), format="gray")
        black.color_range = 1
        container.mux(stream.encode(black))
        container.mux(stream.encode())
    (frame,) = VideoReader(path)
    assert (frame == 0).all()


def test_limited_monochrome_y4m(tmp_path):
    (tmp_path / "a.y4m").write_bytes(b"YUV4MPEG2 W16 H16 F25:1 Ip Cmono\nFRAME\n" + bytes([16]) * 256)
    (frame,) = VideoReader(tmp_path / "a.y4m")
    assert (frame == 0).all()


def test_ycgco_is_converted():
    """White, black, and green as ITU-T H.273 has it: Y = (R + 2G + B) / 4, Cg = (2G - R - B) / 4, Co = (R - B) / 2."""
    for rgb in ((255, 255, 255), (0, 0, 0), (40, 200, 90), (220, 30, 60)):
        red, green, blue = rgb
        y, cg, co = (red + 2 * green + blue) / 4, (2 * green - red - blue) / 4, (red - blue) / 2
        frame = flat("yuv444p", round(y), round(128 + cg), round(128 + co), full=True, matrix=8)
        assert np.abs(to_rgb(frame, "bt601").astype(int) - rgb).max() <= 2


@pytest.mark.parametrize("tag", [3, 10, 14])
def test_matrices_that_cannot_be_converted_are_named(tag):
    with pytest.raises(UserError, match=f"is tagged with YUV matrix {tag}"):
        to_rgb(flat("yuv420p", 100, 128, 128, matrix=tag), "bt601")
