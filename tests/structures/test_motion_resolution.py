from fractions import Fraction

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from lvc.codec import FrameJob, Rate
from lvc.coding.settings import EncodeOptions
from lvc.coding.video import decode_video, encode_video
from lvc.config.contract import ConfigError, build
from lvc.config.model import ModelConfig
from lvc.config.motion_resolution import MotionResolutionConfig
from lvc.config.parts import shipped_flow
from lvc.datasets.frames import to_tensor
from lvc.datasets.video import VideoReader
from lvc.entropy.streams import Estimate
from lvc.errors import BitstreamError, UserError
from lvc.export import load_export, save_export
from lvc.models.build import build_codec
from lvc.motion.resolution import MotionScale
from lvc.structures.motion_resolution import MotionResolution, of_header
from tests.conftest import moving_clip, tiny_codec, tiny_config
from tests.models import codec_b_canf, test_maskcrt_b

CODECS = {
    "dcvc_tcm": tiny_codec,
    "b_canf": codec_b_canf.tiny_codec,
    "maskcrt_b": test_maskcrt_b.tiny_codec,
}
RATE = Rate(lmbda=torch.tensor([1024.0]))


def choice(search="exhaustive", **options):
    return MotionResolution(MotionResolutionConfig(search=search, **options))


def told_to_take(factors, **options):
    """A choice that takes these factors, frame after frame."""
    chosen, left = choice(**options), iter(factors)
    chosen._allowed = lambda *_: [next(left)]
    return chosen


def decode(make, encoded, size, header):
    other = make()
    other.structure = other.structure.of_header({"motion_resolution": header}, other.spec)
    return list(other.decode((e.packet for e in encoded), size, Rate()))


@pytest.mark.parametrize("make", CODECS.values(), ids=CODECS)
def test_factor_one_alone_is_the_codec_as_it_was(make):
    clip = moving_clip(3, 72, 100)
    plain, chosen = make(), make()
    chosen.structure.choice = choice(factors=(1,))
    for a, b in zip(plain.encode(clip.unbind(1), Rate()), chosen.encode(clip.unbind(1), RATE), strict=True):
        assert a.packet == b.packet and torch.equal(a.frame, b.frame)
        assert b.bits.pop("resolution", 0) == 0 and a.bits == b.bits


@pytest.mark.parametrize("make", CODECS.values(), ids=CODECS)
def test_frames_of_any_mixture_are_decoded_as_they_were_coded(make):
    codec, clip = make(), moving_clip(5, 128, 140)
    codec.structure.choice = told_to_take([4, 1, 8, 2])
    encoded = list(codec.encode(clip.unbind(1), RATE))
    decoded = decode(make, encoded, (128, 140), codec.structure.choice.describe())
    assert all(torch.equal(decoded[e.packet.index], e.frame) for e in encoded)
    predicted = [e for e in encoded if e.packet.kind != "I"]
    assert [e.motion_factor for e in predicted] == [4, 1, 8, 2][: len(predicted)]
    for e in predicted:
        assert e.bits["resolution"] == 2
        assert sum(e.bits.values()) == pytest.approx(8 * len(e.packet.payload))
    small, large = (next(e.bits["motion"] for e in predicted if e.motion_factor == f) for f in (4, 1))
    assert small < large


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("b_canf", {"variant": "A"}),
        ("b_canf", {"variant": "B", "filter": "bilinear"}),
        ("maskcrt_b", {"variant": "A", "filter": "bilinear"}),
        ("maskcrt_b", {"variant": "B"}),
        ("dcvc_tcm", {"variant": "A", "filter": "antialiased"}),
    ],
    ids=str,
)
def test_the_papers_variants_are_decoded_too(name, options):
    make, clip = CODECS[name], moving_clip(3, 128, 128)
    frames = {}
    for variant in ("omra", options["variant"]):
        codec = make()
        codec.structure.choice = told_to_take([4, 4, 4, 4], **{**options, "variant": variant})
        encoded = list(codec.encode(clip.unbind(1), RATE))
        decoded = decode(make, encoded, (128, 128), codec.structure.choice.describe())
        assert all(torch.equal(decoded[e.packet.index], e.frame) for e in encoded)
        frames[variant] = next(e.frame for e in encoded if e.packet.kind != "I")
    assert not torch.equal(*frames.values())


@pytest.mark.parametrize("make", CODECS.values(), ids=CODECS)
def test_what_is_chosen_costs_no_more_than_full_size(make):
    codec, clip = make(), moving_clip(2, 128, 128)
    frame, past = clip[:, 1], {"frame": clip[:, 0]}
    kind, state = ("P", past) if make is tiny_codec else ("b", (past, {"frame": clip[:, 0].flip(-1)}))

    def trial(**options):
        with torch.inference_mode():
            job = FrameJob(kind, frame, state, None, RATE, (128, 128))
            return choice(**options).best(codec, job, (120, 128), 1)

    costs = {}
    for factor in (1, 2, 4, 8):
        one = trial(factors=(factor,))
        error = (one.coding.frame[..., :120, :].clamp(0, 1) - frame[..., :120, :]).square().mean()
        costs[factor] = 1024 * float(error) + 8 * len(one.payload) / (120 * 128)
    best = trial()
    # a lone factor is not signalled: that word at most is the difference
    assert best.cost <= costs[1] + 32 / (120 * 128)
    assert best.cost == pytest.approx(min(costs.values()), abs=33 / (120 * 128))
    assert best.cost <= trial(search="early_stop").cost <= costs[1] + 32 / (120 * 128)


