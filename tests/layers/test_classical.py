"""A chain of strided convolutions begins as an orthogonal transform of what it sees."""

import math

import pytest
import torch
from torch import nn

from lvc.entropy.factorized import BottleneckPrior, FactorizedPrior
from lvc.layers.attention import AttentionBlock
from lvc.layers.classical import Chain, layers_of, start_hyper, start_scales
from lvc.layers.conv import ResBlock, conv, deconv, subpixel
from lvc.layers.gdn import GDN, igdn
from lvc.layers.hyper import HyperEncoder
from tests.conftest import moving_clip

GAIN = 5.0


def pictures(count=8, side=64):
    return torch.cat([moving_clip(1, side, side, seed)[:, 0] for seed in range(count)]) * 0.6 + 0.2


def psnr(a, b):
    return -10 * math.log10(float((a - b).square().mean()))


CHAINS = {
    "convolutions and normalisation": (
        lambda: [conv(3, 16, 5, 2), GDN(16), ResBlock(16), conv(16, 48, 5, 2)],
        lambda: [ResBlock(48), deconv(48, 16, 5), igdn(16), deconv(16, 3, 5)],
    ),
    "activations": (
        lambda: [conv(3, 30, 3, 2), nn.LeakyReLU(0.1), conv(30, 48, 3, 2)],
        lambda: [subpixel(48, 30), nn.LeakyReLU(0.01), subpixel(30, 3)],
    ),
    "attention": (
        lambda: [conv(3, 16, 5, 2), AttentionBlock(16, 4), conv(16, 48, 5, 2)],
        lambda: [deconv(48, 16, 5), AttentionBlock(16, 4), deconv(16, 3, 5)],
    ),
}


@pytest.mark.parametrize("kind", CHAINS)
def test_with_as_many_channels_as_pixels_a_chain_and_its_inverse_are_orthogonal(kind):
    analysis, synthesis = (nn.Sequential(*make()) for make in CHAINS[kind])
    samples = pictures()
    y = Chain([analysis], [synthesis]).start_from(samples, GAIN, centre=True)
    with torch.no_grad():
        coded = analysis(samples)
        assert psnr(synthesis(coded), samples) > 38
    assert float((coded - y).abs().max()) < 0.05 * float(y.abs().max())
    energy = (samples - samples.mean((0, 2, 3), keepdim=True)).square().sum()
    assert float(y.square().sum()) == pytest.approx(GAIN**2 * float(energy), rel=1e-3)


def test_few_channels_hold_what_varies_most():
    analysis, synthesis = nn.Sequential(conv(3, 4, 5, 2)), nn.Sequential(deconv(4, 3, 5))
    samples = pictures()
    y = Chain([analysis], [synthesis]).start_from(samples, 1.0)
    blocks = nn.functional.pixel_unshuffle(samples, 2).permute(0, 2, 3, 1).reshape(-1, 12)
    best = torch.linalg.svdvals(blocks)[:4].square().sum()
    assert float(y.square().sum()) == pytest.approx(float(best), rel=1e-4)


def test_channels_that_the_transform_does_not_need_are_read_by_no_other_and_can_learn():
    analysis = nn.Sequential(conv(3, 16, 5, 2), conv(16, 48, 5, 2))
    synthesis = nn.Sequential(deconv(48, 16, 5), deconv(16, 3, 5))
    Chain([analysis], [synthesis]).start_from(pictures(), 1.0)
    assert analysis[0].weight[12:].any() and not analysis[1].weight[:, 12:].any()
    assert synthesis[0].weight[:, 12:].any() and not synthesis[1].weight[12:].any()


def test_a_module_whose_path_is_unknown_is_named():
    with pytest.raises(TypeError, match="BatchNorm2d has no classical start"):
        layers_of(nn.BatchNorm2d(3))


@pytest.mark.parametrize("prior", [FactorizedPrior, BottleneckPrior])
def test_a_hyper_latent_begins_small_and_costs_what_its_prior_says(prior):
    encoder, density = HyperEncoder(12, 8), prior(8)
    latents = 30 * torch.randn(16, 12, 16, 16)
    start_hyper(encoder, latents, density)
    with torch.no_grad():
        z = encoder(latents)
        bits = density((16, 8, 4, 4)).bits(z.round()).mean()
    assert z.std((0, 2, 3)) == pytest.approx(torch.full((8,), 0.5), rel=1e-3)
    counts = torch.unique(z.round(), return_counts=True)[1].double() / z.numel()
    assert float(bits) == pytest.approx(float(-(counts * counts.log2()).sum()), rel=0.25)


def test_scales_begin_as_measured_and_means_at_zero():
    layer = conv(5, 12)
    start_scales(layer, torch.arange(1.0, 7.0))
    scales, means = layer(torch.randn(1, 5, 4, 4)).chunk(2, 1)
    assert torch.equal(scales[0, :, 0, 0], torch.arange(1.0, 7.0)) and not means.any()
