from itertools import pairwise

import pytest
import torch

from lvc.cli.summary import multiply_accumulates, parameters
from lvc.codec import FrameJob, Rate
from lvc.config.contract import ConfigError, build
from lvc.config.model import ModelConfig
from lvc.config.ssnvc import SSNVCConfig
from lvc.entropy.streams import Estimate
from lvc.models.build import build_codec
from lvc.motion.warp import warp
from tests.conftest import moving_clip
from tests.models.intra_codecs import SMALL, loud

# Sec. 2.2 of the architecture's facts; the encoder has the two mixed blocks' 175,624 and 45,704 besides its 549,408.
MODULES = {
    "flow": 960_200,
    "adapt_frame": 1_792,
    "adapt_feature": 4_160,
    "extractor": 332_352,
    "fusion": 996_672,
    "encoder": 549_408 + 175_624 + 45_704,
    "decoder": 1_119_680,
    "generator": 5_337_955,
    "hyper_encoder": 129_216,
    "hyper_decoder": 428_976,
    "hyper_prior": 704,
    "temporal_prior": 638_496,
    "entropy_parameters": 2_839_296,
}
U_NETS = [1_739_808, 1_760_288, 1_780_768]

ABLATIONS = {
    "whole": {},
    "anchor": {"previous_latents": 0, "unets": 0, "dense": False, "intra": "intra_cheng2020"},
    "one earlier latent": {"previous_latents": 1},
    "no implicit temporal information": {"previous_latents": 0},
    "no U-Nets": {"unets": 0, "dense": False},
    "no dense connections": {"dense": False},
    "two U-Nets": {"unets": 2},
    "no mixed blocks": {"mixed_blocks": False},
    "no predicted motion": {"predicted_motion": False},
}
ablations = pytest.mark.parametrize("changes", ABLATIONS.values(), ids=ABLATIONS.keys())


def small_config(intra="intra_window_attention", **changes):
    base = {"name": "ssnvc", "size": "tiny", "channels": 16, "latent_channels": 12, "hyper_channels": 8}
    base |= {"flow": {"widths": [4, 4, 4, 4]}, "intra": {"name": intra, "size": "tiny", **SMALL[intra]}}
    return build(ModelConfig, {**base, **changes})


def small_codec(**changes):
    """A codec of a few milliseconds a frame, whose latents are not all 0 and whose flow is some pixels long."""
    torch.manual_seed(0)
    codec = build_codec(small_config(**changes)).eval()
    loud(codec.intra)
    with torch.no_grad():
        codec.encoder.down[-1].weight.mul_(20)
        codec.entropy_parameters[-1].bias[:12].fill_(1)
        for level in codec.flow.levels:
            level[-1].weight.mul_(20)
    return codec


def decode(encoded, codec, size=(64, 64)):
    return list(codec.decode((e.packet for e in encoded), size, Rate()))


def test_parameters_and_operations_are_those_of_the_build_sheet():
    with torch.device("meta"):
        codec = build_codec(SSNVCConfig(name="ssnvc")).eval()
    own, intra, modules = parameters(codec)
    assert modules == MODULES
    assert own == 13_338_907 + 175_624 + 45_704
    assert intra == 31_255_672
    assert [sum(p.numel() for p in u.parameters()) for u in codec.generator.unets] == U_NETS
    macs = multiply_accumulates(codec, (1088, 1920))
    assert macs["encoder"] == pytest.approx(5.4e12, rel=0.01)
    assert macs["decoder"] == pytest.approx(3.8e12, rel=0.01)
    assert sum(macs["modules"].values()) == pytest.approx(macs["encoder"], rel=1e-6)
    assert macs["modules"]["generator"] == pytest.approx(1.78e12, rel=0.01)


@ablations
def test_every_ablation_trains_all_it_has_and_decodes_what_it_encoded(changes):
    codec, clip = small_codec(**changes).train(), moving_clip(4, 64, 64)
    coding = codec(clip, Rate(), Estimate(training=True))
    assert set(coding.bits) == {"intra", "intra_hyper", "frame", "frame_hyper"}
    (coding.frames.square().mean() + sum(b.mean() for b in coding.bits.values()) / 1e4).backward()
    assert [n for n, p in codec.named_parameters() if p.requires_grad and p.grad is None] == []
    encoded = list(small_codec(**changes).encode(clip.unbind(1), Rate()))
    assert all(len(e.packet.payload) > 20 for e in encoded)
    decoded = decode(encoded, small_codec(**changes))
    assert all(torch.equal(a, e.frame) for a, e in zip(decoded, encoded, strict=True))


