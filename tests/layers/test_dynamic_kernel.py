import torch
from torch.nn import functional as F

from lvc.layers.dynamic_kernel import PredictedConvolution, PredictedGain


def test_every_sample_meets_its_own_kernels():
    layer = PredictedConvolution(8, 3)
    x, code = torch.randn(4, 3, 6, 5), torch.randn(4, 8)
    kernels = layer.kernels(code).view(4, 3, 1, 3, 3)
    expected = torch.cat([F.conv2d(x[i : i + 1], kernels[i], padding=1, groups=3) for i in range(4)])
    assert torch.allclose(layer(x, code), expected, atol=1e-6)


def test_a_sample_does_not_depend_on_the_others():
    for layer in (PredictedConvolution(8, 3), PredictedGain(8, 3)):
        x, code = torch.randn(4, 3, 6, 5), torch.randn(4, 8)
        alone = layer(x[2:3], code[2:3])
        assert torch.allclose(layer(x, code)[2:3], alone, atol=1e-6)


def test_gains_scale_channels_and_are_never_negative():
    layer = PredictedGain(8, 3)
    x, code = torch.rand(2, 3, 6, 5) + 1, torch.randn(2, 8)
    ratio = layer(x, code) / x
    assert torch.allclose(ratio, ratio[..., :1, :1].expand_as(ratio), atol=1e-6)
    assert (ratio >= 0).all()
