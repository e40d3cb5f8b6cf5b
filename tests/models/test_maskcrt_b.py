import pytest
import torch

from lvc.cli.summary import model_config, multiply_accumulates, parameters
from lvc.codec import FrameJob, Rate
from lvc.config.contract import ConfigError, build
from lvc.config.maskcrt_b import MaskCRTBConfig, SwinConfig
from lvc.config.model import ModelConfig
from lvc.entropy.streams import Estimate
from lvc.layers.adaptation import one_hot
from lvc.layers.swin import ConditionalAttention
from lvc.models.build import build_codec
from tests.conftest import moving_clip

# Parameters of the released P-frame network with frame types and with inputs for two references, by module.
MODULES = {
    "flow": 1_200_250,
    "predictor": 6_810_912,
    "motion": 6_412_196,
    "synthesis": 2_837_213,
    "frame": 17_008_867,
    "mask": 222_753,
}
SWIN = {
    "widths": [12, 12, 12],
    "depths": [1, 1, 2],
    "heads": 2,
    "window": 4,
    "hyper_channels": 12,
    "prior_channels": 12,
    "fusion_channels": 16,
}
PLAIN = {"channel_transform": False, "context": False}


def tiny_config(**changes):
    base = {
        "name": "maskcrt_b",
        "size": "tiny",
        "motion": {**SWIN, **PLAIN, "strides": [4, 2, 2]},
        "frame": SWIN,
        "predictor": {"channels": [8, 8, 8], "blocks": 1},
        "synthesis": {"widths": [8, 8, 8], "columns": 3},
        "flow": {"levels": 3, "widths": [4, 4, 4, 4]},
        "structure": {"gop": 2, "intra_period": 2},
        "intra": {"name": "intra_cheng2020", "size": "tiny", "channels": 8},
    }
    return build(ModelConfig, {**base, **changes})


def tiny_codec(**changes):
    """A codec of a fixed seed whose latents are large enough to code symbols other than 0."""
    torch.manual_seed(0)
    codec = build_codec(tiny_config(**changes)).eval()
    with torch.no_grad():
        for swin in (codec.motion, codec.frame):
            swin.down[-1][0].layer.weight.mul_(3)
            swin.fusion[-1].layer.bias[:12] += 2
        for affine in codec.parts["adaptation"]:
            affine[2].weight.normal_(0, 0.1)
    return codec


@pytest.fixture(scope="module")
def full():
    return build_codec(MaskCRTBConfig(name="maskcrt_b")).eval()


def test_parameters_equal_those_of_the_released_modules(full):
    assert {name: sum(p.numel() for p in getattr(full, name).parameters()) for name in MODULES} == MODULES
    assert parameters(full)[0] == sum(MODULES.values()) == 34_492_191


def test_operations_are_those_of_omras_table(full):
    assert multiply_accumulates(full, (256, 256))["encoder"] / 256**2 / 1e6 == pytest.approx(2.03, rel=0.03)


@pytest.mark.parametrize(
    ("changes", "size"),
    [({}, (100, 128)), ({"frame": {**SWIN, **PLAIN}}, (128, 128)), ({"mask": False}, (100, 130))],
    ids=str,
)
def test_what_trains_and_what_is_decoded(changes, size):
    codec, other = tiny_codec(**changes), tiny_codec(**changes)
    clip = moving_clip(4, *size)
    encoded = list(codec.encode(clip.unbind(1), Rate()))
    decoded = list(other.decode((e.packet for e in encoded), size, Rate()))
    assert [e.packet.kind for e in encoded] == ["I", "I", "b", "P"]
    assert [frame.shape[-2:] for frame in decoded] == [size] * 4
    assert all(torch.equal(decoded[e.packet.index], e.frame) for e in encoded)
    assert all(len(e.packet.payload) > 40 for e in encoded if e.packet.kind != "I")

    codec.train()
    coding = codec(moving_clip(4, 128, 128), Rate(), Estimate(training=True))
    terms = [coding.frames.square().mean(), *(d.mean() for d in coding.distortions.values())]
    (sum(terms) + sum(b.mean() for b in coding.bits.values()) / 1e4).backward()
    assert not [n for n, p in codec.named_parameters() if p.requires_grad and p.grad is None]
    assert set(coding.distortions) == {*MaskCRTBConfig.SPEC.motion.distortions, *MaskCRTBConfig.SPEC.distortions}


