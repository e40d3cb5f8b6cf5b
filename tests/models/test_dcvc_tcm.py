from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from lvc.cli.summary import multiply_accumulates, parameters
from lvc.codec import FrameJob, Rate, Unrolling
from lvc.config.contract import ConfigError
from lvc.config.dcvc_tcm import DCVCTCMConfig
from lvc.entropy.streams import Estimate
from lvc.errors import UserError
from lvc.importers.released import dcvc_tcm_weights
from lvc.models.build import build_codec
from tests.conftest import moving_clip, tiny_codec, tiny_config
from tests.models.reference_tcm import Released

# Sec. 1.3 of the architecture's facts: parameters of the released network by module.
MODULES = {
    "flow": 960_200,
    "motion.encoder": 1_380_224,
    "motion.hyper_encoder": 147_648,
    "motion.hyper_decoder": 737_856,
    "motion.decoder": 789_762,
    "adapt_frame": 1_792,
    "adapt_feature": 4_160,
    "extractor": 332_352,
    "fusion": 996_672,
    "encoder": 549_408,
    "hyper_encoder": 129_216,
    "hyper_decoder": 428_976,
    "temporal_prior": 638_496,
    "entropy_parameters": 2_286_336,
    "decoder": 1_119_680,
    "generator": 204_803,
    "hyper_prior": 704,
    "motion.hyper_prior": 704,
}


@pytest.fixture(scope="module")
def full():
    return build_codec(DCVCTCMConfig(name="dcvc_tcm", compat="official")).eval()


def test_parameters_equal_the_published_network_module_by_module(full):
    own, intra, modules = parameters(full)
    assert modules == MODULES
    assert own == 10_708_989
    assert intra == 23_738_028


def test_operations_at_1080p_are_the_papers(full):
    macs = multiply_accumulates(build_codec(DCVCTCMConfig(name="dcvc_tcm")).eval(), (1088, 1920))
    assert macs["encoder"] == pytest.approx(2.883e12, rel=0.01)
    assert macs["decoder"] < 0.75 * macs["encoder"]


def released_weights():
    """Random values under the released names."""
    keys = (Path(__file__).parent / "released_dcvc_tcm.txt").read_text().split()
    shapes = dict(zip(keys[::2], keys[1::2], strict=True))
    generator = torch.Generator().manual_seed(0)
    weights = {}
    for name, shape in shapes.items():
        size = [int(n) for n in shape.split("x")]
        fan_in = torch.Size(size[1:]).numel() if len(size) == 4 else 1
        weights[name] = torch.randn(size, generator=generator) * (1.2 / fan_in**0.5 if fan_in > 1 else 0.1)
        if "gdn" in name or name.endswith((".beta", ".gamma")):
            weights[name] = weights[name].abs() * 0.3 + (0.8 if name.endswith("beta") else 0.05)
    return weights


def test_imported_network_computes_what_the_released_one_does(full):
    released = released_weights()
    assert len(released) == 258
    ours = dcvc_tcm_weights(released, "test").weights
    missing, unexpected = full.load_state_dict(ours, strict=False)
    assert not unexpected
    assert all(name.startswith("intra.") for name in missing)
    frame, reference = moving_clip(2, 64, 128).unbind(1)
    state = {"frame": reference}
    feature = None
    for _ in range(2):  # the first P frame adapts the frame, the second the feature
        with torch.no_grad():
            theirs = Released(released)(frame, state["frame"], feature)
            coding = full.code_frame(FrameJob("P", frame, state, Estimate(training=False), Rate(), (64, 128)))
        ours = {"flow": coding.flow, "frame": coding.frame, "feature": coding.state["feature"]}
        for name, tensor in ours.items():
            assert (tensor - theirs[name]).abs().max() < 1e-5 * theirs[name].abs().max(), name
        for name, bits in theirs["bits"].items():
            assert coding.bits[name].item() == pytest.approx(bits.item(), rel=1e-3, abs=1)
        state, feature = coding.state, coding.state["feature"]


