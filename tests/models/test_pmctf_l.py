"""pMCTF-L: groups of every length decode to the bit, on every level; and the network is the published one."""

import pytest
import torch

from lvc.bitstream.packet import cut
from lvc.codec import Rate, Unrolling
from lvc.config.contract import ConfigError, build
from lvc.config.model import ModelConfig
from lvc.config.pmctf_l import PMCTFLConfig
from lvc.entropy.streams import Estimate, Read, Write
from lvc.errors import BitstreamError, UserError
from lvc.models.build import build_codec
from lvc.structures.dyadic import without_levels
from tests.conftest import moving_clip, tiny_pmctf, tiny_pmctf_config

VARIANTS = {
    "as in the paper": {},
    "4:4:4, Haar": {"chroma": "444", "temporal_scale": "orthonormal"},
    "lossless": {"lossless": True, "chroma": "444", "temporal_scale": "orthonormal"},
    "no latent prior, four-step LL": {"latent_prior": False, "ll_context": "four_step"},
}
variants = pytest.mark.parametrize("changes", VARIANTS.values(), ids=VARIANTS.keys())


def quality(q: float) -> Rate:
    return Rate(q=torch.tensor([float(q)]))


def frames(count, height=64, width=64):
    return [(frame * 255).round() / 255 for frame in moving_clip(count, height, width).unbind(1)]


def total(module) -> int:
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize("levels", [1, 4])
def test_parameters_equal_the_published_network_module_by_module(levels):
    with torch.device("meta"):
        codec = build_codec(PMCTFLConfig(name="pmctf_l", temporal_levels=levels, structure={"gop": 2}))
    assert total(codec.flow) == 1_440_300
    assert total(codec.lowpass) == total(codec.highpass) == 31_490_468
    motion = codec.motion[-1]
    assert total(motion.hyper_encoder) == 107_712
    assert total(motion.hyper_decoder) == 174_272
    assert (total(motion.first_prior), total(motion.later_prior)) == (153_152, 166_016)
    assert (total(motion.common), total(motion.spatial), total(motion.adaptors)) == (735_104, 963_904, 3 * 49_344)
    encoder = (
        motion.encode_half,
        motion.encode_quarter,
        motion.first_feature,
        motion.later_feature,
        motion.encode_rest,
    )
    assert sum(map(total, encoder)) == 424_832
    assert sum(map(total, (motion.decode_feature, motion.decode_half, motion.decode_rest))) == 379_336
    assert total(codec.temporal[0]) == 9_890
    assert total(codec) == 64_421_236 + levels * 3_262_960


@variants
def test_what_is_encoded_is_decoded_to_the_bit(changes):
    codec, clip = tiny_pmctf(**changes), frames(7, 50, 70)
    sent = list(codec.encode(clip, quality(12.5)))
    # a group of four, of two, of one: low-pass frame first, then the coarsest high-pass frames
    assert [(s.packet.kind, s.packet.index) for s in sent] == list(zip("LHHHLHL", (0, 2, 1, 3, 4, 5, 6), strict=True))
    assert all(s.bits["motion"] > 0 for s in sent if s.packet.kind == "H")
    decoded = list(tiny_pmctf(**changes).decode((s.packet for s in sent), (50, 70), quality(12.5)))
    for s in sent:
        assert torch.equal(s.frame, decoded[s.packet.index])
        if changes.get("lossless"):
            assert torch.equal(s.frame, clip[s.packet.index])


@pytest.mark.parametrize(
    ("gop", "chroma"), [(1, "420"), (2, "420"), (2, "444"), (4, "444"), (8, "420"), (16, "420"), (16, "444")]
)
def test_groups_of_every_length_decode_to_the_bit(gop, chroma):
    changes = {"temporal_levels": max(gop.bit_length() - 1, 1), "structure": {"gop": gop}, "chroma": chroma}
    codec = tiny_pmctf(**changes)
    sent = list(codec.encode(frames(gop + 1), quality(5)))
    assert [s.packet.kind for s in sent] == ["L", *"H" * (gop - 1), "L"]
    levels = {s.packet.index: s.level for s in sent}
    assert [levels[i] for i in range(gop)] == [0, *(gop.bit_length() - (i & -i).bit_length() for i in range(1, gop))]
    decoded = list(tiny_pmctf(**changes).decode((s.packet for s in sent), (64, 64), quality(5)))
    assert [torch.equal(s.frame, decoded[s.packet.index]) for s in sent] == [True] * (gop + 1)


@torch.inference_mode()
def test_bands_of_luma_alone_decode_to_the_bit():
    codec, q = tiny_pmctf(), torch.tensor([12.0])
    luma = codec.split(frames(1)[0], luma_only=True)
    shapes = [tuple(luma[0].shape)]
    for level in (None, 0, 1):
        writer = Write()
        (sent,), bits = codec.code_band(luma, level, 2, shapes, q, writer)
        (read,), _ = codec.code_band(None, level, 2, shapes, q, Read(writer.payload()))
        assert torch.equal(sent, read) and float(sum(bits.values())) > 1000


