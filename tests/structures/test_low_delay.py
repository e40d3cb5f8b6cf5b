import pytest
import torch

from lvc.bitstream.packet import Packet
from lvc.codec import FrameJob, Rate, Unrolling
from lvc.entropy.streams import Estimate
from lvc.layers.padding import pad
from lvc.structures.frame import with_clipped_gradients
from lvc.structures.low_delay import LowDelay
from tests.conftest import moving_clip, tiny_codec


def test_kinds_follow_the_intra_period():
    assert "".join(LowDelay(4).kind(i) for i in range(9)) == "IPPPIPPPI"
    assert "".join(LowDelay(1).kind(i) for i in range(3)) == "III"


def test_padding_replicates_and_reaches_the_stride():
    frame = torch.rand(1, 3, 70, 64)
    padded = pad(frame, 64)
    assert padded.shape == (1, 3, 128, 64)
    assert torch.equal(padded[..., 70:, :], frame[..., -1:, :].expand(-1, -1, 58, -1))


@pytest.mark.parametrize("period", [1, 3, 32])
def test_decoded_frames_equal_the_encoders_reconstruction(period):
    codec, other = tiny_codec(), tiny_codec()
    codec.structure = other.structure = LowDelay(period)
    frames = moving_clip(5, 72, 100).unbind(1)
    encoded = list(codec.encode(frames, Rate()))
    decoded = list(other.decode((e.packet for e in encoded), (72, 100), Rate()))
    assert all(torch.equal(a, e.frame) for a, e in zip(decoded, encoded, strict=True))
    assert "".join(e.packet.kind for e in encoded) == "".join(LowDelay(period).kind(i) for i in range(5))


def test_estimated_bits_match_the_payload():
    codec = tiny_codec()
    clip = moving_clip(4, 128, 128)
    with torch.no_grad():
        coding = codec(clip, Rate(), Estimate(training=False))
    encoded = list(codec.encode(clip.unbind(1), Rate()))
    estimated = sum(bits[0] for bits in coding.bits.values())
    for index, frame in enumerate(encoded):
        assert abs(8 * len(frame.packet.payload) - float(estimated[index])) < 0.01 * float(estimated[index]) + 128
        assert torch.equal(frame.frame, coding.frames[:, index].clamp(0, 1))


def test_state_resets_at_an_intra_frame():
    codec = tiny_codec()
    codec.structure = LowDelay(2)
    clip = moving_clip(4, 64, 64)
    whole = list(codec.encode(clip.unbind(1), Rate()))
    tail = list(codec.encode(clip[:, 2:].unbind(1), Rate()))
    assert [e.packet.payload for e in whole[2:]] == [e.packet.payload for e in tail]


def test_packets_are_decoded_as_they_come():
    codec = tiny_codec()
    encoded = list(codec.encode(moving_clip(3, 64, 64).unbind(1), Rate()))
    taken = []

    def source():
        for e in encoded:
            taken.append(e.packet.index)
            yield Packet(e.packet.kind, e.packet.index, e.packet.payload)

    frames = codec.decode(source(), (64, 64), Rate())
    next(frames)
    assert taken == [0]


@pytest.mark.parametrize("checkpointing", [False, True])
def test_gradients_reach_earlier_frames_only_when_attached(checkpointing):
    codec = tiny_codec().train()
    codec.intra.requires_grad_(False).eval()
    clip = moving_clip(3, 64, 64)
    gradients = {}
    for detach in (False, True):
        codec.zero_grad()
        torch.manual_seed(0)
        codings = list(codec.structure.unroll(codec, clip, Rate(), Estimate(True), Unrolling(detach, checkpointing)))
        codings[-1].frame.square().mean().backward()
        gradients[detach] = codec.adapt_frame.weight.grad
    # the intra frame's adaptor serves the first P frame only
    assert gradients[False].abs().sum() > 0
    assert gradients[True] is None


def test_checkpointing_changes_no_gradient():
    clip = moving_clip(3, 64, 64)
    found = []
    for checkpointing in (False, True):
        codec = tiny_codec().train()
        codec.intra.requires_grad_(False).eval()
        torch.manual_seed(0)
        codings = list(
            codec.structure.unroll(codec, clip, Rate(), Estimate(True), Unrolling(checkpointing=checkpointing))
        )
        sum(c.frame.square().mean() + sum(b.mean() for b in c.bits.values()) / 1e4 for c in codings[1:]).backward()
        found.append([p.grad for p in codec.parameters() if p.grad is not None])
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(*found, strict=True))


def test_frames_have_the_quality_of_their_place():
    structure = LowDelay(4, intra_offset=6.0, offsets=(-2.0, 3.0))
    rate = Rate(q=torch.tensor([20.0]))
    seen = [float(rate.at(index, structure.offset(index % 4)).q) for index in range(6)]
    assert seen == [26, 18, 23, 18, 26, 18]
    by_frame = Rate(q=torch.tensor([[20.0, 30.0]]), lmbda=torch.tensor([[1.0, 2.0]]))
    assert float(by_frame.at(1).q) == 30 and float(by_frame.at(1).lmbda) == 2


def test_a_refresh_hands_on_the_picture_alone():
    state = {"frame": torch.ones(1), "feature": torch.ones(1)}
    structure = LowDelay(32, refresh=3)
    known = [sorted(structure.referred(state, position)) for position in range(1, 7)]
    assert known == [["feature", "frame"]] * 2 + [["frame"]] + [["feature", "frame"]] * 2 + [["frame"]]
    codec, other = tiny_codec(), tiny_codec()
    codec.structure = other.structure = LowDelay(32, refresh=2)
    clip = moving_clip(5, 64, 64)
    encoded = list(codec.encode(clip.unbind(1), Rate()))
    decoded = list(other.decode((e.packet for e in encoded), (64, 64), Rate()))
    assert all(torch.equal(a, e.frame) for a, e in zip(decoded, encoded, strict=True))
    codec.structure = LowDelay(32)
    plain = list(codec.encode(clip.unbind(1), Rate()))
    same = [a.packet.payload == b.packet.payload for a, b in zip(encoded, plain, strict=True)]
    assert same[:2] == [True, True] and not all(same[2:])


def test_gradients_between_frames_are_clipped_and_those_of_a_frames_own_loss_are_not():
    state = {"frame": (leaf := torch.randn(2, 3, requires_grad=True)) * 1.0, "kind": "P"}
    kept = with_clipped_gradients(state, most=0.5)
    (1e6 * kept["frame"][0].sum() + 1e-3 * kept["frame"][1].sum() + 7 * state["frame"].sum()).backward()
    assert float((leaf.grad[0] - 7).norm()) == pytest.approx(0.5, rel=1e-3)
    torch.testing.assert_close(leaf.grad[1] - 7, torch.full((3,), 1e-3), atol=1e-5, rtol=1e-2)
    assert kept["kind"] == "P"


def test_the_first_frame_can_be_the_original():
    codec, clip = tiny_codec(), moving_clip(2, 64, 64)
    intra, inter = codec.structure.unroll(codec, clip, Rate(), Estimate(training=False), Unrolling(first="original"))
    assert torch.equal(intra.frame, clip[:, 0]) and intra.bits == {}
    with torch.no_grad():
        again = codec.code_frame(
            FrameJob("P", clip[:, 1], {"frame": clip[:, 0]}, Estimate(training=False), Rate(), (64, 64))
        )
    assert torch.equal(inter.frame, again.frame)
