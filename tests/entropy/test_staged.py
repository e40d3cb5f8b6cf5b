import pytest
import torch

from lvc.config.contract import ConfigError, build
from lvc.config.parts import StagedContextConfig
from lvc.entropy.priors import ScaleLaw
from lvc.entropy.staged import StagedContext, coding_order, put, take
from lvc.entropy.streams import Estimate, Read, Write

CHANNELS, PRIOR = 12, 10
ORDERS = {
    "MASTC-VC": {"groups": [2, 2, 3, 5]},
    "checkerboard alone": {"groups": [12]},
    "channel groups alone": {"groups": [4, 4, 4], "spatial": "none"},
    "checkerboards that do not know each other": {"groups": [6, 6], "channel": False},
    "no context": {"groups": [12], "spatial": "none", "channel": False},
    "four steps, rotating groups": {"groups": [3, 3, 3, 3], "spatial": "four_step"},
    "four steps, all channels": {"groups": [12], "spatial": "four_step"},
}
orders = pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS.keys())


def staged(order, seed=0):
    """A staged context whose scales fit latents of unit size."""
    torch.manual_seed(seed)
    model = StagedContext(StagedContextConfig(**order, widths=(8, 8)), PRIOR, ScaleLaw("gaussian")).eval()
    with torch.no_grad():
        for network in model.aggregate:
            network[-1].weight.mul_(2)
            network[-1].bias[: len(network[-1].bias) // 2].fill_(1.5)
    return model


def material(height=6, width=8, batch=1):
    torch.manual_seed(1)
    return torch.randn(batch, CHANNELS, height, width) * 2, torch.randn(batch, PRIOR, height, width)


@orders
@pytest.mark.parametrize("size", [(6, 8), (5, 7), (1, 1)])
def test_every_element_is_coded_exactly_once(order, size):
    latent = torch.arange(CHANNELS * size[0] * size[1]).view(1, CHANNELS, *size).float()
    seen, rebuilt = [], []
    for stage in coding_order(StagedContextConfig(**order)):
        part = latent[:, stage.start : stage.start + stage.channels]
        back = torch.full_like(part, -1)
        for regions in stage.passes:
            seen.append(take(part, regions).flatten())
            back = put(back, regions, take(part, regions))
        rebuilt.append(back)
    assert torch.cat(seen).sort().values.equal(latent.flatten())
    assert torch.cat(rebuilt, 1).equal(latent)


@pytest.mark.parametrize(
    ("order", "passes"),
    [("MASTC-VC", 8), ("checkerboard alone", 2), ("channel groups alone", 3), ("four steps, rotating groups", 4)],
)
def test_passes_are_as_many_as_the_papers(order, passes):
    stages = coding_order(StagedContextConfig(**ORDERS[order]))
    assert sum(len(stage.passes) for stage in stages) == passes


@orders
@pytest.mark.parametrize("size", [(6, 8), (5, 7), (1, 1)])
def test_read_returns_what_estimate_and_write_decoded(order, size):
    y, prior = material(*size)
    with torch.inference_mode():
        estimated, bits = staged(order).code("y", y, prior, Estimate(training=False))
        writer = Write()
        written, cost = staged(order).code("y", y, prior, writer)
        reader = Read(writer.payload())
        read, _ = staged(order).code("y", None, prior, reader)
        reader.finish()
    assert torch.equal(written, read)
    assert torch.equal(estimated, written)
    assert (written - y).abs().max() <= 0.5001
    assert abs(float(cost) - float(bits)) < 0.01 * float(bits) + 64


def parameters_by_pass(model, y, prior):
    """Scales and means of every pass, as the stream was given them."""

    class Watch(Estimate):
        def code(self, name, y, prior):
            seen.append((prior.scales.clone(), prior.means.clone()))
            return super().code(name, y, prior)

    seen = []
    with torch.no_grad():
        model.code("y", y, prior, Watch(training=False))
    return seen


@orders
def test_no_pass_knows_what_is_coded_later(order):
    model = staged(order)
    y, prior = material()
    before = parameters_by_pass(model, y, prior)
    passes = [(stage, regions) for stage in model.stages for regions in stage.passes]
    for changed, (stage, regions) in enumerate(passes):
        other = y.clone()
        part = other[:, stage.start : stage.start + stage.channels]
        part.copy_(put(part, regions, take(part, regions) + 7))
        after = parameters_by_pass(model, other, prior)
        for step in range(changed + 1):
            assert all(torch.equal(a, b) for a, b in zip(before[step], after[step], strict=True))


@pytest.mark.parametrize(
    ("order", "known"),
    [
        ("MASTC-VC", {(i, j) for i in range(8) for j in range(i + 1, 8)} - {(1, 0)}),
        ("channel groups alone", {(0, 1), (0, 2), (1, 2)}),
        ("checkerboards that do not know each other", {(0, 1), (2, 3)}),
        ("no context", set()),
        ("four steps, rotating groups", {(i, j) for i in range(4) for j in range(i + 1, 4)}),
    ],
)
def test_each_pass_knows_what_its_order_promises(order, known):
    model = staged(ORDERS[order])
    y, prior = material()
    before = parameters_by_pass(model, y, prior)
    found = set()
    passes = [(stage, regions) for stage in model.stages for regions in stage.passes]
    for changed, (stage, regions) in enumerate(passes):
        other = y.clone()
        part = other[:, stage.start : stage.start + stage.channels]
        part.copy_(put(part, regions, take(part, regions) + 7))
        after = parameters_by_pass(model, other, prior)
        found |= {(changed, k) for k in range(len(passes)) if not torch.equal(before[k][1], after[k][1])}
    assert found == known


@orders
def test_training_reaches_every_parameter_and_the_latent(order):
    model = staged(order).train()
    y, prior = (t.requires_grad_() for t in material(batch=2))
    latent, bits = model.code("y", y, prior, Estimate(training=True))
    assert bits.shape == (2,)
    (latent.square().mean() + bits.mean() / 100).backward()
    assert all(t.grad.abs().sum() > 0 for t in (y, prior))
    assert not [name for name, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]


def test_networks_and_shapes_are_those_of_mastc_vc():
    with torch.device("meta"):
        model = StagedContext(StagedContextConfig(), 256, ScaleLaw("gaussian"))
    count = {
        name: [sum(p.numel() for p in m.parameters()) for m in part]
        for name, part in (
            ("channel", model.channel.values()),
            ("spatial", model.spatial.values()),
            ("aggregate", model.aggregate),
        )
    }
    assert count["channel"] == [909_184, 1_101_216, 1_485_280]
    assert count["spatial"] == [12_832, 12_832, 51_264, 204_928]
    assert count["aggregate"] == [148_000, 156_192, 194_261, 328_448]
    assert sum(p.numel() for p in model.parameters()) == 4_604_437


def test_maps_show_where_bits_were_spent():
    y, prior = material()
    stream = Estimate(training=False, keep_maps=True)
    _, bits = staged(ORDERS["MASTC-VC"]).code("y", y, prior, stream)
    assert stream.maps["y"].shape == (1, 1, 6, 8)
    assert float(stream.maps["y"].sum()) == pytest.approx(bits.item(), rel=1e-4)


def test_parameters_stay_in_float32_under_autocast():
    y, prior = material()
    model = staged(ORDERS["MASTC-VC"])
    plain, _ = model.code("y", y, prior, Estimate(training=False))
    with torch.autocast("cpu", torch.bfloat16):
        mixed, _ = model.code("y", y, prior, Estimate(training=False))
    assert torch.equal(plain, mixed)


@pytest.mark.parametrize(
    ("order", "message"),
    [
        ({"groups": [4, 0, 8]}, r"^model\.context\.groups: every group needs a channel"),
        ({"spatial": "four_step", "channel": False}, r"^model\.context\.channel: spatial=four_step"),
    ],
)
def test_an_order_that_cannot_be_is_refused(order, message):
    with pytest.raises(ConfigError, match=message):
        build(StagedContextConfig, order, "model.context")