def test_estimated_bits_are_those_written():
    codec, clip = small_codec(), moving_clip(3, 128, 128)
    with torch.inference_mode():
        promised = codec(clip, Rate(), Estimate(training=False)).bits
    for index, encoded in enumerate(codec.encode(clip.unbind(1), Rate())):
        bits = sum(float(b[0, index]) for b in promised.values())
        assert 8 * len(encoded.packet.payload) == pytest.approx(bits, rel=0.02, abs=100)


class NoisyFlow(torch.nn.Module):
    """A flow network that answers for the given frames, and with noise for any other."""

    def __init__(self, network, known):
        super().__init__()
        self.network, self.known, self.noisy = network, known, 0

    def forward(self, frame, reference):
        flow = self.network(frame, reference)
        if any(torch.equal(frame, one) for one in self.known):
            return flow
        self.noisy += 1
        return 10 * torch.randn_like(flow)


def test_the_decoder_needs_no_flow_of_the_frame_that_is_coded():
    """With noise for the flow of the current frame, at either end, what is decoded is what was encoded."""
    clip = moving_clip(4, 64, 64)
    undisturbed = list(small_codec().encode(clip.unbind(1), Rate()))
    frames = [e.frame for e in undisturbed]

    decoder = small_codec()
    decoder.flow = NoisyFlow(decoder.flow, frames)
    assert all(torch.equal(a, b) for a, b in zip(decode(undisturbed, decoder), frames, strict=True))
    assert decoder.flow.noisy == 0

    encoder = small_codec()
    known = []
    encoder.flow = NoisyFlow(encoder.flow, known)
    encoded = []
    for one in encoder.encode(clip.unbind(1), Rate()):
        known.append(one.frame)  # decoded by now, so its flow is the decoder's too
        encoded.append(one)
    assert encoder.flow.noisy == 3
    assert not torch.equal(encoded[3].frame, frames[3])
    decoded = decode(encoded, small_codec())
    assert all(torch.equal(a, e.frame) for a, e in zip(decoded, encoded, strict=True))


def test_a_decoder_runs_no_encoder_network():
    codec, clip = small_codec(), moving_clip(3, 64, 64)
    encoded = list(codec.encode(clip.unbind(1), Rate()))
    for module in (codec.encoder, codec.hyper_encoder, codec.intra.g_a, codec.intra.h_a):
        module.forward = None
    assert torch.equal(decode(encoded, codec)[2], encoded[2].frame)


def test_a_frame_knows_two_frames_and_two_latents_and_an_intra_frame_forgets_them():
    codec, clip = small_codec(), moving_clip(4, 64, 64)
    stream = Estimate(training=False)
    with torch.no_grad():
        states = [codec.code_frame(FrameJob("I", clip[:, 0], None, stream, Rate(), (64, 64))).state]
        for frame in clip[:, 1:].unbind(1):
            states.append(codec.code_frame(FrameJob("P", frame, states[-1], stream, Rate(), (64, 64))).state)
        predicted = [codec.predict_flow(state).abs().max() for state in states]
    assert set(states[0]) == {"frame"}
    for before, state in pairwise(states):
        assert torch.equal(state["frame_before"], before["frame"])
        assert torch.equal(state["latent_before"], before.get("latent", torch.zeros_like(state["latent"])))
    assert predicted[0] == 0 and min(predicted[1:]) > 0.1


def test_what_an_untrained_codec_decodes_is_its_reference_warped_with_the_predicted_flow():
    torch.manual_seed(0)
    codec, clip = build_codec(small_config()).eval(), moving_clip(3, 128, 128)
    state = {"frame": clip[:, 0]}
    with torch.no_grad():
        for frame in clip[:, 1:].unbind(1):
            predicted = warp(state["frame"], codec.predict_flow(state))
            coding = codec.code_frame(FrameJob("P", frame, state, Estimate(training=False), Rate(), (128, 128)))
            assert (coding.frame - predicted).square().mean() < 1e-3
            state = coding.state


def test_parts_hold_every_parameter_once():
    codec = small_codec()
    held = [p for modules in codec.parts.values() for m in modules for p in m.parameters()]
    assert len({id(p) for p in held}) == len(held) == len(list(codec.parameters()))
    assert tuple(codec.parts) == SSNVCConfig.SPEC.parts


@pytest.mark.parametrize("unets", [0, 1])
def test_dense_connections_need_something_to_connect(unets):
    with pytest.raises(ConfigError, match=rf"^model\.dense: .* unets is {unets}; use false"):
        build(ModelConfig, {"name": "ssnvc", "unets": unets}, "model")
    assert build(ModelConfig, {"name": "ssnvc", "unets": unets, "dense": False}).unets == unets
