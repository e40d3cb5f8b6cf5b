"""What an evaluation tells frame by frame: B frames, resolutions of motion, traditional codecs."""

import csv
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from lvc.bitstream.container import open_bitstream
from lvc.datasets.frames import to_bytes
from lvc.datasets.sequences import Sequence, check
from lvc.evaluation.frames import saving
from lvc.evaluation.learned import measure_learned
from lvc.evaluation.profiles import factors_by_level
from lvc.evaluation.records import load_records
from lvc.evaluation.run import evaluate
from lvc.evaluation.traditional import measure_traditional
from lvc.export import save_export
from tests.conftest import moving_clip
from tests.models import codec_b_canf

from .material import encoder, protocol, write_video
from .test_records import record
from .test_run import configured

FRAMES = 5

OMRA = "b_canf-tiny-omra-exhaustive"
"""How an evaluation names a curve whose motion takes the best resolution."""


@pytest.fixture(scope="module")
def scene():
    return [to_bytes(frame) for frame in moving_clip(FRAMES, 96, 128).unbind(1)]


@pytest.fixture(scope="module")
def b_export(tmp_path_factory):
    path = tmp_path_factory.mktemp("b_canf") / "codec.safetensors"
    provenance = {"config": {"loss": {"lmbda": 1024, "metric": "mse"}}}
    return save_export(path, codec_b_canf.tiny_codec(), codec_b_canf.tiny_config(), provenance)


@pytest.fixture(scope="module")
def evaluated(b_export, scene, tmp_path_factory):
    """With motion of its own resolution, and beside it with the best of three."""
    folder = tmp_path_factory.mktemp("evaluated")
    (folder / "videos").mkdir()
    write_video(folder / "videos" / "scene.mkv", scene)
    given = {"exports": str(b_export), "protocol": protocol(frames=FRAMES), "labels": ["b"], "bdrate": {"anchor": "b"}}
    evaluate(configured(folder / "videos", folder / "plain", codecs=[], **given), lambda line: None)
    given |= {"labels": [], "records": [str(folder / "plain")]}
    search = {"search": "exhaustive", "factors": (1, 2, 4)}
    evaluate(
        configured(folder / "videos", folder / "out", codecs=["x264"], motion_resolution=search, **given),
        lambda line: None,
    )
    return folder / "out"


def test_packets_are_counted_frame_by_frame(b_export, scene, tmp_path):
    source = check(Sequence("scene", Fraction(25), "bt601", lambda: iter(scene)), protocol(frames=FRAMES))
    measured = measure_learned(b_export, source, protocol(), tmp_path / "a.lvc")
    facts = [measured.frames[index] for index in range(FRAMES)]
    assert [f.kind for f in facts] == ["I", "b", "B", "b", "I"]
    assert [f.level for f in facts] == [0, 2, 1, 2, 0]
    assert all(f.factor is None and not f.tried for f in facts)
    with open_bitstream(tmp_path / "a.lvc") as (_, packets):
        sizes = {packet.index: len(packet.payload) for packet in packets}
    # kind, index, length (one or two bytes) and checksum
    assert all(8 * (sizes[i] + 7) <= f.bits <= 8 * (sizes[i] + 9) for i, f in enumerate(facts))
    assert sum(f.bits for f in facts) < 8 * measured.bytes


def test_traditional_codecs_tell_kinds_and_bits_too(source, tmp_path):
    measured = measure_traditional(encoder("x264"), 30, source, protocol(), tmp_path / "v.mkv")
    assert [measured.frames[index].kind for index in range(source.count)] == ["I", "P", "P", "P", "I", "P"]
    assert 0 < 8 * measured.bytes - sum(f.bits for f in measured.frames.values()) < 1000  # parameter sets


def test_chosen_resolutions_are_recorded_with_what_they_saved(evaluated):
    (found,) = [r for r in load_records(evaluated) if r.codec == OMRA]
    frames = found.per_frame
    assert [factor is None for factor in frames["factor"]] == [True, False, False, False, True]
    for factor, tried in zip(frames["factor"], frames["tried"], strict=True):
        assert (factor is None) == (not tried)
        if tried:
            assert set(tried) == {"1", "2", "4"}
            assert tried[str(factor)][1] == min(cost for _, cost in tried.values())
    saved = saving(found)
    assert (saved.frames, saved.dearer) == (3, 0)
    assert saved.cheaper == sum(f is not None and f > 1 for f in frames["factor"]) > 0
    assert saved.bits <= sum(b for b, f in zip(frames["bits"], frames["factor"], strict=True) if f)


def test_every_frame_of_every_codec_is_a_row(evaluated):
    rows = list(csv.DictReader((evaluated / "frames.csv").read_text().splitlines()))
    assert Counter(r["codec"] for r in rows) == {OMRA: FRAMES, "b": FRAMES, "x264": 3 * FRAMES}
    own = [r for r in rows if r["codec"] == OMRA]
    assert [r["frame"] for r in own] == ["0", "1", "2", "3", "4"]
    for r in own[1:4]:
        assert float(r["cost"]) <= float(r["cost_factor_1"])
        assert int(r["bits"]) > 0 and float(r["psnr"]) > 0 and int(r["factor"]) in (1, 2, 4)
    assert {r["factor"] for r in rows if r["codec"] != OMRA} == {""}


def test_the_report_shows_profiles_factors_and_motion(evaluated):
    plots = {path.name for path in (evaluated / "plots").iterdir()}
    assert {"scene-frames.png", "scene-frames.svg", "scene-factors.png"} <= plots
    page = (evaluated / "report.html").read_text()
    assert "Frame by frame" in page and "told from frames at 1/" in page
    assert "of 3 frames" in page and "and 0 more" in page
    pictures = [r.motion["picture"] for r in load_records(evaluated) if r.motion]
    assert [Image.open(p).size for p in pictures] == [(4 * 128, 96)]  # frame, flow, warped reference, prediction


def test_pictured_is_the_frame_half_way(evaluated, scene):
    (found,) = [r for r in load_records(evaluated) if r.codec == OMRA]
    assert found.motion["frame"] == 2
    panel = np.asarray(Image.open(found.motion["picture"]))
    assert np.array_equal(panel[:, :128], scene[2])
    assert found.motion["factor"] == found.per_frame["factor"][2]


def test_factors_are_counted_by_temporal_level():
    levels, factors = [0, 2, 1, 2, 0], [None, 1, 4, 2, None]
    one = record(per_frame={"psnr": [30.0] * 5, "level": levels, "factor": factors})
    assert factors_by_level([one, one]) == {1: {4: 2}, 2: {1: 2, 2: 2}}


def test_records_without_facts_of_frames_are_read_still():
    assert saving(record()) is None and factors_by_level([record()]) == {}
