"""Numbers are finite, and no true or false; texts find home; names fit a file system."""

import os
from pathlib import Path

import pytest

from lvc.config.compose import compose
from lvc.config.contract import ConfigError
from lvc.config.run import build_run
from tests.commands import train


@pytest.mark.parametrize(
    "words, complaint",
    [
        (["schedule.all.lr=inf"], r"lr: is a finite number, got inf"),
        (["optimizer.kwargs.weight_decay=nan"], r"optimizer\.kwargs\.weight_decay: is a finite number, got nan"),
        (["dataset.augment.scale=[inf,inf]"], r"dataset\.augment\.scale\.0: is a finite number"),
        (["loss.lmbda=true"], r"loss\.lmbda: is a number, got true"),
        (["trainer.workers=false"], r"trainer\.workers: is a number, got false"),
        (["seed=-1"], r"seed: .*greater than or equal to 0"),
        (["seed=18446744073709551617"], r"seed: .*less than"),
    ],
)
def test_what_is_no_number_is_refused_by_name(words, complaint):
    with pytest.raises(ConfigError, match=complaint):
        build_run(compose("train", ["size=tiny", *words]))


def test_an_empty_variable_is_not_set(monkeypatch):
    monkeypatch.setenv("LVC_RUNS", "")
    assert compose("train", ["name=a"])["dir"] == "runs/a"
    monkeypatch.setenv("LVC_RUNS", "/elsewhere")
    assert compose("train", ["name=a"])["dir"] == "/elsewhere/a"


def test_home_is_found():
    assert compose("train", ["dataset=folder", "dataset.path='~/x'"])["dataset"]["path"] == os.path.expanduser("~/x")


def test_debug_runs_have_folders_of_their_own():
    here = compose("train", ["debug=one_batch"])["dir"]
    assert here == compose("train", ["debug=one_batch"])["dir"] and str(os.getpid()) in Path(here).name


def test_long_names_of_a_sweep_are_shortened():
    long = ",".join(f"some.option{n}=value" for n in range(30))
    folder = compose("train", [f"+short='${{member_folder:\"{long}\"}}'", f"+other='${{member_folder:\"{long}x\"}}'"])
    assert len(folder["short"].encode()) < 200 and folder["short"] != folder["other"]


@pytest.mark.parametrize("word, letter", [("name=a;b", ";"), ("name=a(b", "("), ("name=ä", "ä")])
def test_the_letter_that_is_not_liked_is_named(word, letter, tmp_path):
    done = train(word, cwd=tmp_path)
    assert done.code == 2 and f"it holds '{letter}', so quote the value" in done.err
