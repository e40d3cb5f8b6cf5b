"""Another package's codec, metric, data set and optimiser are used without a line changed in lvc."""

import csv
import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from tests.conftest import ROOT

OUTSIDE = ROOT / "tests" / "outside"
CHOICES = ["model=example", "size=tiny", "dataset=squares", "optimizer=sign", "trainer.progress=false"]
PLAIN = ["trainer.workers=0", "trainer.accelerator=cpu", "trainer.validation_frames=3", "trainer.pictures=0"]


def lvc(*command, check=True):
    """Run a command of the checkout with the other package installed beside it."""
    paths = os.pathsep.join([str(ROOT), str(OUTSIDE)])
    environment = os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", *map(str, command)], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert not check or done.returncode == 0, done.stderr
    return done


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("outside") / "run"
    done = lvc("train.py", *CHOICES, *PLAIN, f"dir={folder}")
    return folder, done


def test_it_trains_with_its_own_data_loss_and_optimiser(run):
    folder, done = run
    assert "warning: lvc.models: broken = lvc_example.config:Missing is left out (AttributeError" in done.stderr
    with (folder / "metrics.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row.get("val/mae")]
    assert len(rows) == 2  # at the stage's entry and end
    before, after = (float(row["val/mae"]) for row in rows)
    assert 0 < after < before


def test_it_is_listed_beside_the_models_of_lvc():
    (line,) = [x for x in lvc("-m", "lvc", "models", "example").stdout.splitlines() if " full " in x]
    assert line.split()[0] == "example" and line.endswith("[intra change] An example of another package")


def test_it_is_evaluated_by_its_own_metric(run, tmp_path):
    folder, _ = run
    (tmp_path / "videos" / "clip").mkdir(parents=True)
    for number in range(2):
        picture = np.random.RandomState(number).randint(0, 255, (64, 64, 3), np.uint8)
        Image.fromarray(picture).save(tmp_path / "videos" / "clip" / f"{number}.png")
    choices = [
        f"exports={folder / 'codec.safetensors'}",
        f"dataset.path={tmp_path / 'videos'}",
        "codecs=[]",
        "bdrate.anchor=example-tiny",
    ]
    lvc("evaluate.py", *choices, "protocol.frames=2", "protocol.metrics=[psnr,mae]", f"output={tmp_path / 'out'}")
    (record,) = (json.loads(path.read_text()) for path in (tmp_path / "out" / "records").glob("*.json"))
    assert 0 < record["metrics"]["mae"] < 1 and len(record["per_frame"]["mae"]) == 2
    assert "MAE" in (tmp_path / "out" / "report.html").read_text()


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ("optimizer.name=Lion", "error: optimizer.name: 'Lion' is not one of 'AdamW', 'Adam', 'SGD', 'sign'"),
        ("optimizer.name=lvc_example.Lion", "error: optimizer.name: 'lvc_example.Lion' cannot be imported"),
        ("model=broken", "error: model: 'broken' is not one of"),
        ("schedule.stages.all_parts.train=[motion]", "example has no part 'motion'; choices are: intra, change"),
    ],
)
def test_its_mistakes_are_one_line_too(choice, message, tmp_path):
    done = lvc("train.py", *CHOICES, *PLAIN, f"dir={tmp_path / 'run'}", choice, check=False)
    assert done.returncode == 2 and message in done.stderr
    assert "Traceback" not in done.stderr


def test_the_page_shows_the_package():
    page = (ROOT / "docs" / "adding-a-metric.md").read_text(encoding="utf-8")
    assert f"```python\n{(OUTSIDE / 'lvc_example' / 'metric.py').read_text()}```" in page
    shown = re.search(r"```toml\n(.*?)```", page, re.DOTALL)[1].replace('project.entry-points."', "").replace('"', "")
    points = (OUTSIDE / "lvc_example-0.1.dist-info" / "entry_points.txt").read_text()
    assert shown == points.replace("broken = lvc_example.config:Missing\n", "")