def test_estimated_bits_match_the_payload():
    codec = tiny_codec()
    clip = moving_clip(3, 128, 128)
    with torch.no_grad():
        coding = codec(clip, Rate(), Estimate(training=False))
    estimated = sum(bits[0] for bits in coding.bits.values())
    for e in codec.encode(clip.unbind(1), Rate()):
        index = e.packet.index
        assert abs(8 * len(e.packet.payload) - float(estimated[index])) < 0.01 * float(estimated[index]) + 128
        assert torch.equal(e.frame, coding.frames[:, index].clamp(0, 1))


def test_bits_are_mapped_to_where_they_are_spent():
    codec = tiny_codec()
    stream = Estimate(training=False, keep_maps=True)
    frame, past, future = moving_clip(3, 128, 128).unbind(1)
    with torch.no_grad():
        coding = codec.code_frame(
            FrameJob("b", frame, ({"frame": past}, {"frame": future}), stream, Rate(), (128, 128))
        )
    assert stream.maps["frame"].shape == (1, 1, 8, 8)
    assert float(stream.maps["frame"].sum()) == pytest.approx(float(coding.bits["frame"].sum()), rel=1e-4)


def test_parts_hold_every_parameter_once():
    codec = tiny_codec()
    held = [p for modules in codec.parts.values() for m in modules for p in m.parameters()]
    assert len({id(p) for p in held}) == len(held) == len(list(codec.parameters()))
    assert tuple(codec.parts) == MaskCRTBConfig.SPEC.parts


def test_attention_stays_within_windows_and_sees_signal_and_condition():
    torch.manual_seed(0)
    kind = one_hot(0, 2, torch.zeros(1))
    for shift, reached in ((0, {(0, 0)}), (2, {(0, 0), (0, 4), (4, 0), (4, 4)})):
        attention = ConditionalAttention(8, 2, 4, shift, 2)
        both = torch.randn(2, 8, 8, 8)
        changed = both.clone()
        changed[0, 3, 3] += 1  # a token of the signal, at the corner of the first window
        with torch.no_grad():
            difference = (attention(both, kind) - attention(changed, kind)).abs().sum(3)
        windows = {(y, x) for y in (0, 4) for x in (0, 4) if difference[:, y : y + 4, x : x + 4].max() > 1e-6}
        assert windows == reached
        assert difference[0].max() > 1e-6 and difference[1].max() > 1e-6
    # what was cut apart by the border is not joined by the cyclic shift
    assert difference[:, 0, 0].max() < 1e-6 and difference[:, 7, 7].max() < 1e-6


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"strides": [2, 2, 2]}, "frame.strides: [2, 2, 2] make no 16"),
        ({"widths": [96, 100, 192]}, "frame.widths: 100 is no multiple of 2 and of the 8 heads"),
    ],
)
def test_impossible_widths_are_refused(options, message):
    with pytest.raises(ConfigError) as error:
        build(SwinConfig, options, "frame")
    assert str(error.value).startswith(message)


@pytest.mark.parametrize("size", ["tiny", "full"])
def test_an_untrained_codec_carries_motion(size):
    """As far as its cells of 16 pixels can tell motion, and away from the borders."""
    torch.manual_seed(0)
    codec = build_codec(model_config("maskcrt_b", [f"size={size}"])).eval()
    y, x = torch.meshgrid(torch.linspace(-6, 6, 128), torch.linspace(3, 9, 128), indexing="ij")
    flows = torch.stack([x, y, -x, y / 2])[None]
    with torch.no_grad():
        stream = Estimate(training=False)
        decoded = codec.motion.code(flows, torch.zeros_like(flows), one_hot(0, 2, flows), stream).signal
    error = (decoded - flows)[..., 16:-16, 16:-16].abs().mean()
    assert error < 0.1 * flows.abs().mean()
