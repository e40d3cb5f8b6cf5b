"""Groups chosen by content: decoded to the bit, never dearer than one group, and told by the file alone."""

from dataclasses import replace
from fractions import Fraction

import pytest
import torch

from lvc.bitstream.container import file_header
from lvc.bitstream.packet import Packet, join_layers, split_layers
from lvc.codec import EncodedFrame, Rate
from lvc.coding.settings import EncodeOptions
from lvc.coding.video import cut_video, decode_video, encode_video
from lvc.config.adaptive_gop import AdaptiveGOPConfig
from lvc.config.contract import ConfigError, build
from lvc.config.model import ModelConfig
from lvc.entropy.streams import Write
from lvc.errors import BitstreamError, UserError
from lvc.export import load_export, save_export
from lvc.structures.adaptive_gop import AdaptiveGOP, frame_cost, of_header
from tests.conftest import moving_clip, tiny_pmctf, tiny_pmctf_config

LMBDA = 1000.0
RATE = Rate(q=torch.tensor([12.0]), lmbda=torch.tensor([LMBDA]))
LOSS = {"config": {"loss": {"lmbda": 195.075, "lmbda_max": 5267.025, "metric": "mse"}}}
WORD = 32
FAST = {"levels": 1, "ll_context": "four_step"}


def choice(search="exhaustive", **options):
    return AdaptiveGOP(AdaptiveGOPConfig(adaptive=True, search=search, **options))


def told_to_take(spans):
    """A choice that takes these groups of a block, each with its factor, whatever they cost."""
    chosen = choice(gops=(2,))
    chosen.best = lambda block, rate, write: (
        frame for *span, factor in spans for frame in write(span, replace(chosen.scale, factor=factor))
    )
    return chosen


def codec_of(gop, chosen=None, **changes):
    """A small codec with motion enough for blocks of ``gop`` frames."""
    levels = gop.bit_length() - 1
    codec = tiny_pmctf(temporal_levels=levels, structure={"gop": gop}, **FAST, **changes)
    codec.structure.choice = chosen
    return codec


def clip(frames, height=64, width=64):
    return list(moving_clip(frames, height, width).unbind(1))


def lengths(sent):
    """Lengths of the groups that were coded."""
    return [1 + len(high) for high in "".join(s.packet.kind for s in sent).split("L")[1:]]


def cost(sent, frames):
    return sum(frame_cost(s, frames[s.packet.index], LMBDA) for s in sent)


@pytest.mark.parametrize("chroma", ["420", "444"])
@pytest.mark.parametrize(
    "spans",
    [
        [(0, 2, 2)],
        [(0, 4, 4)],
        [(0, 4, 1), (4, 2, 2), (6, 2, 4)],
        [(0, 16, 4)],
    ],
    ids=str,
)
def test_groups_of_any_mixture_are_decoded_as_they_were_coded(spans, chroma):
    gop = spans[-1][0] + spans[-1][1]
    codec = codec_of(gop, told_to_take(spans), chroma=chroma)
    sent = list(codec.encode(clip(gop, 64, 70), RATE))
    assert lengths(sent) == [length for _, length, _ in spans]
    factors = {start: factor for start, _, factor in spans}
    for s in sent:
        start = max(at for at in factors if at <= s.packet.index)
        assert s.motion_factor == (None if s.packet.kind == "L" else factors[start])
    assert [s.bits["resolution"] for s in sent if "resolution" in s.bits] == [2.0] * len(spans)
    fresh = codec_of(gop, of_header(codec.structure.describe()), chroma=chroma)
    decoded = list(fresh.decode((s.packet for s in sent), (64, 70), Rate(q=RATE.q)))
    assert all(torch.equal(decoded[s.packet.index], s.frame) for s in sent)


@pytest.mark.parametrize("chroma", ["420", "444"])
def test_every_level_is_undone_by_its_own_filters(chroma, monkeypatch):
    """Bands that are not rounded give the frames back, luma and chroma, from groups of unlike depth."""
    codec = codec_of(8, told_to_take([(0, 4, 2), (4, 2, 1), (6, 2, 4)]), chroma=chroma)
    monkeypatch.setattr(codec, "code_band", lambda planes, *_: (planes, {}))
    frames = clip(8)
    for s in codec.encode(frames, RATE):
        as_planes = codec.join(codec.split(frames[s.packet.index], False)).clamp(0, 1)
        assert torch.allclose(s.frame, as_planes, atol=1e-4)


