import numpy as np
import pytest
import torch

from lvc.bitstream.packet import join_layers, split_layers
from lvc.entropy.factorized import BottleneckPrior, FactorizedPrior
from lvc.entropy.priors import ScaleLaw
from lvc.entropy.streams import Estimate, Read, Write
from lvc.entropy.tables import CodingTables
from lvc.errors import BitstreamError

SHAPE = (1, 12, 20, 30)


def latent(law: str, spread: float = 1.0):
    torch.manual_seed(0)
    scales = torch.exp(torch.randn(SHAPE) * 1.5 - 1) * spread
    means = torch.randn(SHAPE) * 3
    noise = torch.distributions.Laplace(0, scales).sample() if law == "laplace" else torch.randn(SHAPE) * scales
    return means + noise, scales, means


@pytest.mark.parametrize("law", ["laplace", "gaussian"])
@pytest.mark.parametrize("official", [False, True])
def test_read_returns_what_estimate_and_write_decoded(law, official):
    y, scales, means = latent(law)
    prior = ScaleLaw(law, official=official).eval()(scales, means)
    estimated, bits = Estimate(training=False).code("y", y, prior)
    writer = Write()
    written, _ = writer.code("y", y, prior)
    reader = Read(writer.payload())
    read, _ = reader.code("y", None, prior)
    reader.finish()
    assert torch.equal(written, read)
    assert torch.equal(estimated, written)
    if not official:
        assert abs(8 * len(writer.payload()) - bits.item()) < 0.01 * bits.item() + 128


def test_values_far_outside_the_tables_survive():
    y, scales, means = latent("laplace", spread=0.01)
    y.view(-1)[:6] = torch.tensor([5000.0, -5000.0, 700.0, -1e5, 1e9, 513.0])
    prior = ScaleLaw("laplace").eval()(scales, torch.zeros_like(means))
    writer = Write()
    written, _ = writer.code("y", y, prior)
    read, _ = Read(writer.payload()).code("y", None, prior)
    assert torch.equal(written, read)
    assert read.view(-1)[:4].tolist() == [5000, -5000, 700, -1e5]


@pytest.mark.parametrize("model", [FactorizedPrior, BottleneckPrior])
def test_channel_models_code_as_they_estimate(model):
    torch.manual_seed(1)
    prior_model = model(6).eval()
    z = torch.randn(1, 6, 8, 9) * 4
    prior = prior_model(z.shape)
    estimated, bits = Estimate(training=False).code("z", z, prior)
    writer = Write()
    written, _ = writer.code("z", z, prior)
    read, _ = Read(writer.payload()).code("z", None, prior)
    assert torch.equal(written, read)
    assert torch.equal(estimated, written)
    assert abs(8 * len(writer.payload()) - bits.item()) < 0.01 * bits.item() + 128


def test_bottleneck_bits_equal_compressai():
    torch.manual_seed(0)
    ours = BottleneckPrior(4)
    z = torch.randn(2, 4, 5, 5) * 5
    _, likelihood = ours.bottleneck.eval()(z)
    _, bits = Estimate(training=False).code("z", z, ours(z.shape))
    assert torch.allclose(bits, -likelihood.log2().sum((1, 2, 3)), rtol=1e-4)


def test_gaussian_bits_equal_compressai():
    from compressai.entropy_models import GaussianConditional

    y, scales, means = latent("gaussian")
    _, likelihood = GaussianConditional(None).eval()(y, scales, means)
    _, bits = Estimate(training=False).code("y", y, ScaleLaw("gaussian")(scales, means))
    assert torch.allclose(bits, -likelihood.log2().sum((1, 2, 3)), rtol=1e-4)


def test_official_scale_table_has_the_released_constants():
    law = ScaleLaw("laplace", official=True)
    half = law.tables.sizes // 2
    assert (half == 2).sum() == 92
    assert (half == 50).sum() == 71
    scales = torch.tensor([0.1, 0.2, 0.3, 0.5, 1, 2, 4, 64]).view(1, -1, 1, 1)
    assert law(scales, torch.zeros_like(scales)).index().flatten().tolist() == [66, 87, 98, 113, 133, 154, 174, 255]
    assert law.tables.rows[255][-1] / 2**24 * 65536 == pytest.approx(29_772, abs=5)
    # no symbol costs more than log2(1e5) bits
    _, bits = Estimate(training=False).code(
        "y", torch.full((1, 1, 1, 1), 1e4), law(torch.ones(1, 1, 1, 1), torch.zeros(1, 1, 1, 1))
    )
    assert bits.item() == pytest.approx(16.61, abs=0.01)


