import av
import numpy as np
import pytest
import torch

from lvc.datasets.colour import to_rgb
from lvc.datasets.frames import to_tensor
from lvc.datasets.planes import (
    PlaneFormat,
    at_depth,
    chroma_on_left,
    cropped,
    even,
    format_of,
    frame_of,
    planes_from,
    planes_of,
    rgb_of,
)


def smooth(height=48, width=64, depth=8, pixels="yuv420p", matrix="bt601", full=False):
    """Planes of a gradient that every conversion can keep."""
    form = PlaneFormat(pixels, matrix, full)
    rows, columns = form.sampling()
    kind, unit = (np.uint16 if depth > 8 else np.uint8), 2 ** (depth - 8)
    y, x = np.mgrid[0:height, 0:width]
    luma = (60 + y + x) * unit
    v, u = np.mgrid[0 : -(-height // rows), 0 : -(-width // columns)]
    return form, (
        luma.astype(kind),
        ((118 + u * columns // 2) * unit).astype(kind),
        ((140 - v * rows // 2) * unit).astype(kind),
    )


@pytest.mark.parametrize("pixels", ["yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "yuv444p12le"])
def test_planes_pass_through_a_frame_unchanged(pixels):
    depth = av.VideoFormat(pixels).components[0].bits
    form, planes = smooth(50, 70, depth, pixels)
    frame = frame_of(planes, form)
    assert format_of(frame, "bt601") == form and form.depth == depth
    assert all((a == b).all() for a, b in zip(planes, planes_of(frame), strict=True))


@pytest.mark.parametrize("pixels", ["rgb24", "gray", "nv12", "yuva420p"])
def test_what_has_no_three_planes_has_no_plane_format(pixels):
    assert format_of(av.VideoFrame(16, 16, pixels), "bt601") is None


@pytest.mark.parametrize("matrix", ["bt601", "bt709", "bt2020"])
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize(
    ("pixels", "depth"), [("yuv444p", 8), ("yuv420p", 8), ("yuv420p10le", 10), ("yuv422p10le", 10)]
)
def test_planes_come_back_from_rgb(pixels, depth, matrix, full):
    form, planes = smooth(depth=depth, pixels=pixels, matrix=matrix, full=full)
    frame = frame_of(planes, form)
    back = planes_from(to_tensor(to_rgb(frame, matrix)), form, chroma_on_left(frame, form))
    unit = 2 ** (depth - 8)
    inner = (slice(4, -4), slice(4, -4))  # replicated borders bend a gradient
    for plane, other in zip(planes, back, strict=True):
        assert np.abs(plane[inner].astype(int) - other[inner]).max() <= 1.5 * unit  # 8-bit RGB lies between


def test_planes_from_rgb_are_those_of_the_standard():
    """Full red in BT.709, limited range (ITU-T H.273): 16 + 219 Kr and so on."""
    red = torch.tensor([1.0, 0, 0])[None, :, None, None].expand(1, 3, 4, 4)
    y, u, v = planes_from(red, PlaneFormat("yuv420p", "bt709"))
    expected = (16 + 219 * 0.2126, 128 - 224 * 0.2126 / (2 * (1 - 0.0722)), 128 + 224 / 2)
    assert [int(p[0, 0]) for p in (y, u, v)] == [round(value) for value in expected]
    assert y.shape == (4, 4) and u.shape == (2, 2)


def test_the_chroma_position_is_found():
    rng = np.random.default_rng(0)
    rgb = torch.from_numpy(rng.random((1, 3, 8, 8))).float()
    rgb = torch.nn.functional.interpolate(rgb, scale_factor=8, mode="bicubic").clamp(0, 1)
    form = PlaneFormat("yuv420p", "bt601")
    frame = frame_of(planes_from(rgb, form), form)
    assert chroma_on_left(frame, form) is False  # FFmpeg takes what is not said to lie between


def test_rgb_of_planes_is_the_readers_rgb():
    form, planes = smooth()
    frame = frame_of(planes, form)
    rgb = to_rgb(frame, "bt601")
    assert (rgb_of(planes, frame_of(planes, form), "bt601") == rgb).all()


def test_depths_are_rounded_as_decoders_do():
    (plane, *_) = at_depth((np.array([[0, 1, 2, 1021, 1023]], np.uint16),) * 3, 10, 8)
    assert plane.tolist() == [[0, 0, 1, 255, 255]] and plane.dtype == np.uint8
    assert at_depth((np.array([[3]], np.uint8),) * 3, 8, 10)[0].tolist() == [[12]]


def test_odd_sides_are_extended_and_cropped():
    _, planes = smooth(47, 63)
    whole = even(planes, (2, 2))
    assert whole[0].shape == (48, 64) and whole[1].shape == (24, 32)
    assert (cropped(whole, 47, 63)[0] == planes[0]).all()
