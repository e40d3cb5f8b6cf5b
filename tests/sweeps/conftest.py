import json
from pathlib import Path

import pytest

from lvc.config.run import build_run
from tests.training.conftest import compose


def make(folder: Path, lmbda: float, **changes) -> dict:
    """Train for two steps, in a folder named as train.py names it."""
    from lvc.training.run import train

    name = changes.pop("name", f"tiny-mse-{lmbda}")
    options = {"loss": {"lmbda": lmbda}, "name": name, "stage": {"steps": 1}}
    data = compose(folder / name, changes.pop("stages", ("frame",)), **{**options, **changes})
    train(build_run(data), data)
    return data


@pytest.fixture(scope="session")
def swept(tmp_path_factory) -> Path:
    """Two rate points of one system, one of another, an unfinished run and a failed member."""
    folder = tmp_path_factory.mktemp("swept")
    anchor = {"name": "recorded", "bpp": [0.001, 50.0], "psnr": [1.0, 99.0]}
    for lmbda in (256, 2048):
        make(folder, lmbda, anchor=anchor)
    make(folder, 256, name="tiny-mse-256/seed=1", seed=1, anchor=anchor)
    half = make(folder, 512, name="half-mse-512", stages=("motion", "frame"), schedule={"stop_after": "motion"})
    _ask_for_the_rest(folder, half)
    (folder / "tiny-mse-4096").mkdir()
    (folder / "tiny-mse-4096" / "error.txt").write_text("dataset.path: no such folder\n")
    return folder


def _ask_for_the_rest(folder: Path, data: dict) -> None:
    """What the same command without `schedule.stop_after` records before its first step."""
    from lvc.training.resume import RunState

    whole = json.loads(json.dumps(data))
    whole["schedule"]["stop_after"] = None
    RunState(folder / data["name"], whole).save()
