from fractions import Fraction

import pytest
import torch

from lvc.cli.summary import multiply_accumulates, parameters
from lvc.codec import FrameJob, Rate
from lvc.coding.settings import EncodeOptions
from lvc.coding.video import decode_video, encode_video
from lvc.config.b_canf import AnfConfig, BCANFConfig
from lvc.entropy.priors import ScaleLaw
from lvc.entropy.streams import Estimate, Read, Write
from lvc.errors import BitstreamError, UserError
from lvc.export import load_export, save_export
from lvc.layers.adaptation import one_hot
from lvc.models.anf import ConditionalAnf
from lvc.models.build import build_codec
from lvc.structures.hierarchical_b import HierarchicalB
from tests.conftest import moving_clip
from tests.models.codec_b_canf import tiny_codec, tiny_config

# Parameters of the released network by module.
MODULES = {
    "flow": 1_440_300,
    "predictor": 6_810_912,
    "motion": 6_428_924,
    "synthesis": 2_837_213,
    "frame": 6_588_873,
}


@pytest.fixture(scope="module")
def full():
    return build_codec(BCANFConfig(name="b_canf")).eval()


def test_parameters_equal_the_released_network_module_by_module(full):
    found = {name: sum(p.numel() for p in getattr(full, name).parameters()) for name in MODULES}
    assert found == MODULES
    assert parameters(full)[0] == 24_106_222


def test_operations_are_those_of_the_released_network(full):
    macs = multiply_accumulates(full, (256, 256))
    assert macs["encoder"] / 256**2 / 1e3 == pytest.approx(2682, rel=0.001)
    full.motion.enhancement = full.frame.enhancement = None
    assert multiply_accumulates(full, (256, 256))["encoder"] / 256**2 / 1e3 == pytest.approx(1716, rel=0.001)


@pytest.mark.parametrize(("gop", "frames", "size"), [(4, 5, (72, 100)), (4, 7, (64, 128)), (8, 12, (72, 100))], ids=str)
def test_decoded_frames_equal_the_encoders_reconstruction(gop, frames, size):
    """Whether the stride divides a frame's sides or does not."""
    codec, other = (tiny_codec(structure={"gop": gop, "intra_period": gop}) for _ in range(2))
    clip = moving_clip(frames, *size)
    encoded = list(codec.encode(clip.unbind(1), Rate()))
    assert [e.packet.index for e in encoded] == [s.index for s in HierarchicalB(gop, gop).order(frames)]
    decoded = list(other.decode((e.packet for e in encoded), size, Rate()))
    sent = {e.packet.index: e.frame for e in encoded}
    assert [frame.shape[-2:] for frame in decoded] == [size] * frames
    assert all(torch.equal(frame, sent[index]) for index, frame in enumerate(decoded))
    assert all(len(e.packet.payload) > 40 for e in encoded)


def test_a_file_is_decoded_by_a_codec_loaded_anew(tmp_path):
    path = save_export(tmp_path / "codec.safetensors", tiny_codec(), tiny_config(), {})
    clip = moving_clip(6, 64, 70)
    sent = list(
        encode_video(
            load_export(path), clip.unbind(1), tmp_path / "a.lvc", Fraction(30), options=EncodeOptions(intra_period=8)
        )
    )
    assert [e.packet.kind for e in sent] == ["I", "P", "B", "b", "b", "P"]
    decoded = list(decode_video(tmp_path / "a.lvc", load_export(path)))
    assert all(torch.equal(decoded[e.packet.index], e.frame) for e in sent)


def test_what_a_lost_frame_does_not_touch_is_decoded_still():
    codec = tiny_codec()
    encoded = list(codec.encode(moving_clip(9, 64, 64).unbind(1), Rate()))
    whole = {e.packet.index: e.frame for e in encoded}
    decoded = []
    with pytest.raises(BitstreamError, match=r"^frame 1 refers to a frame that is missing; 3 frames before the last"):
        for frame in codec.decode((e.packet for e in encoded if e.packet.index != 2), (64, 64), Rate()):
            decoded.append(frame)
    assert all(torch.equal(a, whole[i]) for a, i in zip(decoded, [0, 4, 5, 6, 7, 8], strict=True))


def test_a_dropped_tail_needs_a_whole_gop():
    codec = tiny_codec(structure={"gop": 4, "intra_period": 4, "tail": "drop"})
    clip = moving_clip(7, 64, 64)
    assert sorted(e.packet.index for e in codec.encode(clip.unbind(1), Rate())) == [0, 1, 2, 3, 4]
    with pytest.raises(
        UserError, match=r"^the video has 3 frames, and a GOP of 4 needs 5; model\.structure\.tail=bstar"
    ):
        list(codec.encode(clip[:, :3].unbind(1), Rate()))


def test_a_decoder_runs_no_encoder_network():
    codec = tiny_codec()
    encoded = list(codec.encode(moving_clip(5, 64, 64).unbind(1), Rate()))
    for module in (codec.flow, codec.intra.g_a, codec.intra.h_a, codec.motion.hyper_analysis, codec.frame.analysis[0]):
        module.forward = None
    assert len(list(codec.decode((e.packet for e in encoded), (64, 64), Rate()))) == 5


