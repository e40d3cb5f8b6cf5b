"""The demo's commands can be typed, whatever clips there are."""

import argparse
import json
import os
import stat
import subprocess
from pathlib import Path

import pytest

from lvc.__main__ import COMMANDS
from lvc.config.compose import compose
from lvc.config.evaluate import build_evaluation
from lvc.config.run import build_run
from tests.conftest import ROOT

PYTHON = """#!/usr/bin/env python3
import json, os, pathlib, sys
with open(os.environ["TYPED"], "a") as file:
    print(json.dumps(sys.argv[1:]), file=file)
made = {"demo.scenes": "", "data.build": "train"}
if sys.argv[2] in made:
    folder = pathlib.Path(sys.argv[3 if sys.argv[2] == "demo.scenes" else 4], made[sys.argv[2]])
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(int(os.environ["CLIPS"])):
        (folder / f"clip{number}.mkv").touch()
"""


def demo(folder: Path, *arguments, clips: int = 10, **environment):
    """Run the demo with a python that only notes what it is told; returns the process, and what was told."""
    python = folder / "bin" / "python"
    python.parent.mkdir()
    python.write_text(PYTHON)
    python.chmod(python.stat().st_mode | stat.S_IXUSR)
    given = {"TYPED": str(folder / "typed"), "DEMO_OUT": str(folder / "out"), "CLIPS": str(clips), **environment}
    path = f"{python.parent}:{os.environ['PATH']}"
    command = ["bash", ROOT / "demo" / "run.sh", *arguments]
    done = subprocess.run(command, env=os.environ | given | {"PATH": path}, capture_output=True, text=True)
    return done, [json.loads(line) for line in (folder / "typed").read_text().splitlines()]


def check(arguments: list[str]) -> str:
    """Compose what a command asks for; returns what it is."""
    if arguments[0] == "-m":
        if arguments[1] == "lvc":
            parser = argparse.ArgumentParser()
            COMMANDS[arguments[2]].add_arguments(parser)
            parser.parse_args(arguments[3:])
        return " ".join(arguments[1 : 3 if arguments[1] == "lvc" else 2])
    name = arguments[0].removesuffix(".py")
    {"train": build_run, "evaluate": build_evaluation}[name](compose(name, arguments[1:]))
    return name


CODING = ["lvc encode", "lvc info", "lvc decode", "evaluate", "train", "evaluate"]


def test_on_rendered_scenes(tmp_path):
    done, typed = demo(tmp_path, LVC_DATA=str(tmp_path / "nothing"))
    assert done.returncode == 0, done.stderr
    assert [check(one) for one in typed] == ["demo.scenes", *CODING]
    assert "dataset=synthetic" in typed[5] and "Rendered scenes" in done.stdout


def test_on_clips_that_are_there(tmp_path):
    for folder, name in (("train", "a.mkv"), ("test", "b_416x240.mkv"), ("test", "large.mkv")):
        (tmp_path / "data" / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / "data" / folder / name).touch()
    done, typed = demo(tmp_path, LVC_DATA=str(tmp_path / "data"))
    assert done.returncode == 0, done.stderr
    assert [check(one) for one in typed] == CODING
    assert typed[0][3].endswith("test/b_416x240.mkv") and [p.name for p in (tmp_path / "out/test").iterdir()]


def test_on_videos_of_ones_own_measures_clips_that_it_does_not_train_on(tmp_path):
    videos = tmp_path / "my videos"
    videos.mkdir()
    done, typed = demo(tmp_path, videos)
    assert done.returncode == 0, done.stderr
    assert [check(one) for one in typed] == ["data.build", *CODING]
    out = tmp_path / "out" / "my videos"
    kept, trained = ({p.name for p in (out / name).iterdir()} for name in ("test", "train"))
    assert (len(kept), len(trained)) == (2, 8) and not kept & trained


@pytest.mark.parametrize("clips", [0, 1])
def test_too_few_clips_are_said(tmp_path, clips):
    videos = tmp_path / "few"
    videos.mkdir()
    done, typed = demo(tmp_path, videos, clips=clips)
    assert done.returncode == 2 and len(typed) == 1
    assert f"error: {videos}: gives {clips} clips, and the demo needs 2 or more" in done.stderr