def test_cheaper_searches_code_less(monkeypatch):
    codec, clip = tiny_codec(), moving_clip(2, 128, 128)
    calls = []
    code = codec.code_frame
    monkeypatch.setattr(codec, "code_frame", lambda job: calls.append(job.scale.factor) or code(job))

    def coded(search, distance=8):
        calls.clear()
        with torch.inference_mode():
            job = FrameJob("P", clip[:, 1], {"frame": clip[:, 0]}, None, RATE, (128, 128))
            trial = choice(search).best(codec, job, (128, 128), distance)
        return trial.factor, list(calls)

    assert coded("exhaustive")[1] == [1, 2, 4, 8]
    assert [coded("by_level", distance)[1] for distance in (1, 2, 8)] == [[1, 2], [1, 2, 4], [1, 2, 4, 8]]
    factor, only = coded("ranked")
    assert only == [factor]
    assert coded("early_stop")[1] in ([1, 2], [1, 2, 4], [1, 2, 4, 8])


@pytest.mark.parametrize(("model", "times_plain", "shared"), [("b_canf", 2.62, 2.55), ("maskcrt_b", 2.91, 2.81)])
def test_an_exhaustive_search_takes_the_operations_of_the_papers_model(model, times_plain, shared):
    """1.328 F + 4 K, with F of motion at full size, and K of all that follows it (OMRA, Sec. 4.5.3).

    Less what all factors share: what synthesis sees of the references.
    """
    codec = build_codec(build(ModelConfig, {"name": model, "intra": {"name": "intra_cheng2020", "channels": 8}}))
    codec.eval().to("meta")
    frame, size = torch.zeros(1, 3, 512, 512, device="meta"), (512, 512)
    state = ({"frame": frame}, {"frame": frame})

    def operations(code):
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            code()
        return counter.get_total_flops()

    def whole(factor, state=state):
        stream = Estimate(training=False)
        codec.code_frame(FrameJob("B", frame, state, stream, Rate(), size, scale=MotionScale(factor)))

    def searching():
        prepared = codec.prepared(state)
        for factor in (1, 2, 4, 8):
            whole(factor, prepared)

    motion = operations(lambda: codec.code_motion("B", frame, (frame, frame), Estimate(training=False)))
    plain = operations(lambda: whole(1))
    searched = plain + sum(operations(lambda factor=factor: whole(factor)) for factor in (2, 4, 8))
    assert searched == pytest.approx(1.328 * motion + 4 * (plain - motion), rel=0.01)
    assert searched / plain == pytest.approx(times_plain, abs=0.02)
    assert operations(searching) / plain == pytest.approx(shared, abs=0.02)


@pytest.mark.parametrize("make", [codec_b_canf.tiny_codec, test_maskcrt_b.tiny_codec])
def test_a_search_looks_at_the_references_once(make, monkeypatch):
    codec, clip, seen = make(), moving_clip(3, 128, 128), []
    features = codec.synthesis.features
    monkeypatch.setattr(codec.synthesis, "features", lambda frame: seen.append(frame) or features(frame))
    codec.structure.choice = choice()
    encoded = list(codec.encode(clip.unbind(1), RATE))
    assert len(seen) == 2 * sum(e.packet.kind != "I" for e in encoded) and all(len(e.tried) in (0, 4) for e in encoded)
    monkeypatch.setattr(codec, "prepared", lambda state: state)
    assert [e.packet for e in codec.encode(clip.unbind(1), RATE)] == [e.packet for e in encoded]


def test_candidates_are_the_likeliest_and_the_cheapest_of_them_is_taken(monkeypatch):
    codec, clip = tiny_codec(), moving_clip(2, 128, 128)
    likely = {1: 0.4, 2: 0.1, 4: 0.2, 8: 0.3}
    monkeypatch.setattr(codec, "warped", lambda kind, frame, state, scale: frame + likely[scale.factor])
    with torch.inference_mode():
        job = FrameJob("P", clip[:, 1], {"frame": clip[:, 0]}, None, RATE, (128, 128))
        both = choice("ranked", candidates=2).best(codec, job, (128, 128), 1)
        narrow = choice(factors=(2, 4)).best(codec, job, (128, 128), 1)
    assert both.factor in (2, 4) and both.factor == narrow.factor
    assert choice("ranked", candidates=2).compares_costs and not choice("ranked").compares_costs


def test_factors_that_a_frame_is_too_small_for_are_left_out_and_said_once(caplog):
    codec = tiny_codec()
    codec.structure.choice = choice()
    encoded = list(codec.encode(moving_clip(3, 40, 64).unbind(1), RATE))
    assert {e.motion_factor for e in encoded[1:]} <= {1, 2}
    said = [record.getMessage() for record in caplog.records]
    assert said == ["frames of 64x40 are too small for motion at 1/4, 8: left out"]


