import json
import signal
from pathlib import Path

import numpy as np
import pytest

from lvc.config.compose import compose
from lvc.config.contract import build
from lvc.config.model import ModelConfig
from lvc.export import read_export, save_export
from lvc.models.build import build_codec
from lvc.training.loggers import starting_exports
from lvc.training.report import of_one_size
from lvc.training.run import train
from tests.training.test_resume import run_until
from tests.wandb_files import history, read_table, records_of

from .conftest import TINY


@pytest.fixture(scope="module")
def wandb_records(tmp_path_factory, tiny_in):
    """A run of three stages logged to wandb offline, and every record of its run file."""
    folder = tmp_path_factory.mktemp("wandb")
    start = folder / "start.safetensors"
    save_export(start, build_codec(build(ModelConfig, TINY)), build(ModelConfig, TINY), {"wandb": "abcd1234"})
    logger = {"wandb": True, "csv": False, "tags": ["a", "b"], "group": "sweep", "histograms": 2}
    anchor = {"name": "x265", "bpp": [0.001, 50.0], "psnr": [1.0, 99.0]}
    run, data = tiny_in(
        folder,
        ("motion", "frame", "joint"),
        logger=logger,
        trainer={"pictures": 1},
        anchor=anchor,
        init_from=str(start),
    )
    train(run, data)
    return folder, data, records_of(folder)


def test_wandb_has_the_metrics_on_one_axis(wandb_records):
    _, _, records = wandb_records
    rows = history(records)
    keys = {key for row in rows for key in row}
    assert {"train/loss", "train/psnr", "train/bpp", "bits/motion", "train/grad_norm", "train/lr"} <= keys
    assert {"val/psnr", "val/bpp", "val/loss", "val/psnr_copy", "system/frames_per_second", "stage"} <= keys
    steps = [row["progress/step"] for row in rows]
    assert steps == sorted(steps) and steps[-1] == 6
    axes = {r.metric.glob_name or r.metric.name: r.metric for r in records if r.WhichOneof("record_type") == "metric"}
    assert axes["train/*"].step_metric == "progress/step"
    assert axes["val/psnr"].summary.max and axes["val/loss"].summary.min


def test_wandb_has_the_configuration_and_the_runs_names(wandb_records):
    folder, data, records = wandb_records
    (run,) = [r.run for r in records if r.WhichOneof("record_type") == "run"]
    config = {item.key: json.loads(item.value_json) for item in run.config.update}
    assert config["loss"] == data["loss"] and config["schedule"]["order"] == ["motion", "frame", "joint"]
    assert (run.display_name, run.run_group, sorted(run.tags)) == ("test", "sweep", ["a", "b"])
    assert run.run_id == json.loads((folder / "state.json").read_text())["wandb"]


def test_wandb_has_the_pictures(wandb_records):
    folder, _, records = wandb_records
    shown = [row for row in history(records) if "val/pictures.count" in row]
    assert shown and all(row["val/pictures._type"] == "images/separated" for row in shown)
    assert shown[0]["val/pictures.width"] == 4 * 64 and shown[0]["val/pictures.height"] == 64
    (media,) = {p.parent for p in folder.glob("wandb/offline-run-*/files/media/images/val/*.png")}
    assert len(list(media.iterdir())) == sum(row["val/pictures.count"] for row in shown)


def test_pictures_of_clips_of_several_sizes_are_shown_whole():
    pictures = [np.full((height, width, 3), 7, np.uint8) for height, width in ((64, 96), (48, 128))]
    shown = of_one_size(pictures)
    assert {a.shape for a in shown} == {(64, 128, 3)}
    assert [int(a.sum()) for a in shown] == [int(a.sum()) for a in pictures]


def test_wandb_marks_where_stages_begin(wandb_records):
    _, _, records = wandb_records
    marks = {}
    for row in history(records):
        if "stage_name" in row:
            marks.setdefault(row["stage_name"], []).append((row["progress/step"], row["stage"]))
    assert {name: (points[0], points[-1]) for name, points in marks.items()} == {
        "motion": ((0, 0), (2, 0)),
        "frame": ((2, 1), (4, 1)),
        "joint": ((4, 2), (6, 2)),
    }


def test_every_metric_is_in_a_group(wandb_records):
    _, _, records = wandb_records
    keys = {key for row in history(records) for key in row}
    alone = {key for key in keys if "/" not in key and not key.startswith("_")}
    assert alone == {"stage", "stage_name"}
    groups = {key.partition("/")[0] for key in keys if "/" in key}
    assert groups == {"train", "val", "bits", "system", "summary", "tables", "histograms", "progress", "trainer"}


def test_wandb_has_tables_of_stages_rate_points_and_rate_differences(wandb_records):
    folder, _, records = wandb_records
    rows = [row for row in history(records) if "tables/stages.path" in row]
    assert [row["tables/stages.nrows"] for row in rows] == [1, 2, 3]
    stages = read_table(folder, rows[-1], "tables/stages")
    assert [(s["stage"], s["first_step"], s["last_step"]) for s in stages] == [
        ("motion", 0, 2),
        ("frame", 2, 4),
        ("joint", 4, 6),
    ]
    points = read_table(folder, rows[-1], "tables/rd_points")
    assert [p["curve"] for p in points] == ["this run (estimate)"] * 2 + ["x265"] * 2
    after = [row["val/psnr"] for row in history(records) if "val/psnr" in row][-1]
    assert points[1]["psnr"] == pytest.approx(after)
    rates = read_table(folder, rows[-1], "tables/bd_rate")
    logged = [row["val/bd_rate"] for row in history(records) if "val/bd_rate" in row]
    assert [rate["stage"] for rate in rates] == ["frame", "joint"]
    assert rates[-1]["bd_rate_percent"] == pytest.approx(logged[-1])
    assert rows[-1]["tables/rd_curve._type"] == "image-file"


