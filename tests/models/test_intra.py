"""What every intra codec promises, alone and inside a P-frame codec."""

import pytest
import torch

from lvc.cli.summary import multiply_accumulates, parameters
from lvc.codec import FrameJob, Rate
from lvc.config.intra import INTRA_CODECS
from lvc.entropy.streams import Estimate, Read, Write
from lvc.models.build import build_codec
from tests.conftest import moving_clip, tiny_codec
from tests.models.intra_codecs import SMALL, small_codec, small_config
from tests.models.light_codecs import INTRA

SIZE = (128, 192)
names = pytest.mark.parametrize("name", SMALL)


@names
def test_read_returns_what_was_written_and_about_what_was_estimated(name):
    codec, frame = small_codec(name), moving_clip(1, *SIZE)[:, 0]
    with torch.inference_mode():
        estimated = codec.code_frame(FrameJob("I", frame, None, Estimate(training=False), Rate(), SIZE))
        writer = Write()
        written = codec.code_frame(FrameJob("I", frame, None, writer, Rate(), SIZE))
        payload = writer.payload()
        decoder = small_codec(name)
        decoder.g_a.forward = decoder.h_a.forward = None  # an encoder's networks
        reader = Read(payload)
        read = decoder.code_frame(FrameJob("I", None, None, reader, Rate(), SIZE))
        reader.finish()
    assert torch.equal(read.frame, written.frame)
    assert torch.equal(estimated.frame, written.frame)
    assert len(payload) > 300
    promised = sum(float(bits) for bits in estimated.bits.values())
    assert 8 * len(payload) == pytest.approx(promised, rel=0.02, abs=64)


@names
def test_every_parameter_learns_and_belongs_to_the_part(name):
    codec = small_codec(name).train()
    learnable = {n for n, p in codec.named_parameters() if p.requires_grad}
    coding = codec(moving_clip(1, 64, 64), Rate(), Estimate(training=True))
    (coding.frames.square().mean() + sum(bits.mean() for bits in coding.bits.values()) / 1e4).backward()
    assert {n for n, p in codec.named_parameters() if p.grad is not None} == learnable
    held = [p for module in codec.parts["intra"] for p in module.parameters()]
    assert len({id(p) for p in held}) == len(held) == len(list(codec.parameters()))


@names
def test_a_batch_is_coded_like_its_frames_one_by_one(name):
    codec = small_codec(name)
    clip = torch.cat([moving_clip(1, 64, 64, seed) for seed in range(2)])
    with torch.inference_mode():
        both = codec(clip, Rate(), Estimate(training=False))
        alone = [codec(one[None], Rate(), Estimate(training=False)) for one in clip]
    for index, coding in enumerate(alone):
        # almost everywhere: a sum in another order may round to another symbol
        assert torch.isclose(both.frames[index], coding.frames[0], atol=1e-4).float().mean() > 0.98
        for stream, bits in coding.bits.items():
            assert float(both.bits[stream][index].sum()) == pytest.approx(float(bits.sum()), rel=0.02)


