import os
import subprocess
import sys
from pathlib import Path

import pytest

from lvc.export import read_export
from lvc.training import precision
from lvc.training.resume import RunState
from lvc.training.run import train

AUTO = {"stage": {"precision": "auto"}}


@pytest.fixture
def share(monkeypatch):
    """Make bfloat16 take this share of float32's time."""
    return lambda value: monkeypatch.setattr(precision, "bfloat16_share", lambda: value)


@pytest.mark.parametrize(("value", "found"), [(0.4, "bf16-mixed"), (0.9, "32-true"), (8.0, "32-true")])
def test_auto_is_what_is_faster_here(tiny, share, value, found):
    share(value)
    run, known = precision.settle(tiny(["frame"], **AUTO)[0], None)
    assert (run.schedule.stages["frame"].precision, known) == (found, found)


def test_a_precision_that_was_chosen_stays_and_nothing_is_measured(tiny, monkeypatch):
    monkeypatch.delattr(precision, "bfloat16_share")
    run = tiny(["frame"])[0]
    assert precision.settle(run, None) == (run, None)


def test_a_resumed_run_keeps_what_it_began_with(tiny, share):
    run, data = tiny(["motion", "frame"], **AUTO)
    share(0.4)
    train(*tiny(["motion", "frame"], schedule=data["schedule"] | {"stop_after": "motion"}))
    share(8.0)
    export = train(run, data)
    assert RunState(export.parent, data).precision == "bf16-mixed"
    assert read_export(export)[0]["provenance"]["precision"] == "bf16-mixed"


def test_without_instructions_for_bfloat16_it_is_float32():
    code = "from lvc.training.precision import bfloat16_share; print(bfloat16_share())"
    environment = os.environ | {"ONEDNN_MAX_CPU_ISA": "AVX2"}
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, env=environment, capture_output=True, text=True)
    assert float(done.stdout) > 1, done.stderr
