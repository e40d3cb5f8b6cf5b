"""The light codec: what it promises before, in and after training."""

import math

import pytest
import torch

from lvc.codec import FrameJob, Rate
from lvc.config.contract import build
from lvc.config.model import ModelConfig
from lvc.entropy.streams import Estimate, Read, Write
from lvc.layers.klt import as_samples, klt
from lvc.models.build import build_codec
from lvc.models.light_coder import step_gain
from tests.conftest import moving_clip
from tests.models.light_codecs import INTRA, LAMBDAS, LIGHT, TRANSFORM, started

SIZE = (48, 80)
"""No multiple of the hyper latent's 64, but of the stride."""


def at(q):
    return Rate(q=torch.tensor([float(q)]))


def psnr(a, b):
    return -10 * math.log10(float((a - b).square().mean()))


@pytest.mark.parametrize("transmitted", [False, True])
@pytest.mark.parametrize("q", [0, 20.5, 63])
def test_decoded_frames_equal_the_encoders_at_any_size_and_quality(q, transmitted):
    changes = {"transform": {**TRANSFORM, "transmitted_scales": transmitted}}
    changes["intra"] = {**INTRA, **changes}
    frames = moving_clip(4, 50, 78).unbind(1)
    encoded = list(started(LIGHT, **changes).encode(frames, at(q)))
    decoded = list(started(LIGHT, **changes).decode((e.packet for e in encoded), (50, 78), at(q)))
    assert len(decoded) == 4
    assert all(torch.equal(a, e.frame) for a, e in zip(decoded, encoded, strict=True))
    assert "".join(e.packet.kind for e in encoded) == "IPPP"


@pytest.mark.parametrize("transmitted", [False, True])
def test_estimated_bits_are_those_written(transmitted):
    codec = started(LIGHT, transform={**TRANSFORM, "transmitted_scales": transmitted})
    clip = moving_clip(3, *SIZE)
    with torch.inference_mode():
        estimated = codec(clip, at(40), Estimate(training=False))
        written = list(codec.encode(clip.unbind(1), at(40)))
    for index, frame in enumerate(written):
        promised = sum(float(bits[0, index]) for bits in estimated.bits.values())
        assert 8 * len(frame.packet.payload) == pytest.approx(promised, rel=0.03, abs=64)
        assert torch.equal(frame.frame, estimated.frames[:, index].clamp(0, 1))


def test_a_higher_quality_is_better_and_costs_more():
    codec, clip = started(LIGHT, stir=False), moving_clip(2, 64, 64)
    with torch.inference_mode():
        codings = [codec(clip, at(q), Estimate(training=False)) for q in (0, 20, 40, 63)]
    bits = [sum(float(b.sum()) for b in coding.bits.values()) for coding in codings]
    quality = [psnr(coding.frames, clip) for coding in codings]
    assert bits == sorted(bits) and quality == sorted(quality)
    assert quality[-1] - quality[0] > 5


def test_every_sample_has_its_own_quality():
    codec, clip = started(LIGHT), moving_clip(2, 64, 64)
    with torch.inference_mode():
        both = codec(clip.repeat(2, 1, 1, 1, 1), Rate(q=torch.tensor([5.0, 55.0])), Estimate(training=False))
        alone = [codec(clip, at(q), Estimate(training=False)) for q in (5, 55)]
    for row, coding in enumerate(alone):
        assert torch.allclose(both.frames[row], coding.frames[0], atol=1e-4)


def test_before_training_a_frame_is_its_klt_at_the_steps_of_lambda():
    """Uniform rounding noise of an orthonormal transform is s^2 / 12 per coefficient: PSNR follows from lambda."""
    torch.manual_seed(0)
    whole = {**TRANSFORM, "channels": 192, "latent_channels": 768}
    codec = build_codec(build(ModelConfig, {**INTRA, "transform": whole})).eval()
    noise = torch.rand(64, 1, 3, 128, 128)
    codec.start_from(noise, LAMBDAS)
    with torch.inference_mode():
        coding = codec(noise[:2], Rate(q=torch.full((2,), 63.0)), Estimate(training=False))
    step = 1 / step_gain(LAMBDAS[1])
    assert float((coding.frames - noise[:2]).square().mean()) == pytest.approx(step**2 / 12, rel=0.05)