@torch.no_grad()
def test_estimated_bits_are_those_written():
    codec, clip = tiny_pmctf(), frames(4)
    coding = codec(torch.stack(clip, 1), quality(15), Estimate(training=False))
    sent = {s.packet.index: s for s in codec.encode(clip, quality(15))}
    for index, s in sent.items():
        assert torch.allclose(coding.frames[:, index].clamp(0, 1), s.frame, atol=1e-4)
        estimated = sum(float(bits[0, index]) for bits in coding.bits.values())
        assert abs(sum(s.bits.values()) - estimated) < 0.03 * estimated + 100
    assert coding.kinds == ("L", "H", "H", "H")


@pytest.mark.parametrize("changes", [{}, {"chroma": "444"}])
def test_fewer_and_smaller_frames_show_the_same(changes):
    torch.manual_seed(0)
    codec = build_codec(tiny_pmctf_config(**changes, temporal_scale="orthonormal")).eval()
    with torch.no_grad():
        for motion in codec.motion:
            motion.decode_rest[-1][0].weight.zero_()
            motion.decode_rest[-1][0].bias.zero_()
    still = frames(1, 64, 96)[0].mul(0.2).add(torch.linspace(0.2, 0.7, 96))
    packets = [s.packet for s in codec.encode([still] * 6, quality(20))]
    for levels, kept in ((0, 6), (1, 3), (2, 2)):
        shown = list(codec.decode(without_levels(packets, levels), (64, 96), quality(20)))
        assert len(shown) == kept
        assert all((frame - still).abs().mean() < 0.08 for frame in shown)
    small = list(codec.decode((cut(p, 2) for p in without_levels(packets, 1)), (64, 96), quality(20)))
    assert [tuple(frame.shape[2:]) for frame in small] == [(16, 24)] * 3
    assert all((frame - still[..., ::4, ::4]).abs().mean() < 0.1 for frame in small)


def test_a_frame_that_refers_to_a_lost_one_is_said_and_groups_before_are_decoded():
    codec = tiny_pmctf()
    sent = [s.packet for s in codec.encode(frames(8), quality(5))]
    lost = [p for p in sent if p.index != 6]
    shown = codec.decode(lost, (64, 64), quality(5))
    assert [next(shown).shape[-1] for _ in range(4)] == [64] * 4
    with pytest.raises(BitstreamError, match="frame 7 refers to a frame that is missing"):
        next(shown)


@variants
def test_training_reaches_every_parameter(changes):
    codec = tiny_pmctf(**changes).train()
    clip = moving_clip(4, 64, 64)
    coding = codec(clip, quality(12), Estimate(training=True, quantization="straight_through"))
    distortion = coding.frames.square().mean() + coding.predictions.square().mean()
    (distortion * 1e4 + sum(b.mean() for b in coding.bits.values())).backward()
    idle = {n for n, p in codec.named_parameters() if p.grad is None}
    # the only pair of the coarsest level has none before it, and lossless coding has no steps to scale
    allowed = ("motion.1.later_", "scale.") if changes.get("lossless") else ("motion.1.later_",)
    assert all(n.startswith(allowed) for n in idle), idle
    held = [p for modules in codec.parts.values() for m in modules for p in m.parameters()]
    assert len({id(p) for p in held}) == len(held) == len(list(codec.parameters()))
    assert set(codec.parts) <= set(PMCTFLConfig.SPEC.parts)


def test_motion_alone_leaves_bands_uncoded_and_a_distance_begins_at_its_level():
    codec = tiny_pmctf().train()
    for distance, level in ((1, 0), (2, 1), (3, 1)):
        codec.zero_grad()
        stream = Estimate(training=True, quantization="straight_through")
        unrolled = codec.structure.unroll(
            codec, moving_clip(2, 64, 64), quality(9), stream, Unrolling(motion_only=True, distance=distance)
        )
        low, high = unrolled
        assert torch.equal(high.frame, high.prediction) and set(high.bits) == {"motion", "motion_hyper"}
        assert not low.bits
        high.frame.square().mean().backward()
        trained = {
            n.split(".")[1] for n, p in codec.named_parameters() if n.startswith("motion") and p.grad is not None
        }
        assert trained == {str(level)}


def test_checkpointing_changes_no_gradient():
    clip, found = moving_clip(2, 64, 64), []
    for checkpointing in (False, True):
        codec = tiny_pmctf().train()
        stream = Estimate(training=True, quantization="straight_through")
        codings = list(codec.structure.unroll(codec, clip, quality(9), stream, Unrolling(checkpointing=checkpointing)))
        sum(c.frame.square().mean() for c in codings).backward()
        found.append([p.grad for p in codec.parameters() if p.grad is not None])
    assert len(found[0]) == len(found[1])
    assert all(torch.allclose(a, b, atol=1e-7) for a, b in zip(*found, strict=True))


def test_groups_that_cannot_be_are_refused():
    for gop, message in ((3, r"^model\.structure\.gop: 3 is no power of two"), (32, "temporal_levels=4 make 16")):
        with pytest.raises(ConfigError, match=message):
            build(ModelConfig, {"name": "pmctf_l", "structure": {"gop": gop}}, "model")
    structure = tiny_pmctf().structure
    assert structure.with_intra_period(2).gop == 2
    with pytest.raises(UserError, match=r"intra period 32: is no group of this codec; choices are: 1, 2, 4"):
        structure.with_intra_period(32)
