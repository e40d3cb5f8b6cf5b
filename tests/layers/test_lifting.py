import numpy as np
import pytest
import pywt
import torch

from lvc.layers.lifting import Lifting, PredictUpdate, Wavelet

BORDER = 2
"""PyWavelets' bands begin and end with this many samples that continue the picture."""


def picture(height=64, width=96, seed=0):
    return torch.rand(1, 1, height, width, generator=torch.Generator().manual_seed(seed)) * 255


def trained(levels=4, spread=0.05, **options):
    """A transform whose networks have moved away from 0."""
    torch.manual_seed(1)
    wavelet = Wavelet(levels, Lifting(**options))
    for step in wavelet.lifting.steps.values():
        torch.nn.init.normal_(step.network.last.weight, std=spread)
        torch.nn.init.normal_(step.skip.bias, std=0.3)
    return wavelet.eval()


@torch.no_grad()
def test_fresh_bands_are_pywavelets_with_high_pass_signs_flipped():
    low, details = Wavelet(4, Lifting()).double()(x := picture().double())
    for level in details:
        theirs_low, theirs = pywt.dwt2(x[0, 0].numpy(), "bior4.4", mode="reflect")
        size = level.lh.shape[2:]
        crop = tuple(slice(BORDER, BORDER + side) for side in size)
        ours = (level.hl, level.lh, level.hh)  # PyWavelets: horizontal, vertical, diagonal
        for mine, other, sign in zip(ours, theirs, (-1, -1, 1), strict=True):
            assert np.allclose(mine[0, 0].numpy(), sign * other[crop], atol=1e-4)
        x = torch.from_numpy(theirs_low[crop].copy())[None, None]
    assert torch.allclose(low, x, atol=1e-4)


@torch.no_grad()
def test_mirrored_borders_change_border_samples_alone():
    x = picture().double()
    low, (level,) = Wavelet(1, Lifting()).double()(x)
    other, (mirrored,) = Wavelet(1, Lifting(border="mirror")).double()(x)
    for a, b in ((low, other), (level.lh, mirrored.lh), (level.hl, mirrored.hl), (level.hh, mirrored.hh)):
        assert not torch.equal(a, b)
        assert torch.allclose(a[..., 2:-2, 2:-2], b[..., 2:-2, 2:-2])


@torch.no_grad()
@pytest.mark.parametrize("border", ["symmetric", "mirror"])
@pytest.mark.parametrize("size", [(64, 96), (32, 32), (128, 32)])
def test_reconstruction(border, size):
    wavelet, x = trained(border=border), picture(*size)
    assert (wavelet.inverse(*wavelet(x)) - x).abs().max() < 1e-3


@torch.no_grad()
def test_other_scales_still_reconstruct():
    wavelet, x = trained(scales=(1.0, 1.0)), picture()
    assert (wavelet.inverse(*wavelet(x)) - x).abs().max() < 1e-3


@torch.no_grad()
def test_lossless_lifting_keeps_integers_and_returns_them():
    wavelet = trained(lossless=True)
    x = picture().round() - 128
    low, details = wavelet(x)
    bands = [low, *(band for d in details for band in (d.lh, d.hl, d.hh))]
    assert all(torch.equal(band, band.round()) for band in bands)
    assert torch.equal(wavelet.inverse(low, details), x)


@torch.no_grad()
@pytest.mark.parametrize("lossless", [False, True])
def test_a_lower_level_shows_the_picture(lossless):
    wavelet = Wavelet(4, Lifting(lossless=lossless))
    x = torch.full((1, 1, 64, 64), 100.0)
    low, details = wavelet(x)
    for kept in range(5):
        smaller = wavelet.inverse(low, details[4 - kept :]) / wavelet.gain ** (4 - kept)
        assert smaller.shape[-1] == 64 >> (4 - kept)
        assert (smaller - 100).abs().max() < (4 if lossless else 1e-2)


def test_rounding_lets_gradients_through():
    wavelet = trained(lossless=True).train()
    low, details = wavelet(picture().round())
    (low.square().mean() + sum(d.hh.square().mean() for d in details)).backward()
    assert all(p.grad.abs().sum() > 0 for p in wavelet.parameters())


def test_parameters_are_the_released_ones():
    assert sum(p.numel() for p in PredictUpdate().parameters()) == 4945
    assert sum(p.numel() for p in Wavelet(4, Lifting()).parameters()) == 19_796