def test_the_klt_puts_as_much_as_can_be_into_few_directions():
    torch.manual_seed(0)
    mixed = torch.randn(4000, 6) * torch.tensor([5.0, 3.0, 2.0, 1.0, 0.5, 0.1]) @ torch.linalg.qr(torch.randn(6, 6))[0]
    rows, deviations = klt(mixed, 4)
    assert torch.allclose(rows @ rows.T, torch.eye(4), atol=1e-5)
    assert torch.allclose(deviations, torch.tensor([5.0, 3.0, 2.0, 1.0]), rtol=0.06)
    assert klt(mixed, 8)[0][6:].abs().max() == 0


def test_a_p_frame_starts_as_its_prediction_plus_the_residuals_klt():
    codec, clips = started(LIGHT, stir=False), moving_clip(2, 64, 64)
    with torch.inference_mode():
        intra, inter = codec.structure.unroll(codec, clips, at(40), Estimate(training=False))
    assert psnr(inter.frame, clips[:, 1]) > psnr(inter.prediction, clips[:, 1]) + 3
    assert inter.bits["frame"] < intra.bits["intra"]


def test_a_still_frame_spends_one_bit_on_motion():
    codec = started(LIGHT)
    frame = moving_clip(1, 64, 64)[:, 0]
    state = {"frame": frame}
    writer = Write()
    with torch.inference_mode():
        coding = codec.code_frame(FrameJob("P", frame, state, writer, at(20), (64, 64)))
        read = codec.code_frame(FrameJob("P", None, state, Read(writer.payload()), at(20), (64, 64)))
    assert "motion_hyper" not in coding.bits and float(coding.bits["motion"]) == 1
    assert torch.equal(coding.prediction, frame) and torch.equal(read.frame, coding.frame)


def test_every_parameter_learns_and_is_in_one_part():
    codec = started(LIGHT).train()
    coding = codec(moving_clip(3, 64, 64), at(30), Estimate(training=True))
    (coding.frames.square().mean() + sum(bits.mean() for bits in coding.bits.values()) / 1e4).backward()
    learnable = {n for n, p in codec.named_parameters() if p.requires_grad}
    assert {n for n, p in codec.named_parameters() if p.grad is not None} == learnable
    held = [id(p) for modules in codec.parts.values() for m in modules for p in m.parameters()]
    assert len(held) == len(set(held)) == len(list(codec.parameters()))


def test_transmitted_scales_leave_no_network_before_the_tables():
    """With every network disturbed a little after encoding, a decoder still reads the same symbols."""
    config = {**INTRA, "transform": {**TRANSFORM, "transmitted_scales": True}}
    codec, other = started(config), started(config)
    frame = moving_clip(1, 64, 64)[:, 0]
    with torch.inference_mode():
        writer = Write()
        coding = codec.code_frame(FrameJob("I", frame, None, writer, at(40), (64, 64)))
        for parameter in other.coder.entropy.first.parameters():
            parameter.mul_(1 + 1e-3)
        reader = Read(writer.payload())
        read = other.code_frame(FrameJob("I", None, None, reader, at(40), (64, 64)))
        reader.finish()
    assert not torch.equal(read.frame, coding.frame)
    assert psnr(read.frame, coding.frame) > 40


@pytest.mark.parametrize("changes", [{"motion": False}, {"feature": False}, {"interpolation": "bilinear"}])
def test_ablations_code_too(changes):
    frames = moving_clip(3, 64, 64).unbind(1)
    encoded = list(started(LIGHT, **changes).encode(frames, at(30)))
    decoded = list(started(LIGHT, **changes).decode((e.packet for e in encoded), (64, 64), at(30)))
    assert all(torch.equal(a, e.frame) for a, e in zip(decoded, encoded, strict=True))


def test_a_batch_of_samples_has_bits_of_its_own():
    codec = started(LIGHT).train()
    clip = torch.cat([moving_clip(2, 64, 64, seed) for seed in range(2)])
    coding = codec(clip, Rate(q=torch.tensor([10.0, 50.0])), Estimate(training=True))
    assert all(bits.shape == (2, 2) for bits in coding.bits.values())
    assert as_samples(clip[:, 0]).shape == (2 * 64 * 64, 3)
