from dataclasses import asdict

import pytest
import torch

from lvc.cli.summary import multiply_accumulates, parameters
from lvc.codec import FrameJob, Rate, Unrolling
from lvc.config.compose import compose
from lvc.config.contract import ConfigError, build
from lvc.config.mastc_vc import MASTCVCConfig
from lvc.config.model import ModelConfig
from lvc.config.run import build_run
from lvc.entropy.streams import Estimate
from lvc.models.build import build_codec
from tests.conftest import moving_clip

# Parameters by module of the composition that comes closest to the paper's 19.87 M.
MODULES = {
    "extractor": 740_352,
    "estimation": 332_160 + 2 * 800_832 + 2 * 36_928,
    "motion.encoder": 1_254_528,
    "motion.decoder": 1_254_464,
    "motion.hyper_encoder": 967_040,
    "motion.hyper_decoder": 2 * 967_040,
    "motion.hyper_prior": 7_808,
    "compensation": 124_632 + 36_928 + 110_720,
    "encoder": 1_328_256,
    "context.hyper_encoder": 967_040,
    "context.hyper_decoder": 1_466_944,
    "context.hyper_prior": 7_808,
    "context.temporal": 832_192,
    "context.fusion": 451_697,
    "context.staged": 4_604_437,
    "decoder": 1_254_464,
    "refinement": 258_432,
    "reconstruction": 226_371,
}

NO_MS_MAM = {"motion_aware": {"levels": 1}}
NO_STCCM = {"context": {"enabled": False, "spatial": "none", "channel": False, "temporal": False}}
TABLES = {
    "no_ms_mam": NO_MS_MAM,
    "no_stccm": NO_STCCM,
    "no_ms_mam_no_stccm": NO_MS_MAM | NO_STCCM,
    "no_spatial_context": {"context": {"spatial": "none"}},
    "no_channel_context": {"context": {"channel": False}},
    "no_temporal_context": {"context": {"temporal": False}},
    "groups_8x16": {"context": {"groups": [2] * 8}},
    "groups_4x16_64": {"context": {"groups": [2, 2, 2, 2, 8]}},
    "groups_16_48_64": {"context": {"groups": [2, 6, 8]}},
}
OTHERS = {
    "whole": {},
    "GOP 2": {"structure": {"intra_period": 2}},
    "four steps": {"context": {"groups": [4, 4, 4, 4], "spatial": "four_step"}},
    "GroupNorm": {"motion_aware": {"normalization": "group"}},
    "motion not doubled": {"motion_aware": {"double": False}},
}


def tiny_config(**changes):
    """A MASTC-VC small enough to code a frame in milliseconds."""
    base = {
        "name": "mastc_vc",
        "size": "tiny",
        "channels": 16,
        "latent_channels": 16,
        "hyper_channels": 8,
        "blocks": 1,
        "context": {"groups": [2, 2, 4, 8], "widths": [8, 8]},
        "intra": {"name": "intra_cheng2020", "size": "tiny", "channels": 8},
    }
    for key, value in changes.items():
        base[key] = base.get(key, {}) | value if isinstance(value, dict) else value
    return build(ModelConfig, base, "model")


