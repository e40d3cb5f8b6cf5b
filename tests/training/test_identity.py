"""The same run is the same run: after an update, in another folder, on data that was moved."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from lvc.config.compose import compose
from lvc.config.run import build_run
from lvc.datasets.video import VideoWriter
from lvc.errors import UserError
from lvc.training.identity import differing
from lvc.training.resume import RunState
from lvc.training.run import train
from lvc.training.same import differences


def test_what_a_batch_is_may_not_change():
    known = {"trainer": {"batch_size": "per_device", "lr_scaling": "none", "devices": 1}}
    now = {"trainer": {"batch_size": "global", "lr_scaling": "none", "devices": 4}}
    assert differing(known, now) == {"trainer.batch_size": ("per_device", "global")}


def test_differing_names_every_key_that_may_not_change():
    known = {"loss": {"lmbda": 1, "metric": "mse"}, "trainer": {"workers": 2}, "name": "a"}
    now = {"loss": {"lmbda": 2, "metric": "mse", "extra": 0}, "trainer": {"workers": 4}, "name": "a"}
    assert differing(known, now) == {"loss.extra": (None, 0), "loss.lmbda": (1, 2)}


def without_defaults(data, tree=None):
    """A configuration without every option that is as it would be if it were not given: what an old build recorded."""
    tree = data if tree is None else tree
    meaning = build_run(data)
    for key in list(tree):
        value = tree.pop(key)
        try:
            if build_run(data) == meaning:
                continue
        except UserError:
            pass
        tree[key] = value
        if isinstance(value, dict):
            without_defaults(data, value)
    return data


@pytest.mark.parametrize("model", ["intra_cheng2020", "dcvc_tcm"])
def test_a_run_recorded_before_options_were_added_is_continued(tmp_path, model):
    now = compose("train", [f"model={model}", "size=tiny", f"dir={tmp_path}"])
    before = without_defaults(json.loads(json.dumps(now)))
    assert before["trainer"] != now["trainer"] and before["model"] != now["model"]
    RunState(tmp_path, before).save()
    RunState(tmp_path, now).save()  # and the other way round: an option may be dropped
    RunState(tmp_path, before)
    with pytest.raises(UserError, match=r"another configuration: schedule\.stages\..*lr \("):
        RunState(tmp_path, compose("train", [f"model={model}", "size=tiny", f"dir={tmp_path}", "schedule.all.lr=0.5"]))


def test_defaults_of_the_sets_of_a_mixture_count_too():
    whole = compose("train", ["dataset=mixture", "+dataset@dataset.sets.drawn=synthetic"])
    bare = json.loads(json.dumps(whole))
    bare["dataset"]["sets"]["drawn"] = {"name": "synthetic"}
    assert differing(bare, whole) == {}


def test_a_run_may_be_moved_renamed_and_named_absolutely(tiny, tmp_path, monkeypatch):
    run, data = tiny(("motion", "frame"), schedule={"stop_after": "motion"})
    train(run, data)
    whole, whole_data = tiny(("motion", "frame"), folder="whole")
    train(whole, whole_data)
    (tmp_path / "elsewhere").mkdir()
    Path(run.dir).rename(tmp_path / "elsewhere" / "renamed")
    monkeypatch.chdir(tmp_path)
    moved = {**whole_data, "dir": "elsewhere/renamed", "name": "another"}
    train(build_run(moved), moved)
    assert not any(differences(whole.dir, moved["dir"]).values())
    absolute = {**moved, "dir": str(tmp_path / moved["dir"]), "export": str(tmp_path / "out.safetensors")}
    train(build_run(absolute), absolute)
    assert (tmp_path / "out.safetensors").is_file()


def write_clips(folder, seeds):
    folder.mkdir()
    for seed in seeds:
        with VideoWriter(folder / f"clip{seed}.mkv", (64, 64), 25) as writer:
            for frame in np.random.default_rng(seed).integers(0, 256, (3, 64, 64, 3), np.uint8):
                writer.write(frame)


def test_data_may_be_moved_if_they_are_the_same(tiny, tmp_path):
    write_clips(tmp_path / "clips", (0, 1))
    _, composed = tiny()

    def lying(name):
        return {**composed, "dataset": {"name": "folder", "path": str(tmp_path / name)}}

    RunState(tmp_path, lying("clips")).save()
    (tmp_path / "clips").rename(tmp_path / "moved")
    RunState(tmp_path, lying("moved"))
    write_clips(tmp_path / "others", (0, 5))
    with pytest.raises(UserError, match=r"dataset\.path \('.*clips' -> '.*others'\); "):
        RunState(tmp_path, lying("others"))


def test_exports_that_a_run_starts_from_count_by_what_they_hold(tiny, tmp_path):
    (tmp_path / "a.safetensors").write_bytes(b"weights")
    _, composed = tiny(init_from=str(tmp_path / "a.safetensors"))
    RunState(tmp_path, composed).save()
    shutil.move(tmp_path / "a.safetensors", tmp_path / "b.safetensors")
    RunState(tmp_path, {**composed, "init_from": str(tmp_path / "b.safetensors")})
    (tmp_path / "c.safetensors").write_bytes(b"other weights")
    with pytest.raises(UserError, match="init_from"):
        RunState(tmp_path, {**composed, "init_from": str(tmp_path / "c.safetensors")})