@names
def test_bits_can_be_seen_where_they_were_spent(name):
    codec, stream = small_codec(name), Estimate(training=False, keep_maps=True)
    with torch.inference_mode():
        coding = codec(moving_clip(1, *SIZE), Rate(), stream)
    for latent, down in (("intra", 16), ("intra_hyper", 64)):
        assert stream.maps[latent].shape == (1, 1, SIZE[0] // down, SIZE[1] // down)
        assert float(stream.maps[latent].sum()) == pytest.approx(float(coding.bits[latent].sum()), rel=1e-4)


@pytest.mark.parametrize("name", INTRA_CODECS)
def test_p_frames_follow_any_of_them(name):
    intra = INTRA if name == "intra_light" else {"name": name, "size": "tiny", **SMALL[name]}
    clip = moving_clip(3, 64, 64)
    encoded = list(tiny_codec(intra=intra).encode(clip.unbind(1), Rate()))
    decoded = list(tiny_codec(intra=intra).decode((e.packet for e in encoded), (64, 64), Rate()))
    assert all(torch.equal(a, e.frame) for a, e in zip(decoded, encoded, strict=True))
    assert all(len(e.packet.payload) > 20 for e in encoded)


# The CompressAI ones are its own counts at these widths.
PARAMETERS = {
    "intra_light": 2_140_544,
    "intra_cheng2020": 23_738_028,
    "intra_window_attention": 31_255_672,
    "intra_bmshj2018_hyperprior": 11_816_323,
    "intra_mbt2018": 25_504_596,
    "intra_cheng2020_anchor": 26_598_956,
}


@pytest.mark.parametrize("name", INTRA_CODECS)
def test_parameters(name):
    codec = build_codec(INTRA_CODECS[name](name=name))
    assert parameters(codec)[0] == PARAMETERS[name]


def test_operations_of_a_context_model_are_counted():
    without, with_context = (
        multiply_accumulates(small_codec(name), (64, 64)) for name in ("intra_cheng2020", "intra_cheng2020_anchor")
    )
    assert with_context["decoder"] > without["decoder"]


def started(name, clips, lmbda=1024.0):
    torch.manual_seed(0)
    codec = build_codec(small_config(name)).eval()
    before = loss_of(codec, clips, lmbda)
    codec.start_from(clips, (lmbda, lmbda))
    return codec, before


def loss_of(codec, clips, lmbda):
    with torch.inference_mode():
        coding = codec(clips, Rate(), Estimate(training=False))
    bits = sum(float(bits.mean()) for bits in coding.bits.values()) / (clips.shape[-2] * clips.shape[-1])
    return bits + lmbda * float((coding.frames - clips).square().mean())


@names
def test_a_classical_start_is_far_ahead_of_the_usual_one_and_its_bits_are_real(name):
    clips = torch.cat([moving_clip(1, 64, 64, seed) for seed in range(12)])
    codec, before = started(name, clips)
    assert loss_of(codec, clips, 1024) < before / 8
    frame = clips[:1, 0]
    with torch.inference_mode():
        promised = codec.code_frame(FrameJob("I", frame, None, Estimate(training=False), Rate(), (64, 64)))
        writer = Write()
        written = codec.code_frame(FrameJob("I", frame, None, writer, Rate(), (64, 64)))
        reader = Read(writer.payload())
        read = codec.code_frame(FrameJob("I", None, None, reader, Rate(), (64, 64)))
        reader.finish()
    assert torch.equal(read.frame, written.frame)
    bits = sum(float(bits) for bits in promised.bits.values())
    assert 8 * len(writer.payload()) == pytest.approx(bits, rel=0.02, abs=64)


@names
def test_after_a_classical_start_everything_learns(name):
    clips = torch.cat([moving_clip(1, 64, 64, seed) for seed in range(2)])
    codec, _ = started(name, clips)
    parameters = {n: p for n, p in codec.train().named_parameters() if p.requires_grad}
    optimizer = torch.optim.Adam(parameters.values(), lr=1e-4)
    moved = set()
    for _ in range(4):  # what begins at 0 hides what comes before it for a step
        optimizer.zero_grad()
        coding = codec(clips, Rate(), Estimate(training=True))
        loss = 1024 * (coding.frames - clips).square().mean() + sum(b.mean() for b in coding.bits.values()) / 4096
        loss.backward()
        moved |= {n for n, p in parameters.items() if p.grad is not None and p.grad.any()}
        optimizer.step()
    assert moved == parameters.keys()


def test_a_higher_lambda_starts_with_finer_steps():
    clips = torch.cat([moving_clip(1, 64, 64, seed) for seed in range(12)])
    found = []
    for lmbda in (64.0, 4096.0):
        codec, _ = started("intra_bmshj2018_hyperprior", clips, lmbda)
        with torch.inference_mode():
            coding = codec(clips, Rate(), Estimate(training=False))
        error = float((coding.frames - clips).square().mean())
        found.append((error, sum(float(bits.sum()) for bits in coding.bits.values())))
    assert found[0][0] > found[1][0] and found[0][1] < found[1][1]
