import csv
import os
import random
import signal
import time
from pathlib import Path

import pytest
import torch

from lvc.errors import UserError
from lvc.training.rows import Rows, read_rows
from lvc.training.run import train
from lvc.training.same import differences, figures
from tests.commands import processes

CHANGES = {
    "stage": {"steps": 8, "lr": 1e-3, "batch_size": 2, "grad_clip": 0.1, "random_distance": True, "distance": 2},
    "trainer": {"checkpoint_every": 2, "workers": 0, "validate_every": 3},
}
STAGES = ("motion", "frame")


def assert_same_run(run, whole):
    assert not any(differences(whole.dir, run.dir).values())
    assert figures(run.dir)


@pytest.fixture(scope="module")
def whole(tmp_path_factory, tiny_in):
    """The run that nobody interrupted."""
    torch.set_num_threads(1)
    run, data = tiny_in(tmp_path_factory.mktemp("whole"), STAGES, **CHANGES)
    train(run, data)
    return run


def train_alone(run, data):
    """Train with a wandb of its own: that of earlier tests would hold a run that is killed as one in use."""
    os.environ.pop("WANDB_SERVICE", None)
    train(run, data)


def run_until(run, data, ready, limit=60):
    """Train in a process of its own and kill it, without warning, when `ready()` is true."""
    process = processes().Process(target=train_alone, args=(run, data))
    process.start()
    end = time.monotonic() + limit
    while process.is_alive() and not ready() and time.monotonic() < end:
        time.sleep(0.002)
    if process.is_alive():
        os.kill(process.pid, signal.SIGKILL)
    process.join()
    return process.exitcode


@pytest.mark.parametrize(
    "file",
    [
        "checkpoints/motion/000000000.ckpt",
        "checkpoints/motion/000000004.ckpt",
        "checkpoints/motion/000000008.ckpt",
        "stages/motion.safetensors",
        "checkpoints/frame/000000000.ckpt",
        "checkpoints/frame/000000006.ckpt",
    ],
)
def test_killed_run_ends_where_the_whole_one_does(whole, tiny, file):
    run, data = tiny(STAGES, **CHANGES)
    assert run_until(run, data, (Path(run.dir) / file).exists) == -signal.SIGKILL
    train(run, data)
    assert_same_run(run, whole)


def test_run_killed_again_and_again_ends_where_the_whole_one_does(whole, tiny):
    run, data = tiny(STAGES, **CHANGES)
    draw, killed = random.Random(0), 0
    folder = Path(run.dir)
    while killed < 5 and not (folder / "codec.safetensors").exists():
        before = standing(folder)
        wait = draw.uniform(0, 0.3)
        moments = []

        def ready(before=before, wait=wait, moments=moments):
            if not moments and standing(folder) != before:  # some way on, then at any moment
                moments.append(time.monotonic() + wait)
            return bool(moments) and time.monotonic() > moments[0]

        killed += run_until(run, data, ready) == -signal.SIGKILL
    assert killed == 5
    train(run, data)
    assert_same_run(run, whole)


def standing(folder):
    """What a run has on disk of its stages."""
    return sorted(p.name for p in [*folder.glob("checkpoints/*/*.ckpt"), *folder.glob("stages/*.safetensors")])


def test_workers_change_nothing(whole, tiny):
    run, data = tiny(STAGES, **{**CHANGES, "trainer": {**CHANGES["trainer"], "workers": 1}})
    train(run, data)
    assert_same_run(run, whole)


def test_log_of_a_killed_run_has_every_step_once(tiny):
    run, data = tiny(["frame"], **CHANGES)
    run_until(run, data, (Path(run.dir) / "checkpoints/frame/000000004.ckpt").exists)
    train(run, data)
    with (Path(run.dir) / "metrics.csv").open(newline="") as file:
        steps = [int(row["step"]) for row in csv.DictReader(file) if row["train/loss"]]
    assert steps == list(range(1, 9))


def test_rows_that_will_come_again_are_dropped(tmp_path):
    log = tmp_path / "metrics.csv"
    log.write_text("a,stage_name,step,z\n1,motion,8,\n2,frame,8,\n3,frame,9,4\n5,fra")
    Rows(log, step=8, anew="frame")
    assert log.read_text().split() == ["a,stage_name,step", "1,motion,8"]
    Rows(tmp_path / "none.csv", step=0)
    assert not (tmp_path / "none.csv").exists()


def test_a_log_is_whole_whenever_a_column_is_added(tmp_path, monkeypatch):
    log, seen = tmp_path / "metrics.csv", []
    rows = Rows(log, step=0)
    rows.add({"step": 1, "b": 1})
    replace = os.replace

    def killed_before(*paths):
        seen.append(read_rows(log))
        replace(*paths)

    monkeypatch.setattr(os, "replace", killed_before)
    rows.add({"step": 2, "a": 2, "b": 2})
    assert seen == [[{"b": "1", "step": "1"}]]
    assert read_rows(log) == [{"a": "", "b": "1", "step": "1"}, {"a": "2", "b": "2", "step": "2"}]


def test_torn_checkpoint_is_passed_over_loudly(whole, tiny, capsys):
    run, data = tiny(STAGES, **CHANGES)
    folder = Path(run.dir, "checkpoints", "frame")
    run_until(run, data, (folder / "000000004.ckpt").exists)
    newest = sorted(folder.glob("*.ckpt"))[-1]
    newest.write_bytes(newest.read_bytes()[: newest.stat().st_size // 2])
    train(run, data)
    assert f"{newest}: damaged checkpoint" in capsys.readouterr().err
    assert_same_run(run, whole)


def test_no_readable_checkpoint_is_an_error_that_says_what_to_do(tiny):
    run, data = tiny(["frame"], **CHANGES)
    folder = Path(run.dir, "checkpoints", "frame")
    run_until(run, data, (folder / "000000002.ckpt").exists)
    for path in folder.glob("*.ckpt"):
        path.write_bytes(b"torn")
    with pytest.raises(UserError, match="no checkpoint can be read"):
        train(run, data)


def test_checkpoints_of_a_finished_stage_are_cleared_away(tiny):
    run, data = tiny(["frame"])
    train(run, data)
    left = Path(run.dir, "checkpoints", "frame", "000000001.ckpt")
    left.parent.mkdir(parents=True)
    left.touch()
    train(run, data)
    assert not Path(run.dir, "checkpoints").exists()


def test_later_stages_may_be_added_by_stopping_later(whole, tiny):
    run, data = tiny(STAGES, **CHANGES)
    data["schedule"]["stop_after"] = "motion"
    from lvc.config.run import build_run

    train(build_run(data), data)
    data["schedule"]["stop_after"] = None
    train(build_run(data), data)
    assert_same_run(run, whole)
