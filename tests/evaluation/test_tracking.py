"""An evaluation's results in an offline wandb run, read back."""

import json

import pytest

from lvc.config.contract import ConfigError
from lvc.evaluation.run import evaluate
from lvc.export import read_export
from tests.wandb_files import history, read_table, records_of

from .material import moving_scene, write_video
from .test_run import configured


def test_results_are_tables_plots_and_an_artifact_that_knows_its_exports(tiny_exports, tmp_path):
    (tmp_path / "videos").mkdir()
    write_video(tmp_path / "videos" / "scene.mkv", moving_scene(frames=3))
    protocol = {"name": "test", "intra_period": 4, "frames": 3, "metrics": ("psnr",)}
    exports = f"{tiny_exports}/*/codec.safetensors"
    given = {"codecs": ["x264"], "bdrate": {"anchor": "x264"}, "protocol": protocol, "exports": exports}
    out = tmp_path / "out"
    evaluate(configured(tmp_path / "videos", out, logger={"csv": False, "wandb": True}, **given), lambda line: None)
    records = records_of(out)
    (row,) = [row for row in history(records) if "tables/rd_points.path" in row]
    points = read_table(out, row, "tables/rd_points")
    assert {(p["codec"], p["point"]) for p in points} >= {("dcvc_tcm-tiny", "lambda=256"), ("x264", "crf=30")}
    assert {rate["anchor"] for rate in read_table(out, row, "tables/bd_rate")} == {"x264"}
    frames = read_table(out, row, "tables/frames")
    assert [f["kind"] for f in frames if f["codec"] == "dcvc_tcm-tiny" and f["point"] == "lambda=256"] == [
        "I",
        "P",
        "P",
    ]
    assert {k for k in row if k.startswith("motion/scene/dcvc_tcm-tiny, lambda=") and k.endswith("_type")}
    assert row["plots/frames-scene._type"] == "image-file"
    assert row["plots/psnr-mean._type"] == "image-file"
    logged = [r.request.log_artifact.artifact for r in records] + [r.artifact for r in records]
    (artifact,) = [a for a in logged if a.type == "evaluation"]
    digests = {read_export(path)[1] for path in tiny_exports.glob("*/codec.safetensors")}
    assert set(json.loads(artifact.metadata)["exports"]) == digests
    assert {entry.path for entry in artifact.manifest.contents} >= {"report.html", "results.csv", "bdrate.csv"}
    updates = [item for r in records for item in (*r.run.config.update, *r.config.update) if item.key == "inputs"]
    assert {facts["digest"] for facts in json.loads(updates[-1].value_json).values()} == digests
    (run,) = [r.run for r in records if r.WhichOneof("record_type") == "run"]
    assert (run.job_type, run.display_name) == ("evaluation", "out")


def test_tensorboard_is_refused(tmp_path):
    with pytest.raises((ConfigError, ValueError), match=r"wandb alone"):
        configured(tmp_path, tmp_path / "out", logger={"tensorboard": True})