def test_estimated_bits_match_the_payload():
    codec = tiny_codec()
    clip = moving_clip(7, 128, 128)
    with torch.no_grad():
        coding = codec(clip, Rate(), Estimate(training=False))
    estimated = sum(bits[0] for bits in coding.bits.values())
    for e in codec.encode(clip.unbind(1), Rate()):
        index = e.packet.index
        assert abs(8 * len(e.packet.payload) - float(estimated[index])) < 0.01 * float(estimated[index]) + 128
        assert torch.equal(e.frame, coding.frames[:, index].clamp(0, 1))
    assert coding.kinds == tuple("IbBbIbP")


@pytest.mark.parametrize(
    "changes", [{}, {"enhancement": False}, {"clamp_references": False}, {"sort_references": False}], ids=str
)
def test_every_part_trains_and_gradients_reach_earlier_frames(changes):
    codec = tiny_codec(**changes).train()
    coding = codec(moving_clip(7, 64, 64), Rate(), Estimate(training=True))
    terms = [coding.frames.square().mean(), *(d.mean() for d in coding.distortions.values())]
    (sum(terms) + sum(b.mean() for b in coding.bits.values()) / 1e4).backward()
    assert not [n for n, p in codec.named_parameters() if p.requires_grad and p.grad is None]
    assert set(coding.distortions) == {*BCANFConfig.SPEC.motion.distortions, *BCANFConfig.SPEC.distortions}


def test_parts_hold_every_parameter_once():
    codec = tiny_codec()
    held = [p for modules in codec.parts.values() for m in modules for p in m.parameters()]
    assert len({id(p) for p in held}) == len(held) == len(list(codec.parameters()))
    assert tuple(codec.parts) == BCANFConfig.SPEC.parts


def test_frame_types_change_what_is_coded_and_leave_nothing_behind():
    codec = tiny_codec()
    frame, past, future = moving_clip(3, 64, 64).unbind(1)
    state = ({"frame": past}, {"frame": future})

    def coded(kind):
        with torch.no_grad():
            return codec.code_frame(FrameJob(kind, frame, state, Estimate(training=False), Rate(), (64, 64))).frame

    first = coded("B")
    assert not torch.equal(first, coded("b"))
    assert torch.equal(first, coded("B"))


def test_references_are_sorted_by_their_distance_from_an_intra_frame():
    codec = tiny_codec()
    near, far = {"frame": torch.zeros(1, 3, 64, 64)}, {"frame": torch.ones(1, 3, 64, 64), "order": 2}
    with torch.no_grad():
        coded = codec.code_frame(FrameJob("B", near["frame"], (far, near), Estimate(training=False), Rate(), (64, 64)))
    assert coded.reference is near["frame"] and coded.state["order"] == 1
    assert tiny_codec(sort_references=False)._sorted((far, near))[0] is far


def test_turned_flows_come_back_as_they_were():
    """Coded without loss, both flows are what was estimated, whatever sign they were coded with."""
    codec = tiny_codec()
    codec.motion.code = lambda x, *_: type("Coding", (), {"signal": x, "bits": {}, "end": None})
    frame, past, future = moving_clip(3, 64, 64).unbind(1)
    for kind, references in (("b", (past, future)), ("P", (past, past))):
        with torch.no_grad():
            flows, _, _ = codec.code_motion(kind, frame, references, Estimate(training=False))
            wanted = codec.estimate(kind, frame, references)
        assert all(torch.equal(a, b) for a, b in zip(flows, wanted, strict=True))


def test_motion_is_coded_at_any_resolution():
    codec = tiny_codec()
    frame, past, future = moving_clip(3, 40, 56).unbind(1)
    writing = Write()
    with torch.inference_mode():
        flows, _, _ = codec.code_motion("B", frame, (past, future), writing)
        again, _, _ = codec.code_motion("B", None, (past, future), Read(writing.payload()))
    assert flows[0].shape == (1, 2, 40, 56)
    assert all(torch.equal(a, b) for a, b in zip(flows, again, strict=True))


def test_the_flow_is_invertible_where_nothing_is_lost():
    """With its own end of the flow in place of the condition, and no quantisation, the signal comes back."""
    torch.manual_seed(0)
    config = AnfConfig(channels=12, latent_channels=12, hyper_channels=12, prior_channels=12, fusion_channels=16)
    anf = ConditionalAnf("frame", 3, config, 3, ScaleLaw("gaussian"), enhancement=0)
    x, condition, kind = torch.rand(1, 3, 64, 64), torch.rand(1, 3, 64, 64), one_hot(1, 3, torch.zeros(1))
    with torch.no_grad():
        y, rest = anf._encode(x, condition, kind)
        step = anf.synthesis[1](y, kind)
        end = rest - step
        first = end + step
        z = y - anf.analysis[1](torch.cat([first, condition], 1), kind)
        assert torch.allclose(first + anf.synthesis[0](z, kind), x, atol=1e-5)


def test_an_untrained_b_frame_is_nearly_the_mean_of_its_warped_references():
    torch.manual_seed(0)
    codec = build_codec(tiny_config(synthesis={"widths": [8, 16, 24], "columns": 4})).eval()
    frame, past, future = moving_clip(3, 128, 128).unbind(1)
    with torch.no_grad():
        state = ({"frame": past}, {"frame": future})
        coding = codec.code_frame(FrameJob("b", frame, state, Estimate(training=False), Rate(), (128, 128)))
    assert (coding.prediction - (past + future) / 2).square().mean() < 5e-3
    assert (coding.frame - coding.prediction).square().mean() < 5e-3