ABLATIONS = {
    "VI no feature propagation": {"propagate_feature": False},
    "VI no re-filling": {"levels": 3, "contexts": 1},
    "VI none": {"propagate_feature": False, "levels": 1, "contexts": 1},
    **{f"VII no contexts in {m}": {"contexts_in": {m: False}} for m in ("encoder", "decoder", "generator", "entropy")},
    **{f"VIII {n}L{c}C": {"levels": n, "contexts": c} for n, c in ((4, 1), (2, 1), (1, 1), (4, 4), (3, 2), (2, 2))},
    **{
        f"IX 1L1C {m}": {"levels": 1, "contexts": 1, "extra_blocks": {m: 1}}
        for m in ("extractor", "refinement", "generator")
    },
    **{f"X {c} channels": {"propagated_channels": c} for c in (6, 2, 1)},
}


@pytest.mark.parametrize("changes", ABLATIONS.values(), ids=ABLATIONS.keys())
def test_every_ablation_trains_all_it_has_and_decodes_what_it_encoded(changes):
    codec = tiny_codec(**changes).train()
    clip = moving_clip(3, 64, 64)
    coding = codec(clip, Rate(), Estimate(training=True))
    (coding.frames.square().mean() + sum(b.mean() for b in coding.bits.values()) / 1e4).backward()
    idle = [n for n, p in codec.named_parameters() if p.requires_grad and p.grad is None]
    assert not idle
    codec.eval()
    encoded = list(codec.encode(clip.unbind(1), Rate()))
    again = tiny_codec(**changes)
    decoded = list(again.decode((e.packet for e in encoded), (64, 64), Rate()))
    assert all(torch.equal(a, e.frame) for a, e in zip(decoded, encoded, strict=True))


def test_fewer_contexts_than_levels_only():
    with pytest.raises(ConfigError, match=r"^model\.contexts: 3 contexts need as many levels"):
        tiny_config_error(levels=2)


def tiny_config_error(**changes):
    from lvc.config.contract import build
    from lvc.config.model import ModelConfig

    build(ModelConfig, {"name": "dcvc_tcm", **changes}, "model")


def test_parts_hold_every_parameter_once():
    codec = tiny_codec()
    held = [p for modules in codec.parts.values() for m in modules for p in m.parameters()]
    assert len({id(p) for p in held}) == len(held) == len(list(codec.parameters()))
    assert tuple(codec.parts) == tiny_config().spec.parts


def test_motion_only_needs_nothing_of_the_frame_codec():
    codec = tiny_codec().train()
    codec.intra.requires_grad_(False)
    codings = list(
        codec.structure.unroll(codec, moving_clip(2, 64, 64), Rate(), Estimate(True), Unrolling(motion_only=True))
    )
    assert set(codings[1].bits) == {"motion", "motion_hyper"}
    assert torch.equal(codings[1].frame, codings[1].prediction)


def test_entropy_parameters_stay_in_float32_under_autocast():
    codec = tiny_codec()
    seen = []
    hook = codec.entropy_parameters.register_forward_hook(lambda m, i, o: seen.append((i[0].dtype, o.dtype)))
    with torch.autocast("cpu", torch.bfloat16), torch.no_grad():
        coding = codec(moving_clip(2, 64, 64), Rate(), Estimate(training=False))
    hook.remove()
    assert seen == [(torch.float32, torch.float32)]
    assert coding.frames.dtype == torch.float32
    assert all(bits.dtype == torch.float32 for bits in coding.bits.values())


def test_a_decoder_runs_no_encoder_network():
    codec = tiny_codec()
    encoded = list(codec.encode(moving_clip(2, 64, 64).unbind(1), Rate()))
    for module in (codec.flow, codec.motion.encoder, codec.motion.hyper_encoder, codec.encoder, codec.hyper_encoder):
        module.forward = None
    for module in (codec.intra.g_a, codec.intra.h_a):
        module.forward = None
    decoded = list(codec.decode((e.packet for e in encoded), (64, 64), Rate()))
    assert torch.equal(decoded[1], encoded[1].frame)