def test_wandb_has_videos_and_histograms(wandb_records):
    import av

    folder, _, records = wandb_records
    shown = [row for row in history(records) if "val/videos/0.path" in row]
    assert shown and all(row["val/videos/0._type"] == "video-file" for row in shown)
    (run,) = folder.glob("wandb/offline-run-*")
    with av.open(run / "files" / shown[-1]["val/videos/0.path"]) as video:
        frames = [(frame.width, frame.height) for frame in video.decode(video=0)]
    assert frames == [(2 * 64, 64)] * 2
    bins = {key for row in history(records) for key in row if key.startswith("histograms/") and key.endswith("._type")}
    expected = {f"histograms/{what}/{part}._type" for what in ("gradients", "activations") for part in TRAINED}
    assert bins == expected


TRAINED = ("flow", "motion", "context", "frame")


def test_wandb_has_the_codec_as_an_artifact_and_knows_where_it_comes_from(wandb_records):
    folder, _, records = wandb_records
    logged = [r.request.log_artifact.artifact for r in records] + [r.artifact for r in records]
    (artifact,) = [a for a in logged if a.type == "codec"]
    digest = read_export(folder / "codec.safetensors")[1]
    state = json.loads((folder / "state.json").read_text())
    assert (artifact.type, artifact.name) == ("codec", f"codec-{state['wandb']}")
    assert set(artifact.aliases) == {"latest", digest[:16]} and json.loads(artifact.metadata)["digest"] == digest
    assert read_export(folder / "codec.safetensors")[0]["provenance"]["wandb"] == state["wandb"]
    config = {}
    for r in records:
        for update in (r.run.config.update, r.config.update):
            config |= {item.key: json.loads(item.value_json) for item in update}
    start = folder / "start.safetensors"
    assert config["inputs"] == {str(start): {"digest": read_export(start)[1], "wandb": "abcd1234"}}


def test_the_run_of_a_sweeps_agent_keeps_the_agents_name(tiny, monkeypatch):
    monkeypatch.setenv("WANDB_SWEEP_ID", "s1")
    monkeypatch.setenv("WANDB_RUN_ID", "given123")
    run, data = tiny(logger={"wandb": True, "csv": False, "mode": "disabled", "videos": 0})
    train(run, data)
    assert json.loads(Path(run.dir, "state.json").read_text())["wandb"] == "given123"


def test_tensorboard_has_metrics_and_pictures(tiny):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run, data = tiny(logger={"tensorboard": True, "csv": False, "histograms": 1}, trainer={"pictures": 1})
    train(run, data)
    events = EventAccumulator(str(Path(run.dir, "tensorboard")), size_guidance={"histograms": 0})
    events.Reload()
    assert [e.step for e in events.Scalars("train/loss")] == [1, 2]
    assert [e.step for e in events.Scalars("val/psnr")] == [0, 2]
    assert events.Images("val/pictures/0") and events.Images("tables/rd_curve")
    assert events.Images("val/videos/0")[0].encoded_image_string.startswith(b"GIF89a")
    assert [e.step for e in events.Histograms("histograms/gradients/frame")] == [1, 2]
    assert "stage/text_summary" in events.Tags()["tensors"]


def test_without_loggers_a_run_still_trains(tiny):
    run, data = tiny(logger={"csv": False})
    assert train(run, data).is_file() and not Path(run.dir, "metrics.csv").exists()


def test_an_interrupted_run_stays_one_wandb_run(tmp_path, tiny):
    changes = {"stage": {"steps": 6}, "trainer": {"checkpoint_every": 2}}
    run, data = tiny(["frame"], logger={"wandb": True, "csv": False}, **changes)
    assert run_until(run, data, (Path(run.dir) / "checkpoints/frame/000000002.ckpt").exists) == -signal.SIGKILL
    train(run, data)
    files = sorted(Path(run.dir).glob("wandb/offline-run-*/run-*.wandb"), key=lambda path: path.stat().st_mtime)
    assert len(files) == 2
    assert {path.stem for path in files} == {f"run-{json.loads(Path(run.dir, 'state.json').read_text())['wandb']}"}


@pytest.mark.parametrize(
    ("model", "options"),
    [
        ("dcvc_tcm", ["model.intra.weights=intra", "model.flow.weights=flow"]),
        ("pmctf_l", ["model.band_weights=bands", "model.flow.pretrained=true"]),
        ("resolution_classifier", ["model.codec=codec"]),
    ],
)
def test_a_dashboard_knows_all_weights_that_a_run_starts_from(model, options):
    composed = compose("train", [f"model={model}", "init_from=first", *options])
    known = starting_exports(composed)
    for option in options:
        name = option.partition("=")[2]
        assert name in known or (name == "true" and any("spynet" in path for path in known)), option
    assert known[0] == "first" and len(known) == 1 + len(options)