def tiny_codec(seed=0, **changes):
    """The codec of :func:`tiny_config` with weights of a fixed seed, large enough to code symbols other than 0."""
    torch.manual_seed(seed)
    codec = build_codec(tiny_config(**changes)).eval()
    staged = codec.context.staged
    ends = [codec.context.hyper_decoder] if staged is None else staged.aggregate
    with torch.no_grad():
        for encoder in (codec.encoder, codec.motion.encoder):
            encoder[-1].conv2.weight.mul_(40)
        codec.intra.g_a[-1].weight.mul_(8)
        codec.motion.hyper_decoder["scales"][-1].bias.fill_(1.0)
        for last in (codec.intra.h_s[-1], *(end[-1] for end in ends)):
            last.bias[: len(last.bias) // 2].fill_(1.0)
    return codec


@pytest.fixture(scope="module")
def full():
    return build_codec(MASTCVCConfig(name="mastc_vc", intra={"name": "intra_cheng2020", "channels": 8})).eval()


def test_parameters_are_the_papers_to_half_a_percent(full):
    own, _, modules = parameters(full)
    assert modules == MODULES
    assert own == pytest.approx(19.87e6, rel=0.005)


def test_operations_at_1080p(full):
    macs = multiply_accumulates(full, (1088, 1920))
    assert macs["encoder"] == pytest.approx(1.20e12, rel=0.01)
    assert macs["decoder"] < 0.65 * macs["encoder"]


@pytest.mark.parametrize("changes", (TABLES | OTHERS).values(), ids=(TABLES | OTHERS).keys())
def test_every_ablation_trains_all_it_has_and_decodes_what_it_encoded(changes):
    codec = tiny_codec(**changes).train()
    clip = moving_clip(4, 64, 128)
    coding = codec(clip, Rate(), Estimate(training=True))
    (coding.frames.square().mean() + sum(b.mean() for b in coding.bits.values()) / 1e4).backward()
    assert not [n for n, p in codec.named_parameters() if p.requires_grad and p.grad is None]
    encoded = list(tiny_codec(**changes).encode(clip.unbind(1), Rate()))
    assert encoded[1].bits["frame"] > 100
    assert encoded[1].bits["motion"] > 100
    decoded = list(tiny_codec(**changes).decode((e.packet for e in encoded), (64, 128), Rate()))
    assert all(torch.equal(a, e.frame) for a, e in zip(decoded, encoded, strict=True))


def changed(model, whole, prefix=""):
    """Keys in which two models of :func:`dataclasses.asdict` differ."""
    keys = {k: f"{prefix}{k}" for k in whole}
    inner = {k for k in whole if isinstance(whole[k], dict)}
    found = {path for k, path in keys.items() if k not in inner and model[k] != whole[k]}
    return found.union(*(changed(model[k], whole[k], f"{keys[k]}.") for k in inner))


def test_every_row_of_the_tables_is_an_experiment():
    def model(name, size="full"):
        return asdict(build_run(compose("train", [f"experiment={name}", f"size={size}"])).model)

    whole = model("mastc_vc_psnr")
    for name, options in TABLES.items():
        expected = {f"{part}.{key}" for part, values in options.items() for key in values}
        assert changed(model(f"mastc_vc_ablation/{name}"), whole) == expected
    assert model("mastc_vc_ablation/groups_16_48_64")["context"]["groups"] == (16, 48, 64)
    assert model("mastc_vc_ablation/groups_16_48_64", "tiny")["context"]["groups"] == (6, 18, 24)


def test_bits_that_were_estimated_are_those_written():
    codec = tiny_codec()
    clip = moving_clip(2, 128, 192)
    written = list(codec.encode(clip.unbind(1), Rate()))[1]
    with torch.no_grad():
        estimated = codec(clip, Rate(), Estimate(training=False)).bits
    for name, bits in written.bits.items():
        assert bits == pytest.approx(float(estimated[name][0, 1]), rel=0.02, abs=64), name
    assert 8 * len(written.packet.payload) == pytest.approx(sum(written.bits.values()), abs=64)


def test_a_decoder_runs_no_encoder_network():
    codec = tiny_codec()
    encoded = list(codec.encode(moving_clip(3, 64, 64).unbind(1), Rate()))
    encoders = (codec.estimation, codec.motion.encoder, codec.motion.hyper_encoder, codec.encoder)
    for module in (*encoders, codec.context.hyper_encoder, *codec.extractor[1:]):
        module.forward = None
    decoded = list(codec.decode((e.packet for e in encoded), (64, 64), Rate()))
    assert torch.equal(decoded[2], encoded[2].frame)


def test_parts_hold_every_parameter_once():
    codec = tiny_codec()
    held = [p for modules in codec.parts.values() for m in modules for p in m.parameters()]
    assert len({id(p) for p in held}) == len(held) == len(list(codec.parameters()))
    assert tuple(codec.parts) == tiny_config().spec.parts


def test_an_untrained_p_frame_is_nearly_its_reference():
    torch.manual_seed(0)
    codec = build_codec(tiny_config()).eval()
    clip = moving_clip(2, 64, 64)
    with torch.no_grad():
        coding = codec.code_frame(FrameJob("P", clip[:, 1], {"frame": clip[:, 0]}, Estimate(False), Rate(), (64, 64)))
    assert (coding.frame - clip[:, 0]).square().mean() < 3e-3


def test_entropy_parameters_stay_in_float32_under_autocast():
    codec = tiny_codec()
    seen = []
    for module in (codec.context.fusion, codec.context.temporal, *codec.context.staged.aggregate):
        module.register_forward_hook(lambda m, i, o: seen.append({i[0].dtype, o.dtype}))
    with torch.autocast("cpu", torch.bfloat16), torch.no_grad():
        coding = codec(moving_clip(2, 64, 64), Rate(), Estimate(training=False))
    assert len(seen) == 2 + 8
    assert all(types == {torch.float32} for types in seen)
    assert coding.frames.dtype == torch.float32


def test_recomputed_frames_give_the_same_gradients():
    found = []
    for checkpointing in (False, True):
        codec = tiny_codec().train()
        codec.intra.requires_grad_(False)
        torch.manual_seed(1)
        stream = Estimate(training=True)
        codings = list(
            codec.structure.unroll(
                codec, moving_clip(3, 64, 128), Rate(), stream, Unrolling(checkpointing=checkpointing)
            )
        )[1:]
        sum(c.frame.square().mean() + sum(b.mean() for b in c.bits.values()) / 1e4 for c in codings).backward()
        found.append([p.grad for p in codec.parameters() if p.grad is not None])
    assert all(torch.allclose(a, b, rtol=1e-4, atol=1e-6) for a, b in zip(*found, strict=True))


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["model.context.groups=[16,48]"], r"^model\.context\.groups: \[16, 48\] sums to 64, and the latent has 128$"),
        (["model.context.enabled=false"], r"^model\.context\.enabled: false, yet spatial and channel and temporal"),
        (
            ["model.context.enabled=false", "model.context.spatial=none", "model.context.channel=false"],
            r"^model\.context\.enabled: false, yet temporal context is on",
        ),
        (["model.offset_groups=5"], r"^model\.offset_groups: 5 groups do not divide 64 channels$"),
        (["schedule.all.crop=32"], r"^schedule\.all\.crop: 32 is no multiple of mastc_vc's stride 64"),
        (["schedule.all.crop=64", "schedule.all.batch_size=1"], r"^schedule\.all\.crop: 64 with batch_size=1"),
        (
            ["schedule.stages.pair.loss.distortion.prediction=1"],
            r"^schedule\.stages\.pair\.loss\.distortion\.prediction: mastc_vc has no such distortion",
        ),
    ],
)
def test_what_contradicts_itself_is_refused_in_one_line(overrides, message):
    with pytest.raises(ConfigError, match=message) as caught:
        build_run(compose("train", ["model=mastc_vc", *overrides]))
    assert "\n" not in str(caught.value)


def test_schedule_is_the_papers():
    schedule = build_run(compose("train", ["experiment=mastc_vc_psnr"])).schedule
    rows = {n: (s.steps, s.frames, s.lr, s.batch_size, s.crop) for n, s in schedule.stages.items()}
    assert rows == {
        "pair": (2_000_000, 2, 5e-5, 4, 256),
        "sequence": (500_000, 7, 5e-6, 2, 256),
        "msssim": (100_000, 7, 5e-6, 2, 256),
    }
    assert schedule.order == ("pair", "sequence")
    assert all(s.update == "clip" and s.references == "attached" for s in schedule.stages.values())
    fine = build_run(compose("train", ["experiment=mastc_vc_msssim", "loss.lmbda=8"]))
    assert fine.init_from == "runs/mastc_vc-full-mse-256/codec.safetensors"
    assert fine.schedule.running == ("msssim",)
