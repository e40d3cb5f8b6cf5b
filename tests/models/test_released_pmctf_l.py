import itertools
import re
from pathlib import Path

import pytest
import torch

from lvc.codec import Rate
from lvc.config.contract import build
from lvc.config.model import ModelConfig
from lvc.config.pmctf_l import PMCTFLConfig
from lvc.config.pwave import LiftingConfig
from lvc.entropy.streams import Estimate
from lvc.errors import UserError
from lvc.export import load_export
from lvc.importers.released_pmctf_l import pmctf_l_options, pmctf_l_weights, pwave_weights
from lvc.models.build import build_codec
from tests.commands import assert_refused, lvc
from tests.conftest import moving_clip, tiny_pmctf_config
from tests.models.importing import run_import
from tests.models.reference_pmctf_l import ReleasedMCTF

Q = 13.0
SMALLER = {112: 4, 128: 6, 64: 4, 32: 3, 16: 4}


def released_names(levels: int = 4) -> dict[str, tuple[int, ...]]:
    """Names and shapes of a released checkpoint."""
    found = {}
    for line in (Path(__file__).parent / "released_pmctf_l.txt").read_text().splitlines():
        pattern, shape = line.split()
        parts = [part.split(",") for part in re.split(r"[{}]", pattern)]
        for name in map("".join, itertools.product(*parts)):
            level = re.match(r"(?:mv|temporal|hp_q).*?\.(\d)", name)
            if level is None or int(level[1]) < levels:
                found[name] = tuple(map(int, shape.split("x")))
    return found