@pytest.mark.parametrize(
    ("widths", "best"),
    [((32, 64, 32, 16), {8: (1,), 64: (2,), 96: (4, 8)}), ((8, 16, 8, 8), {4: (1,), 64: (2, 4), 96: (4, 8)})],
    ids=["full", "tiny"],
)
def test_a_large_pan_is_seen_best_at_a_lower_resolution(clips, widths, best):
    """Motion beyond the flow network's reach comes into it where frames are smaller (OMRA, Sec. 4.3).

    A pan to the side and a quarter as far down; the end-point error in pixels, away from the borders.
    """
    network = load_export(shipped_flow(widths), codec_only=False).codec.float()
    scene = to_tensor(next(iter(VideoReader(clips / "test" / "bee_576x324.mkv"))))

    def error(pan, factor):
        scale, down = MotionScale(factor), pan // 4
        frame, reference = scene[..., :256, :448], scene[..., down : down + 256, pan : pan + 448]
        small = [scale.reduce(picture, network.stride) for picture in (frame, reference)]
        flow = scale.enlarge_flow(network(*small), (256, 448))
        truth = -torch.tensor([pan, down]).view(1, 2, 1, 1)
        return float((flow - truth)[..., down + 16 : -16, pan + 16 : -16].norm(dim=1).mean())

    with torch.inference_mode():
        for pan, factors in best.items():
            errors = {factor: error(pan, factor) for factor in (1, 2, 4, 8)}
            assert min(errors, key=errors.get) in factors, (pan, errors)


def test_a_file_says_how_and_a_codec_loaded_anew_decodes_it(tmp_path):
    provenance = {"config": {"loss": {"lmbda": 512, "metric": "mse"}}}
    path = save_export(tmp_path / "codec.safetensors", tiny_codec(), tiny_config(), provenance)
    clip, target = moving_clip(3, 64, 70), tmp_path / "a.lvc"
    config = MotionResolutionConfig(search="exhaustive", factors=(1, 2))
    sent = list(
        encode_video(load_export(path), clip.unbind(1), target, Fraction(30), options=EncodeOptions(resolution=config))
    )
    decoded = list(decode_video(target, load_export(path)))
    assert all(torch.equal(decoded[e.packet.index], e.frame) for e in sent)
    assert {e.motion_factor for e in sent} <= {None, 1, 2} and sent[1].motion_factor


@pytest.mark.parametrize(
    ("provenance", "options", "said"),
    [
        ({}, {}, "does not say its lambda; give motion_resolution.lmbda, or search=ranked"),
        ({"lmbda": 8, "metric": "ms_ssim"}, {}, "was not trained for MSE"),
        ({"lmbda": 8}, {"variant": "B"}, "motion_resolution.variant: 'B' is not one of omra, A here"),
    ],
    ids=str,
)
def test_what_cannot_be_is_said_before_a_file_is_begun(tmp_path, provenance, options, said):
    path = save_export(tmp_path / "codec.safetensors", tiny_codec(), tiny_config(), provenance)
    config = MotionResolutionConfig(search="exhaustive", **options)
    with pytest.raises(UserError, match=said):
        list(
            encode_video(
                load_export(path), [], tmp_path / "a.lvc", Fraction(30), options=EncodeOptions(resolution=config)
            )
        )
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"factors": [1, 3]}, "factors: 3 is no power of two from 1 to 64"),
        ({"factors": [2, 1]}, r"factors: \[2, 1\] do not ascend; try \[1, 2\]"),
        ({"search": "ranked", "lmbda": 3}, "lmbda: search=ranked compares no costs"),
        ({"search": "classifier"}, "classifier: search=classifier needs the export of one"),
        ({"search": "ranked", "classifier": "a"}, "classifier: search=ranked asks none; take search=classifier"),
        ({"search": "by_level", "candidates": 2}, "candidates: search=by_level picks none"),
    ],
    ids=str,
)
def test_contradictions_are_refused(options, said):
    with pytest.raises(ConfigError, match=said):
        build(MotionResolutionConfig, options)


def test_a_header_that_asks_for_the_unknown_is_refused():
    with pytest.raises(BitstreamError, match=r"^not decodable: motion_resolution\.factors: 5 is no power of two"):
        of_header({"motion_resolution": {"factors": [5], "variant": "omra", "filter": "box"}}, tiny_codec().spec)


def test_a_codec_without_motion_of_its_own_resolution_does_without():
    codec = tiny_codec()
    assert codec.structure.choice is None
    assert of_header({"name": "low_delay"}, codec.spec) is None
    chosen = tiny_codec(motion_resolution={"search": "ranked"})
    assert chosen.structure.choice.search == "ranked"
    with pytest.raises(ConfigError, match=r"^motion_resolution\.variant: 'B' is not one of omra, A here"):
        tiny_config(motion_resolution={"variant": "B"})
