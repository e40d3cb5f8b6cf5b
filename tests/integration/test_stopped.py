"""Runs that are told to stop save, say so with an exit code of their own, and end as if nobody had stopped them."""

import os
import signal
from pathlib import Path

import pytest
import torch

from lvc.config.compose import compose
from lvc.config.run import build_run
from lvc.training.run import train as train_here
from lvc.training.same import differences, figures
from tests.commands import _run, assert_refused, train
from tests.training.test_distributed import in_two_processes

from .conftest import QUICK, SMALL

SCENES = ["dataset.height=64", "dataset.width=96", "dataset.clips=8", "dataset.shapes=6"]
PLAN = [
    *("schedule=tcm_short", "schedule.order=[mv_rate,joint]", "schedule.stages.mv_rate.steps=10"),
    "schedule.stages.mv_rate.on_enter.start.clips=8",
    *("schedule.stages.joint.steps=16", "trainer.progress=false", "trainer.log_every=2", "trainer.validate_every=5"),
]
"""Two stages with frozen parts; figures are logged, and clips measured, at other batches than those of checkpoints."""

COMMAND = [*SMALL, *QUICK, *SCENES, *PLAN]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The run that nobody stopped."""
    folder = tmp_path_factory.mktemp("whole")
    done = train(*COMMAND, "dir=run", cwd=folder)
    assert done.code == 0, done.err
    return folder / "run"


def assert_same_weights(run: Path, whole: Path) -> None:
    """Equal weights, bit for bit."""
    assert not differences(run, whole)["weights"]


def written(path: Path, lines: int):
    """Whether a log has so many rows."""
    return lambda: path.is_file() and len(path.read_text().splitlines()) > lines


def test_asked_to_end_or_interrupted_again_and_again(tmp_path, whole):
    log = tmp_path / "run" / "metrics.csv"
    for how in (signal.SIGTERM, signal.SIGINT, signal.SIGTERM):
        more = len(figures(tmp_path / "run")) + 2 if log.is_file() else 2
        done = train(*COMMAND, "dir=run", cwd=tmp_path, kill_when=written(log, more), kill_with=how)
        assert done.code == 128 + how, done
        said = done.err.splitlines()
        assert len(said) == 1 and said[0].startswith(f"stopped by {how.name} after batch ") and "Traceback" not in said
    done = train(*COMMAND, "dir=run", cwd=tmp_path)
    assert done.code == 0 and "continuing stage" in done.out
    assert_same_weights(tmp_path / "run", whole)
    assert figures(tmp_path / "run") == figures(whole)


@pytest.mark.parametrize(("array", "queued"), [(False, "42"), (True, "40_3")])
def test_a_slurm_job_whose_time_is_up_is_queued_again(tmp_path, whole, array, queued):
    (tmp_path / "bin").mkdir()
    scontrol = tmp_path / "bin" / "scontrol"
    scontrol.write_text(f'#!/bin/sh\nls "{tmp_path}"/run/checkpoints/*/ > "{tmp_path}/saved"\necho "$@" > asked\n')
    scontrol.chmod(0o755)
    job = {"SLURM_JOB_ID": "42", "SLURM_JOB_NAME": "train", "SLURM_NTASKS": "1", "SLURM_PROCID": "0"}
    job |= {"PATH": f"{scontrol.parent}:{os.environ['PATH']}"}
    job |= {"SLURM_ARRAY_JOB_ID": "40", "SLURM_ARRAY_TASK_ID": "3"} if array else {}
    log, how = tmp_path / "run" / "metrics.csv", signal.SIGUSR1
    done = train(*COMMAND, "dir=run", cwd=tmp_path, env=job, kill_when=written(log, 3), kill_with=how)
    assert done.code == 128 + how, done
    assert (tmp_path / "asked").read_text() == f"requeue {queued}\n"
    batch = int(done.err.partition("after batch ")[2].split()[0])
    assert f"{batch:09d}.ckpt" in (tmp_path / "saved").read_text()  # before the job was queued again
    if not array:
        assert train(*COMMAND, "dir=run", cwd=tmp_path, env=job).code == 0
        assert_same_weights(tmp_path / "run", whole)
        assert figures(tmp_path / "run") == figures(whole)


def test_a_job_that_cannot_be_queued_again_is_saved_all_the_same(tmp_path):
    job = {"SLURM_JOB_ID": "42", "SLURM_JOB_NAME": "train", "PATH": str(tmp_path)}
    log, how = tmp_path / "run" / "metrics.csv", signal.SIGUSR1
    done = train(*COMMAND, "dir=run", cwd=tmp_path, env=job, kill_when=written(log, 3), kill_with=how)
    assert done.code == 128 + how and "warning: job 42 could not be queued again" in done.err
    assert list((tmp_path / "run" / "checkpoints").glob("*/*.ckpt"))


@pytest.mark.skipif(not torch.distributed.is_available(), reason="torch without torch.distributed")
def test_what_processes_cannot_do_is_said_once(tmp_path):
    options = ["trainer.devices=2", "trainer.batch_size=global", "schedule.all.batch_size=3", "dir=run"]
    done = train(*COMMAND, *options, cwd=tmp_path)
    said = "trainer.batch_size: global, but 2 processes cannot share 3 clips evenly; choose schedule.stages.mv_rate"
    assert_refused(done, said)


@pytest.mark.skipif(not torch.distributed.is_available(), reason="torch without torch.distributed")
def test_two_processes_are_stopped_and_continue_together(tmp_path):
    several = [*COMMAND, "trainer=ddp", *QUICK, "trainer.batch_size=global", "schedule.all.batch_size=2"]
    several += ["schedule.order=[joint]", "schedule.stages.joint.steps=12", "trainer.validate_every=null"]
    composed = compose("train", [*several, f"dir={tmp_path / 'whole'}"])
    in_two_processes(train_here, build_run(composed), composed)
    log = tmp_path / "run" / "metrics.csv"
    own = [*several, "dir=run", "trainer.devices=2"]
    done = train(*own, cwd=tmp_path, kill_when=written(log, 3), kill_with=signal.SIGTERM)
    assert done.code == 128 + signal.SIGTERM, done
    assert "stopped by SIGTERM after batch" in done.err and "Traceback" not in done.err
    torchrun = ["--standalone", "--nproc-per-node=2", Path(__file__).parents[2] / "train.py", *several, "dir=run"]
    done = _run("torch.distributed.run", tuple(torchrun), cwd=tmp_path)
    assert done.code == 0 and "continuing stage" in done.out, done
    assert_same_weights(tmp_path / "run", tmp_path / "whole")
    for ours, theirs in zip(figures(tmp_path / "run"), figures(tmp_path / "whole"), strict=True):
        assert ours.keys() == theirs.keys()
        numbers = [key for key in ours if key != "stage_name"]
        assert [float(ours[k]) for k in numbers] == pytest.approx([float(theirs[k]) for k in numbers], rel=1e-6)