def test_counting_operations_needs_no_memory():
    with FlopCounterMode(display=False):
        macs = multiply_accumulates(tiny_codec(), (2160 // 64 * 64, 3840))
    assert macs["encoder"] > macs["decoder"] > 0


@pytest.mark.parametrize(
    "changes", [{}, {"propagate_feature": False}, {"propagated_channels": 6}, {"levels": 1, "contexts": 1}]
)
def test_an_untrained_p_frame_is_nearly_its_warped_reference(changes):
    torch.manual_seed(0)
    codec = build_codec(tiny_config(**changes)).eval()
    clip = moving_clip(3, 128, 128)
    state = {"frame": clip[:, 0]}
    with torch.no_grad():
        for frame in clip[:, 1:].unbind(1):
            coding = codec.code_frame(FrameJob("P", frame, state, Estimate(training=False), Rate(), (128, 128)))
            assert (coding.frame - coding.prediction).square().mean() < 1e-3
            state = coding.state


def pairs(count=8):
    return torch.cat([moving_clip(3, 64, 64, seed) for seed in range(count)])


def started(clips, **changes):
    torch.manual_seed(0)
    codec = build_codec(tiny_config(**changes)).eval()
    codec.intra.start_from(clips, (1024.0, 1024.0))
    return codec


@pytest.mark.parametrize("changes", [{}, {"levels": 1, "contexts": 1}, {"contexts_in": {"encoder": False}}])
def test_a_classical_start_codes_p_frames_at_once(changes):
    clips = pairs()
    codec = started(clips, **changes)

    def losses():
        with torch.inference_mode():
            coding = codec(clips, Rate(), Estimate(training=False))
        bits = sum(bits for bits in coding.bits.values()).mean(0) / 64**2
        errors = (coding.frames - clips).square().mean((0, 2, 3, 4))
        return bits + 1024 * errors

    before = losses()
    codec.start_from(clips, (1024.0, 1024.0))
    after = losses()
    assert bool((after[1:] < before[1:] / 2).all()), (before, after)
    encoded = list(codec.encode(clips[:1].unbind(1), Rate()))
    decoded = list(codec.decode((e.packet for e in encoded), (64, 64), Rate()))
    assert all(torch.equal(a, e.frame) for a, e in zip(decoded, encoded, strict=True))


def test_after_a_classical_start_a_frame_of_no_residual_is_its_prediction():
    clips = pairs(4)
    codec = started(clips)
    codec.start_from(clips, (1024.0, 1024.0))
    torch.nn.init.zeros_(codec.decoder.up[-1][0].weight)
    with torch.inference_mode():
        state = {"frame": clips[:, 0]}
        for frame in clips[:, 1:].unbind(1):
            coding = codec.code_frame(FrameJob("P", frame, state, Estimate(training=False), Rate(), (64, 64)))
            assert torch.allclose(coding.frame, coding.prediction, atol=1e-5)
            state = coding.state


def test_after_a_classical_start_everything_learns():
    clips = pairs(2)
    codec = started(clips)
    codec.start_from(clips, (1024.0, 1024.0))
    parameters = {n: p for n, p in codec.train().named_parameters() if p.requires_grad}
    optimizer, moved = torch.optim.Adam(parameters.values(), lr=1e-4), set()
    for _ in range(5):  # what begins at 0 hides what comes before it for a step
        optimizer.zero_grad()
        coding = codec(clips, Rate(), Estimate(training=True))
        bits = sum(bits.mean() for bits in coding.bits.values()) / 64**2
        (1024 * (coding.frames - clips).square().mean() + bits).backward()
        moved |= {n for n, p in parameters.items() if p.grad is not None and p.grad.any()}
        optimizer.step()
    assert moved == parameters.keys()


def test_statistics_of_a_p_frame_need_two_frames():
    with pytest.raises(UserError, match="need clips of 2 frames or more"):
        build_codec(tiny_config()).start_from(moving_clip(1, 64, 64), (1024.0, 1024.0))