@pytest.mark.parametrize("search", ["early_stop", "exhaustive"])
def test_a_block_costs_no_more_than_one_group_and_tails_of_any_length_decode(search):
    codec, frames = codec_of(4, choice(search, gops=(4, 2), factors=(1, 2))), clip(7)
    sent = list(codec.encode(frames, RATE))
    fixed = list(codec_of(4).encode(frames, RATE))
    for block in (range(4), range(4, 7)):
        own, whole = ([s for s in coded if s.packet.index in block] for coded in (sent, fixed))
        # the choice itself, and the rounding of payloads to words, per group
        assert cost(own, frames) <= cost(whole, frames) + len(lengths(whole)) * WORD / 64**2
    assert [s.packet.index for s in sent if s.packet.kind == "L"][-1] == 6
    fresh = codec_of(4, of_header(codec.structure.describe()))
    decoded = list(fresh.decode((s.packet for s in sent), (64, 64), Rate(q=RATE.q)))
    assert [torch.equal(decoded[s.packet.index], s.frame) for s in sent] == [True] * 7


@pytest.mark.parametrize("search", ["early_stop", "exhaustive"])
def test_a_single_candidate_is_the_group_as_it_was(search):
    frames = clip(3)
    chosen = codec_of(2, choice(search, gops=(2,), factors=(1,)))
    for a, b in zip(codec_of(2).encode(frames, RATE), chosen.encode(frames, RATE), strict=True):
        assert a.packet == b.packet and a.bits == b.bits and torch.equal(a.frame, b.frame)


def searched(search, costs, frames=16):
    """Groups that a search takes, and those it tries, where one of a length and factor costs so many bytes a frame."""
    still, tried = torch.zeros(1, 3, 128, 128), []

    def write(span, scale):
        group = (*span, scale.factor)
        tried.append(group)
        for place in range(span[1]):
            spent = costs.get(group, costs.get(group[1:], 9))
            yield EncodedFrame(Packet("H" if place else "L", 32 + span[0] + place, bytes(spent)), still, {"of": group})

    taken = choice(search).best([still] * frames, Rate(), write)
    return list(dict.fromkeys(frame.bits["of"] for frame in taken)), tried


def test_early_stop_halves_groups_then_motion_until_one_costs_more():
    costs = {(16, 1): 8, (8, 1): 6, (4, 1): 7, (8, 2): 5, (8, 4): 5, (8, 8): 6}
    taken, tried = searched("early_stop", costs)
    assert taken == [(0, 8, 4), (8, 8, 4)]
    assert [group[1:] for group in tried if group[0] == 0] == [(16, 1), (8, 1), (4, 1), (8, 2), (8, 4), (8, 8)]
    taken, tried = searched("early_stop", {(16, 1): 8})
    assert taken == [(0, 16, 1)] and [group[1:] for group in tried] == [(16, 1), (8, 1), (8, 1), (16, 2)]
    assert searched("early_stop", {(1, 1): 5}, frames=1) == ([(0, 1, 1)], [(0, 1, 1)])


def test_an_exhaustive_search_splits_where_it_pays():
    costs = {(16, 1): 8, (16, 4): 7, (8, 2): 6, (8, 8, 8): 9, (8, 4, 1): 2, (12, 4, 2): 3}
    taken, tried = searched("exhaustive", costs)
    assert taken == [(0, 8, 2), (8, 4, 1), (12, 4, 2)]
    assert len(tried) == len(set(tried)) == (1 + 2 + 4) * 4
    taken, _ = searched("exhaustive", costs, frames=13)
    assert taken == [(0, 8, 2), (8, 4, 1), (12, 1, 1)]


def test_factors_that_frames_are_too_small_for_are_left_out_and_said_once(caplog):
    codec = codec_of(2, choice(gops=(2,), factors=(1, 4, 8)))
    sent = list(codec.encode(clip(4, 64, 96), RATE))
    assert {s.motion_factor for s in sent} <= {None, 1, 4}
    decoder = codec_of(2, of_header(codec.structure.describe()))
    list(decoder.decode((s.packet for s in sent), (64, 96), Rate(q=RATE.q)))
    said = [record.getMessage() for record in caplog.records]
    assert said == ["frames of 96x64 are too small for motion at 1/8: left out"]


def test_a_choice_that_is_damaged_is_noticed():
    codec = codec_of(2, told_to_take([(0, 2, 1)]))
    packets = [s.packet for s in codec.encode(clip(2, 64, 160), RATE)]

    def decoded(option, size):
        stream = Write()
        stream.layer()
        stream.choose(option, 4)
        _, *layers = split_layers(packets[1].payload)
        damaged = replace(packets[1], payload=join_layers([*split_layers(stream.payload()), *layers]))
        return list(codec_of(2, choice(gops=(2,))).decode([packets[0], damaged], size, Rate(q=RATE.q)))

    with pytest.raises(BitstreamError, match="damaged choice: motion at 1/8 of frames of 160x64, which are too small"):
        decoded(3, (64, 160))
    with pytest.raises(BitstreamError, match="out of step"):
        decoded(2, (64, 160))