def small(name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of the same tensor in a narrower network."""
    if "_coder" in name:
        return tuple(SMALLER.get(n, n) for n in shape)
    return tuple(n // 8 if name.startswith("mv") and n >= 64 else n for n in shape)


@pytest.fixture(scope="module")
def released():
    """Random values under the released names, of two temporal levels and narrower."""
    generator, weights = torch.Generator().manual_seed(0), {}
    for name, shape in released_names(levels=2).items():
        size = small(name, shape)
        fan_in = max(torch.Size(size[1:]).numel(), 1) if len(size) == 4 else 100
        weights[name] = torch.randn(size, generator=generator) * 0.7 / fan_in**0.5
        if "QP" in name or "scale" in name:
            weights[name] = torch.rand(size, generator=generator) * 0.2 + (0.1 if "QP" in name else 0.9)
        elif re.search(r"(prior_\d_out\.2|convs\.2|hierarchical_prior_out.*conv2)\.bias", name):
            weights[name][0] = 8.0 if "convs" not in name else 30.0  # scales that bands fit into
        elif "convs.2.weight" in name:
            weights[name] = weights[name] * 10  # so that the lowest band's laws differ from sample to sample
        elif re.search(r"mv_y_spatial_prior\.\d\.2\.block\.0\.conv2\.bias", name):
            weights[name][: len(weights[name]) // 2] += 2.0
    return weights | {name: weights[name.replace("lift_v", "lift_h")] for name in weights if "lift_v" in name}


def imported(weights, compat="lvc"):
    config = tiny_pmctf_config(
        compat=compat,
        temporal_scale="paper_code",
        temporal_channels=16,
        lifting={"channels": 4, "border": "mirror"},
        post_blocks=6,
        flow={"levels": 6},
    )
    codec = build_codec(config).eval()
    codec.load_state_dict(pmctf_l_weights(weights, "test").weights)
    return codec


def test_an_imported_network_computes_what_the_released_one_does(released):
    codec, clip = imported(released), moving_clip(4, 64, 128)
    planes = [codec.split(frame, False) for frame in clip.unbind(1)]
    with torch.no_grad():
        theirs, bits, flows = ReleasedMCTF(released, Q)([[y, c.transpose(0, 1)] for y, c in planes])
        stream, rate = Estimate(training=False), Rate(q=torch.tensor([Q]))
        ours = list(codec.structure.unroll(codec, clip, rate, stream))
    for at, coding in enumerate(ours):
        wanted = codec.join([theirs[at][0], theirs[at][1].transpose(0, 1)])
        assert (coding.frame - wanted).abs().mean() < 1e-4 * wanted.abs().mean(), at
        assert set(coding.bits) == set(bits[at])
        for name, spent in bits[at].items():
            assert coding.bits[name].item() == pytest.approx(spent.item(), rel=1e-3), (at, name)
        if at:
            assert (coding.flow - flows[at]).abs().max() < 1e-3 * flows[at].abs().max()


@torch.no_grad()
def test_with_the_released_rules_bits_are_the_released_ones(released):
    clip, rate = moving_clip(4, 64, 128), Rate(q=torch.tensor([Q]))
    totals = {}
    for compat in ("official", "lvc"):
        codec = imported(released, compat)
        planes = [codec.split(frame, False) for frame in clip.unbind(1)]
        _, theirs, _ = ReleasedMCTF(released, Q, official=True)([[y, c.transpose(0, 1)] for y, c in planes])
        codings = list(codec.structure.unroll(codec, clip, rate, Estimate(training=False)))
        totals[compat] = sum(bits.item() for coding in codings for bits in coding.bits.values())
        for at, coding in enumerate(codings if compat == "official" else []):
            for name, bits in theirs[at].items():
                assert coding.bits[name].item() == pytest.approx(bits.item(), rel=5e-6), (at, name)
    wanted = sum(bits.item() for frame in theirs for bits in frame.values())
    assert totals["official"] == pytest.approx(wanted, rel=1e-6)
    assert totals["lvc"] > 1.01 * wanted  # rare symbols cost more than 16.6 bits


@torch.no_grad()
def test_the_lowest_band_is_rated_at_means_that_are_not_rounded(released):
    codec, x = imported(released, "official"), 255 * moving_clip(1, 64, 128)[:, 0, :1]
    coder, q = codec.lowpass, torch.tensor([Q])
    ll = (coder.wavelet(x)[0] * coder.step_low(q)).round()
    _, bits, _ = coder.context.lowest.code("ll", ll, torch.zeros_like(ll), Estimate(training=False))
    for official, equal in ((True, True), (False, False)):
        wanted = ReleasedMCTF(released, Q, official).ll_bits("lp_coder", ll).item()
        assert (bits.item() == pytest.approx(wanted, rel=5e-5)) is equal


@pytest.mark.parametrize(("factor", "multiple"), [(1, 128), (2, 128), (4, 256), (8, 512)])
def test_planes_are_padded_with_zeros_as_the_release_does(released, factor, multiple):
    codec, frame = imported(released, "official"), moving_clip(1, 72, 104)[:, 0]
    padded = codec.pad(frame, factor)
    assert padded.shape[-2:] == (multiple, multiple) == codec.padded_size((72, 104), factor)
    for plane, own in zip(codec.split(padded, False), codec.split(frame, False), strict=True):
        height, width = own.shape[-2:]
        assert torch.equal(plane[..., :height, :width], own)
        assert plane[..., height:, :].abs().max() < 1e-4 and plane[..., width:].abs().max() < 1e-4
    assert imported(released).padded_size((72, 104), factor) == (128, 128)


@torch.no_grad()
def test_files_have_rate_factors_in_hundredths(released):
    codec, rate = imported(released, "official"), Rate(q=torch.tensor([Q]))
    frames = list(moving_clip(2, 64, 64).unbind(1))
    encoded = list(codec.encode(frames, rate))
    decoded = list(codec.decode((e.packet for e in encoded), (64, 64), rate))
    shown = sorted(encoded, key=lambda e: e.packet.index)
    assert all(torch.equal(a, e.frame) for a, e in zip(decoded, shown, strict=True))
    motion = codec.motion[0]
    for factor in (motion.encoder_factor, motion.decoder_factor):
        value = factor(rate.q).item()
        assert abs(100 * value - round(100 * value)) > 0.01  # rounding tells
        factor.bounds.fill_(round(100 * value) / 100)
    again = list(codec.encode(frames, rate))
    assert [e.packet for e in again] == [e.packet for e in encoded]


@torch.no_grad()
@pytest.mark.parametrize("factors", [(4,), (1, 4)])
def test_a_decoder_pads_by_the_resolution_of_motion_as_the_encoder_did(factors):
    adaptive = {"gop": 2, "adaptive": True, "gops": [2], "factors": list(factors)}
    codec = build_codec(tiny_pmctf_config(compat="official", structure=adaptive)).eval()
    rate, frames = Rate(lmbda=torch.tensor([0.0])), list(moving_clip(2, 64, 72).unbind(1))
    encoded = list(codec.encode(frames, rate))  # bits alone count: the smaller padding costs less
    assert encoded[1].motion_factor == factors[0]
    decoded = list(codec.decode((e.packet for e in encoded), (64, 72), rate))
    assert all(torch.equal(a, e.frame) for a, e in zip(decoded, encoded, strict=True))
    (alone,) = codec.decode([encoded[0].packet], (64, 72), rate)  # half of the frames, of the same size
    assert alone.shape == decoded[0].shape


@torch.no_grad()
def test_every_band_of_an_imported_coder_is_the_released_ones(released):
    codec, x = imported(released), 255 * moving_clip(1, 64, 128)[:, 0, :1]
    reference, q, stream = ReleasedMCTF(released, Q), torch.tensor([Q]), Estimate(training=False)
    for coder, ours in (("lp_coder", codec.lowpass), ("hp_coder", codec.highpass)):
        for a, b in zip(ours.wavelet.lifting(x), reference.lift(coder, x), strict=True):
            assert torch.allclose(a, b, atol=1e-3)
        (picture,), spent = ours.code([x], [x.shape], q, stream)
        wanted, bits = reference.code_plane(coder, x)
        assert (picture - wanted).abs().mean() < 1e-4 * wanted.abs().mean()
        for name in ("ll", "lh", "hl", "hh"):
            assert spent[name].item() == pytest.approx(bits[name].item(), rel=1e-4 if name == "ll" else 1e-3)


def test_names_and_shapes_are_those_of_the_full_network():
    weights = {name: torch.zeros(()).expand(shape) for name, shape in released_names().items()}
    assert len(weights) == 3224
    ours = pmctf_l_weights(weights, "test").weights
    config = build(ModelConfig, {"name": "pmctf_l", **pmctf_l_options(ours)})
    assert config == PMCTFLConfig(name="pmctf_l", lifting=LiftingConfig(border="mirror"))
    with torch.device("meta"):
        codec = build_codec(config)
    assert {n: p.shape for n, p in codec.named_parameters()} == {n: t.shape for n, t in ours.items()}


def test_a_released_video_codec_is_imported_tensor_by_tensor(tmp_path, released):
    torch.save({"state_dict": released}, tmp_path / "epoch28.pth.tar")
    done = lvc("import", "pmctf_l", "epoch28.pth.tar", "out.safetensors", cwd=tmp_path)
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines() == [
        f"out.safetensors: {len(released) - 92} tensors of epoch28.pth.tar imported",
        "  12 left out: masks of masked convolutions: constants here",
        "  80 left out: lift_v: a second name of lift_h",
    ]
    export = load_export(tmp_path / "out.safetensors")
    config, weights = export.config, dict(export.codec.named_parameters())
    assert (config.temporal_levels, config.structure.gop, config.temporal_scale) == (2, 4, "paper_code")
    assert (config.lifting.border, config.chroma, config.lossless) == ("mirror", "420", False)
    assert (config.context_channels, config.motion_channels, config.ll_channels) == (4, 8, 6)
    ours = pmctf_l_weights(released, "test").weights
    assert all(torch.equal(tensor, ours[name]) for name, tensor in weights.items())


def test_a_released_intra_codec_is_imported_tensor_by_tensor(tmp_path, released):
    alone = {name.removeprefix("lp_coder."): t for name, t in released.items() if name.startswith("lp_coder.")}
    torch.save(alone, tmp_path / "epoch30.pth.tar")
    done = lvc("import", "pwave", "epoch30.pth.tar", "out.safetensors", cwd=tmp_path)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("out.safetensors: 996 tensors of epoch30.pth.tar imported\n  6 left out")
    export, ours = load_export(tmp_path / "out.safetensors"), pwave_weights(alone, "test").weights
    assert (export.config.lifting.border, export.config.ll_context) == ("mirror", "autoregressive")
    assert all(torch.equal(tensor, ours[name]) for name, tensor in export.codec.named_parameters())


BAND = "lp_coder.context_fusion.9.lh.conv1_context.bias"
TWIN = "lp_coder.wavelet_transform.lift_v.P_1.conv4.bias"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hp_coder.QP": None}, "has no tensor for 'highpass.step_high.bounds' (1 missing in all)"),
        ({"mv_bit_est.0.f2.a": None}, "'motion.0.hyper_prior.a' is of shape (2, 8)"),
        ({"lp_coder.QP_ll": torch.ones(3, 1, 1, 1)}, "'lowpass.step_low.bounds' is of shape (3,)"),
        ({"mv_encoder.1.enc_2.conv1.bias": torch.ones(9)}, "'motion.1.encode_quarter.body.0.bias' is of shape (9,)"),
        ({BAND: torch.ones(4)}, "tensor for 'lowpass.context.bands.-6.lh.known.0.bias' has no place"),
        ({"hp_coder.gain": torch.ones(1)}, "'hp_coder.gain' is no tensor of pMCTF-L"),
        ({TWIN: torch.ones(1)}, f"'{TWIN}' is not that of lift_h"),
    ],
)
def test_a_checkpoint_that_does_not_fit_names_the_tensor(tmp_path, released, change, message):
    wrong, target = tmp_path / "wrong.pth", tmp_path / "out.safetensors"
    torch.save({n: t for n, t in {**released, **change}.items() if t is not None}, wrong)
    with pytest.raises(UserError, match=re.escape(message)) as refused:
        run_import("pmctf_l", wrong, target)
    assert str(refused.value).startswith(str(wrong)) and not target.exists()


@pytest.mark.parametrize(
    ("name", "message"), [("QP", "'QP' is no tensor of pMCTF-L"), ("lp_coder.QP", "has no tensor for 'flow.levels.0.0")]
)
def test_half_a_checkpoint_is_no_video_codec(tmp_path, name, message):
    torch.save({name: torch.ones(2, 1, 1, 1)}, tmp_path / "half.pth")
    done = lvc("import", "pmctf_l", "half.pth", "out.safetensors", cwd=tmp_path)
    assert_refused(done, "half.pth: ", message)
