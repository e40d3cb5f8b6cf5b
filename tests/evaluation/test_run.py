import json
from pathlib import Path

import pytest

from lvc.config.evaluate import EvaluateConfig
from lvc.errors import UserError
from lvc.evaluation.run import evaluate

from .material import encoder, moving_scene, protocol, write_video


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("videos")
    for seed, name in enumerate(("first", "second")):
        write_video(folder / f"{name}.mkv", moving_scene(height=64, width=80, seed=seed))
    return folder


def configured(videos, output, **changes):
    given = {
        "dataset": {"name": "folder", "path": str(videos)},
        "protocol": protocol(frames=5),
        "traditional": {name: encoder(name, points=(20, 30, 40)) for name in ("x264", "x265")},
        "output": str(output),
    }
    return EvaluateConfig(**{**given, **changes})


def silent(line):
    pass


def test_everything_is_written(videos, tiny_exports, tmp_path):
    said = []
    exports = f"{tiny_exports}/*/codec.safetensors"
    report = evaluate(configured(videos, tmp_path / "out", exports=exports), said.append)
    assert report == tmp_path / "out" / "report.html" and report.exists()
    records = [json.loads(p.read_text()) for p in (tmp_path / "out" / "records").glob("*.json")]
    assert len(records) == 2 * (2 + 3 + 3)
    learned = [r for r in records if r["codec"] == "dcvc_tcm-tiny"]
    assert {r["point"] for r in learned} == {"lambda=256", "lambda=2048"}
    assert all(r["error"] is None and r["environment"]["torch"] and r["key"]["system"]["digest"] for r in learned)
    assert not list((tmp_path / "out").rglob("*.lvc")), "streams are kept only when asked for"
    assert "report.html" in said[-1]


def test_an_interrupted_evaluation_goes_on(videos, tmp_path):
    config, said = configured(videos, tmp_path, codecs=["x264"], bdrate={"anchor": "x264"}), []

    def stop_after_two(line):
        if line.startswith("[2/"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluate(config, stop_after_two)
    evaluate(config, said.append)
    assert ["from an earlier run" in line for line in said[:6]] == [True, True, False, False, False, False]


def test_earlier_records_can_be_shown_beside(videos, tmp_path):
    evaluate(configured(videos, tmp_path / "a", codecs="x265"), silent)
    evaluate(configured(videos, tmp_path / "b", codecs="x264", records=[str(tmp_path / "a")]), silent)
    assert "x265" in (tmp_path / "b" / "results.csv").read_text()
    evaluate(configured(videos, tmp_path / "a", codecs="x265", records=[str(tmp_path / "a")]), silent)
    rows = (tmp_path / "a" / "results.csv").read_text().splitlines()[1:]
    assert len(rows) == 2 * 3, "what is there twice counts once"


def test_records_of_another_protocol_are_refused(videos, tmp_path):
    evaluate(configured(videos, tmp_path / "a", codecs="x265"), silent)
    other = protocol(frames=5, name="other")
    with pytest.raises(UserError, match="protocols differ in name"):
        config = configured(videos, tmp_path / "b", codecs="x264", protocol=other, records=[str(tmp_path / "a")])
        evaluate(config, silent)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"exports": "nowhere/*.safetensors"}, r"exports: no file matches 'nowhere/\*.safetensors'"),
        ({"exports": "nowhere.safetensors"}, "exports: no export at nowhere.safetensors"),
        ({"bdrate": {"anchor": "hm"}}, "bdrate.anchor: 'hm' is not evaluated; choices are: x264, x265"),
        ({"protocol": protocol(frames=7)}, "first: has 6 frames and protocol.frames is 7"),
        ({"dataset": {"name": "folder", "path": "nowhere"}}, "nowhere"),
        ({"records": ["nowhere"]}, "nowhere holds no evaluation records"),
    ],
)
def test_what_cannot_be_evaluated_is_said_before_anything_is_coded(changes, message, videos, tmp_path):
    with pytest.raises(UserError, match=message):
        evaluate(configured(videos, tmp_path, **changes), silent)
    assert not list(tmp_path.rglob("*.json"))


def test_a_truncated_video_is_refused_by_name(videos, tmp_path):
    whole = (videos / "first.mkv").read_bytes()
    (tmp_path / "cut").mkdir()
    (tmp_path / "cut" / "half.mkv").write_bytes(whole[: len(whole) // 2])
    dataset = {"name": "folder", "path": str(tmp_path / "cut")}
    with pytest.raises(UserError, match="half"):
        evaluate(configured(videos, tmp_path / "out", dataset=dataset), silent)


def test_a_file_that_is_no_export_is_named(videos, tmp_path):
    Path(tmp_path / "x.safetensors").write_bytes(b"nothing")
    with pytest.raises(UserError, match=r"x\.safetensors"):
        evaluate(configured(videos, tmp_path / "out", exports=str(tmp_path / "x.safetensors")), silent)


def test_unlike_decoding_fails_the_command_after_the_report(videos, tiny_exports, tmp_path, monkeypatch):
    from lvc.evaluation import learned

    decode = learned.decode_video
    monkeypatch.setattr(learned, "decode_video", lambda *args: (frame + 1e-6 for frame in decode(*args)))
    exports = str(tiny_exports / "256" / "codec.safetensors")
    with pytest.raises(UserError, match="decoded frames differ"):
        evaluate(configured(videos, tmp_path, exports=exports, codecs="x265"), silent)
    assert "decoded frames differ" in (tmp_path / "report.html").read_text()