def test_tables_survive_an_export_bit_for_bit():
    tables = ScaleLaw("laplace").tables
    again = CodingTables.from_tensors(tables.tensors)
    assert all(np.array_equal(a, b) for a, b in zip(tables.rows, again.rows, strict=True))
    assert np.array_equal(tables.lows, again.lows)


@pytest.mark.parametrize("mode", ["mixed", "noise", "straight_through"])
def test_training_quantisation_passes_gradients_to_latents_and_parameters(mode):
    y, scales, means = (t.requires_grad_() for t in latent("laplace"))
    decoded, bits = Estimate(True, mode).code("y", y, ScaleLaw("laplace")(scales, means))
    (decoded.square().mean() + bits.sum() / 1e3).backward()
    assert all(t.grad.abs().sum() > 0 for t in (y, scales, means))
    residual = (decoded - means).detach()
    assert torch.allclose(residual, residual.round(), atol=1e-4) == (mode != "noise")


def test_noisy_and_rounded_rates_agree_on_average():
    y, scales, means = latent("laplace", spread=4)
    prior = ScaleLaw("laplace")(scales, means)
    _, noisy = Estimate(True).code("y", y, prior)
    _, rounded = Estimate(False).code("y", y, prior)
    assert float(noisy) == pytest.approx(float(rounded), rel=0.03)


def test_training_after_coding_rebuilds_the_tables():
    model = FactorizedPrior(3).eval()
    before = model.tables.rows[0]
    model.train()
    with torch.no_grad():
        model.h.add_(1)
    assert not np.array_equal(model.eval().tables.rows[0], before)


@pytest.mark.parametrize("factor", [0.3, 0.999, 2])
def test_a_decoder_with_another_prior_never_ends_quietly_with_the_same_symbols(factor):
    y, scales, means = latent("laplace")
    law = ScaleLaw("laplace").eval()
    writer = Write()
    writer.code("y", y, law(scales, means))
    reader = Read(writer.payload())
    with pytest.raises(BitstreamError, match="out of step"):
        reader.code("y", None, law(scales * factor, means))
        reader.finish()


def test_payload_of_a_wrong_length_is_refused():
    _, scales, means = latent("laplace")
    with pytest.raises(BitstreamError, match="multiple of 4"):
        Read(b"abc").code("y", None, ScaleLaw("laplace").eval()(scales, means))


def layered():
    """Three latents in a layer each: priors, decoded latents, payload."""
    law, writer, priors, decoded = ScaleLaw("laplace").eval(), Write(), [], []
    for spread in (0.3, 1, 3):
        y, scales, means = latent("laplace", spread)
        priors.append(law(scales, means))
        assert writer.layer()
        decoded.append(writer.code("y", y, priors[-1])[0])
    return priors, decoded, writer.payload()


@pytest.mark.parametrize("kept", [1, 2, 3])
def test_layers_can_be_cut_off(kept):
    priors, decoded, payload = layered()
    cut = join_layers(split_layers(payload)[:kept])
    assert payload.startswith(cut)
    reader, read = Read(cut), []
    while len(read) < 3 and reader.layer():
        read.append(reader.code("y", None, priors[len(read)])[0])
    reader.finish()
    assert len(read) == kept
    assert all(torch.equal(a, b) for a, b in zip(read, decoded, strict=False))


def test_a_layer_that_is_not_whole_is_refused():
    _, _, payload = layered()
    with pytest.raises(BitstreamError, match="truncated in layer 2"):
        Read(payload[:-1]).layer()


def test_maps_sum_to_the_bits():
    y, scales, means = latent("laplace")
    stream = Estimate(False, keep_maps=True)
    _, bits = stream.code("y", y, ScaleLaw("laplace")(scales, means))
    assert stream.maps["y"].shape == (1, 1, 20, 30)
    assert float(stream.maps["y"].sum()) == pytest.approx(bits.item(), rel=1e-4)


@pytest.mark.parametrize("law", ["laplace", "gaussian"])
@pytest.mark.parametrize("official", [False, True])
def test_table_indices_equal_a_binary_search_over_the_edges(law, official):
    model = ScaleLaw(law, official=official)
    edges = model.edges
    around = torch.cat([edges, edges.nextafter(torch.tensor(0.0)), edges.nextafter(torch.tensor(1e9))])
    scales = torch.cat([around, torch.exp(torch.randn(20_000) * 4), torch.tensor([0.0, -1.0, 1e-20, 1e20])])
    assert np.array_equal(model.index(scales), torch.bucketize(scales, edges, right=True).numpy())
