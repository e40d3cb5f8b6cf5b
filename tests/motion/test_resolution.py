import pytest
import torch

from lvc.motion.resolution import FULL, MotionScale


def test_constant_flow_comes_back_times_the_factor():
    for factor in (1, 2, 4, 8):
        flow = torch.tensor([1.5, -0.25])[None, :, None, None].expand(1, 2, 64 // factor, 96 // factor)
        large = MotionScale(factor).decoded(flow, (60, 90))
        assert large.shape == (1, 2, 60, 90)
        assert torch.equal(large, factor * flow[..., :1, :1].expand(1, 2, 60, 90))


def test_flow_that_grows_along_the_frame_keeps_its_place():
    """Flow of a zoom, sampled small and enlarged, is that of the zoom at full size."""
    factor = 4
    large = 0.1 * (torch.arange(128.0) + 0.5)
    small = large.view(-1, factor).mean(1) / factor
    enlarged = MotionScale(factor).enlarge_flow(small.expand(1, 2, 16, -1), (64, 128))
    inside = slice(factor, -factor)
    assert torch.allclose(enlarged[0, 0, 32, inside], large[inside], rtol=0.01)


@pytest.mark.parametrize("name", ["box", "bilinear", "antialiased"])
def test_pictures_get_smaller_and_back_whatever_their_size(name):
    """A slope stays that slope; sides that the factor does not divide are rounded up."""
    picture = torch.linspace(0, 1, 101).expand(1, 3, 51, 101)
    scale = MotionScale(4, filter=name)
    small = scale.reduce(picture)
    assert small.shape == (1, 3, 13, 26)
    assert scale.reduce(picture, 64).shape == (1, 3, 64, 64)
    again = scale.enlarge(small, (51, 101))
    assert torch.allclose(again[..., 8:-8], picture[..., 8:-8], atol=0.005)
    assert scale.coded_size((51, 101), 64) == (64, 64)
    assert MotionScale(4, "A").coded_size((512, 300), 64) == (512, 512)


def test_full_size_leaves_pictures_and_flow_as_they_are():
    picture = torch.rand(1, 3, 64, 64)
    assert FULL.reduce(picture, 64) is picture
    assert torch.equal(FULL.decoded(picture, (60, 50)), picture[..., :60, :50])


def test_smoothing_keeps_stripes_from_becoming_others():
    """Stripes finer than small pixels turn grey, where plain bilinear samples alias."""
    stripes = torch.tensor([1.0, 1.0, 0.0]).repeat(64)[:192].expand(1, 3, 16, 192)
    spread = {name: float(MotionScale(8, filter=name).reduce(stripes).std()) for name in ("box", "bilinear")}
    assert spread["box"] < spread["bilinear"] / 3
