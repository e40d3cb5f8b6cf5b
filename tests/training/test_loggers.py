import json
import signal
import struct
from pathlib import Path

import pytest

from lvc.training.run import train
from tests.training.test_resume import run_until


def messages(content):
    """The messages of a wandb run file: LevelDB's log format after a header of 7 bytes."""
    block, header, position, message = 32768, 7, 7, b""
    while position + header <= len(content):
        if block - position % block < header:
            position += block - position % block
            continue
        _, length, kind = struct.unpack_from("<IHB", content, position)
        message += content[position + header : position + header + length]
        position += header + length
        if kind in (1, 4):  # whole, or the last of its parts
            yield message
            message = b""


@pytest.fixture(scope="module")
def wandb_records(tmp_path_factory, tiny_in):
    """A short run logged to wandb offline, and every record of its run file."""
    from wandb.proto.wandb_internal_pb2 import Record

    folder = tmp_path_factory.mktemp("wandb")
    logger = {"wandb": True, "csv": False, "tags": ["a", "b"], "group": "sweep"}
    run, data = tiny_in(folder, ("motion", "frame"), logger=logger, trainer={"pictures": 1})
    train(run, data)
    (path,) = folder.glob("wandb/offline-run-*/run-*.wandb")
    return folder, data, [Record.FromString(message) for message in messages(path.read_bytes())]


def history(records):
    items = [{".".join(i.nested_key) or i.key: json.loads(i.value_json) for i in r.history.item} for r in records]
    return [row for row in items if row]


def test_wandb_has_the_metrics_on_one_axis(wandb_records):
    _, _, records = wandb_records
    rows = history(records)
    keys = {key for row in rows for key in row}
    assert {"train/loss", "train/psnr", "train/bpp", "bits/motion", "train/grad_norm", "train/lr"} <= keys
    assert {"val/psnr", "val/bpp", "val/loss", "val/psnr_copy", "system/frames_per_second", "stage"} <= keys
    steps = [row["progress/step"] for row in rows]
    assert steps == sorted(steps) and steps[-1] == 4
    axes = {r.metric.glob_name or r.metric.name: r.metric for r in records if r.WhichOneof("record_type") == "metric"}
    assert axes["train/*"].step_metric == "progress/step"
    assert axes["val/psnr"].summary.max and axes["val/loss"].summary.min


def test_wandb_has_the_configuration_and_the_runs_names(wandb_records):
    folder, data, records = wandb_records
    (run,) = [r.run for r in records if r.WhichOneof("record_type") == "run"]
    config = {item.key: json.loads(item.value_json) for item in run.config.update}
    assert config["loss"] == data["loss"] and config["schedule"]["order"] == ["motion", "frame"]
    assert (run.display_name, run.run_group, sorted(run.tags)) == ("test", "sweep", ["a", "b"])
    assert run.run_id == json.loads((folder / "state.json").read_text())["wandb"]


def test_wandb_has_the_pictures(wandb_records):
    folder, _, records = wandb_records
    shown = [row for row in history(records) if "val/pictures.count" in row]
    assert shown and all(row["val/pictures._type"] == "images/separated" for row in shown)
    assert shown[0]["val/pictures.width"] == 4 * 64 and shown[0]["val/pictures.height"] == 64
    (media,) = {p.parent for p in folder.glob("wandb/offline-run-*/files/media/images/val/*.png")}
    assert len(list(media.iterdir())) == sum(row["val/pictures.count"] for row in shown)


def test_tensorboard_has_metrics_and_pictures(tiny):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run, data = tiny(logger={"tensorboard": True, "csv": False}, trainer={"pictures": 1})
    train(run, data)
    events = EventAccumulator(str(Path(run.dir, "tensorboard")))
    events.Reload()
    assert [e.step for e in events.Scalars("train/loss")] == [1, 2]
    assert [e.step for e in events.Scalars("val/psnr")] == [0, 2]
    assert events.Images("val/pictures/0")


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