@pytest.fixture(scope="module")
def export(tmp_path_factory):
    """A codec of blocks of 8 frames, trained between two lambdas as its provenance says."""
    changes = {"temporal_levels": 3, "structure": {"gop": 8}, **FAST}
    path = tmp_path_factory.mktemp("export") / "pmctf.safetensors"
    return save_export(path, tiny_pmctf(**changes), tiny_pmctf_config(**changes), LOSS)


def test_a_file_says_how_and_loses_levels_whatever_the_lengths_of_its_groups(export, tmp_path):
    coding = load_export(export)
    coding.codec.structure.choice = told_to_take([(0, 4, 2), (4, 2, 1), (6, 2, 4)])
    sent = {s.packet.index: s for s in encode_video(coding, clip(8), tmp_path / "a.lvc", Fraction(30))}
    described = file_header(tmp_path / "a.lvc").structure["adaptive"]
    assert described == {"factors": [1, 2, 4, 8], "filter": "bilinear"}
    whole = list(decode_video(tmp_path / "a.lvc", load_export(export)))
    assert all(torch.equal(frame, sent[index].frame) for index, frame in enumerate(whole))
    for level, kept in ((2, 2), (3, 1)):
        cut_video(tmp_path / "a.lvc", tmp_path / "b.lvc", 1, level)
        fewer = list(decode_video(tmp_path / "b.lvc", load_export(export)))
        same = list(decode_video(tmp_path / "a.lvc", load_export(export), 1, level))
        assert [frame.shape for frame in fewer] == [(1, 3, 32, 32)] * kept
        assert all(torch.equal(a, b) for a, b in zip(fewer, same, strict=True))


def test_lambda_is_that_of_the_quality_and_a_lambda_given_takes_its_place(export, tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(AdaptiveGOP, "best", lambda self, block, rate, write: seen.append((self, rate)) or ())
    for options, q in (({}, 0), ({}, 20), ({"lmbda": 7}, 20)):
        adaptive = AdaptiveGOPConfig(adaptive=True, gops=(8, 4), **options)
        with pytest.raises(UserError, match="no frame to encode"):
            list(
                encode_video(
                    load_export(export),
                    clip(1),
                    tmp_path / "a.lvc",
                    Fraction(30),
                    options=EncodeOptions(q=q, adaptive=adaptive),
                )
            )
    assert [rate.lmbda and round(float(rate.lmbda), 2) for _, rate in seen] == [195.07, 5267.03, None]
    assert [chosen.lmbda for chosen, _ in seen] == [None, None, 7]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"gops": [16, 12]}, r"^structure\.gops: 12 is no power of two"),
        ({"gops": [4, 8]}, r"^structure\.gops: \[4, 8\] do not descend; try \[8, 4\]"),
        ({"factors": [1, 3]}, r"^structure\.factors: 3 is no power of two from 1 to 64"),
        ({"search": "fast"}, r"^structure\.search: 'fast' is not one of 'early_stop' or 'exhaustive'"),
    ],
    ids=str,
)
def test_candidates_that_cannot_be_are_refused(options, said):
    with pytest.raises(ConfigError, match=said):
        build(AdaptiveGOPConfig, options, "structure")


def test_candidates_that_do_not_fit_the_blocks_are_refused(export, tmp_path):
    with pytest.raises(ConfigError, match=r"^model\.structure\.gops: none of \[16, 8\] fits into blocks of 4 frames"):
        build(ModelConfig, {"name": "pmctf_l", "structure": {"gop": 4, "adaptive": True, "gops": [16, 8]}}, "model")
    adaptive, target = AdaptiveGOPConfig(adaptive=True), tmp_path / "a.lvc"
    with pytest.raises(UserError, match=r"^structure\.gops: none of \[16, 8, 4\] fits into blocks of 2 frames"):
        list(
            encode_video(
                load_export(export), [], target, Fraction(30), options=EncodeOptions(intra_period=2, adaptive=adaptive)
            )
        )


def test_what_cannot_be_is_said_before_a_file_is_begun(export, tiny_export, tmp_path):
    adaptive, target = AdaptiveGOPConfig(adaptive=True), tmp_path / "a.lvc"
    with pytest.raises(UserError, match=r"^structure\.adaptive: dcvc_tcm has no groups that could be split"):
        list(encode_video(load_export(tiny_export), [], target, Fraction(30), options=EncodeOptions(adaptive=adaptive)))
    bare = load_export(export)
    bare.info["provenance"] = {}
    with pytest.raises(UserError, match=r"does not say its lambda; give structure\.lmbda"):
        list(encode_video(bare, [], target, Fraction(30), options=EncodeOptions(adaptive=adaptive)))
    assert not list(tmp_path.iterdir())


def test_a_header_that_asks_for_the_unknown_is_refused():
    with pytest.raises(BitstreamError, match=r"^not decodable: structure\.factors: 5 is no power of two"):
        of_header({"name": "mctf", "gop": 8, "adaptive": {"factors": [5], "filter": "box"}})
    assert of_header({"name": "mctf", "gop": 8}) is None
