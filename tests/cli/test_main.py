"""What a terminal shows: exit codes, one-line mistakes, no clutter, and answers before torch is loaded."""

import os
import subprocess
import sys

import numpy as np
import pytest

from lvc.datasets.video import VideoReader
from tests.commands import ROOT

HEAVY = ("torch", "pytorch_lightning", "compressai", "matplotlib", "wandb", "scipy")

LOADED = f"""
import atexit, runpy, sys
atexit.register(lambda: print("LOADED", *(m for m in {HEAVY} if m in sys.modules)))
program, sys.argv = sys.argv[1], sys.argv[1:]
if program.endswith(".py"):
    runpy.run_path(program, run_name="__main__")
else:
    runpy.run_module(program, run_name="__main__", alter_sys=True)
"""
"""Runs a program and says which heavy packages it loaded."""


def call(*command, cwd, **env):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **env}
    return subprocess.run(
        [sys.executable, *map(str, command)], cwd=cwd, env=environment, capture_output=True, text=True, timeout=300
    )


def test_a_video_goes_through_two_processes_and_nothing_clutters_the_terminal(tmp_path, scenes, tiny_export, coded):
    cache = {"LVC_CACHE": str(tmp_path / "cache")}
    encoding = call("-m", "lvc", "encode", scenes / "scene", "a.lvc", "--model", tiny_export, cwd=tmp_path, **cache)
    assert (encoding.returncode, encoding.stderr) == (0, "")
    decoding = call("-m", "lvc", "decode", "a.lvc", "a.mkv", cwd=tmp_path, **cache)
    assert (decoding.returncode, decoding.stderr) == (0, "")
    for decoded, sent in zip(VideoReader(tmp_path / "a.mkv"), coded[1], strict=True):
        assert np.array_equal(decoded, sent)


@pytest.mark.parametrize(
    ("code", "arguments"),
    [
        (0, [ROOT / "train.py", "--help"]),
        (2, [ROOT / "train.py", "model=foo"]),
        (2, [ROOT / "train.py", "schedule.stages.joint.crop=100"]),
        (0, [ROOT / "evaluate.py", "--help"]),
        (2, [ROOT / "evaluate.py", "codecs=[x266]"]),
        (0, ["lvc", "--help"]),
        (0, ["lvc", "encode", "--help"]),
        (2, ["lvc", "summary", "dcvc_tcm", "model.channel=3"]),
        (2, ["lvc", "info", "missing.lvc"]),
    ],
)
def test_pages_and_mistakes_are_answered_before_anything_heavy_is_loaded(tmp_path, code, arguments):
    done = call("-c", LOADED, *arguments, cwd=tmp_path)
    assert done.returncode == code, done.stderr
    assert done.stdout.splitlines()[-1].strip() == "LOADED"
    assert done.stderr.count("\n") == (code == 2)


def test_info_of_a_bitstream_needs_no_torch(tmp_path, coded):
    done = call("-c", LOADED, "lvc", "info", coded[0], cwd=tmp_path)
    assert done.stdout.splitlines()[-1].strip() == "LOADED"
    assert done.stdout.startswith("model")


def test_a_reader_that_leaves_early_is_no_mistake(tmp_path):
    command = f"{sys.executable} -m lvc summary --help | head -n 1; exit ${{PIPESTATUS[0]}}"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_command_is_needed(tmp_path):
    done = call("-m", "lvc", cwd=tmp_path)
    assert done.returncode == 2
    assert "usage: python -m lvc" in done.stderr and "Traceback" not in done.stderr
