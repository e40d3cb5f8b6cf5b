"""Members of a multirun under every launcher that is installed: folders, groups, failures; and searches."""

import importlib.util
import os
import subprocess
import sys

import pytest
import yaml

from lvc.config.compose import compose, swept
from lvc.config.groups import choices
from lvc.config.multirun import group_name
from lvc.config.run import build_run

from .test_compose import ROOT, call, ran

APP = """
import os
from lvc.config.compose import run_main
from lvc.config.run import build_run
from lvc.errors import UserError

def run(config, composed):
    os.makedirs(config.dir, exist_ok=True)
    with open(config.dir + "/ran", "a") as file:
        file.write(f"{config.logger.group}\\n{os.getpid()}\\n")
    if config.seed == 7:
        raise UserError("dataset.path: no such folder")
    if config.seed == 9:
        raise RuntimeError("out of memory")
    lr = config.schedule.stages["joint"].lr
    print("RAN", config.name, lr, flush=True)
    return abs(lr - 1e-4)

if __name__ == "__main__":
    run_main("train", build_run, run)
"""
"""An entry point like train.py whose members take no time and whose cost is least at a learning rate of 1e-4."""

PLUGINS = {"joblib": "hydra_joblib_launcher", "submitit_local": "hydra_submitit_launcher"}


def needs(plugin):
    return pytest.mark.skipif(importlib.util.find_spec(f"hydra_plugins.{plugin}") is None, reason=f"no {plugin}")


LAUNCHERS = [pytest.param(name, marks=needs(plugin), id=name) for name, plugin in PLUGINS.items()]


@pytest.fixture
def app(tmp_path):
    path = tmp_path / "app.py"
    path.write_text(APP)
    return path


def start(app, *arguments):
    """Run the entry point as a file, as launchers find it."""
    command, env = [sys.executable, str(app), *arguments], {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=app.parent, env=env, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_members_that_fail_elsewhere_are_told_of_and_the_others_go_on(app, launcher):
    done = start(app, "-m", f"hydra/launcher={launcher}", "seed=1,7,2,9", "size=tiny")
    folder = app.parent / "runs" / "dcvc_tcm-tiny-mse-1024"
    notes = {seed: (folder / f"seed={seed}" / "ran").read_text().split("\n") for seed in (1, 7, 2, 9)}
    assert {note[0] for note in notes.values()} == {"dcvc_tcm-tiny-mse-1024 by seed"}
    errors = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    where = "runs/dcvc_tcm-tiny-mse-1024/seed="
    assert errors == [
        f"error: {where}7: dataset.path: no such folder",
        f"error: {where}9: RuntimeError: out of memory (see {where}9/error.txt)",
    ]
    assert done.returncode == 1, "what is nobody's mistake weighs more"
    assert (folder / "seed=7" / "error.txt").read_text() == "dataset.path: no such folder\n"
    assert "Traceback" in (folder / "seed=9" / "error.txt").read_text()
    assert not (folder / "seed=1" / "error.txt").exists() and not (folder / ".failed").exists()


@needs("hydra_optuna_sweeper")
def test_a_search_finds_the_best_and_asks_the_same_when_it_is_started_again(app):
    rates = "schedule.all.lr=tag(log,interval(1e-5,1e-3))"
    command = ["-m", "hydra/sweeper=search", "hydra.sweeper.n_trials=4", rates, "dir=here"]
    first, again = (start(app, *command) for _ in range(2))
    assert len(ran(first)) == 4 and ran(first) == ran(again)
    best = min((float(row[1]) for row in ran(first)), key=lambda lr: abs(lr - 1e-4))
    found = yaml.safe_load((app.parent / "here" / "optimization_results.yaml").read_text())
    assert found["best_params"] == {"schedule.all.lr": pytest.approx(best)}


@needs("hydra_optuna_sweeper")
def test_a_search_goes_on_after_a_trial_that_fails(app):
    command = ["-m", "hydra/sweeper=search", "hydra.sweeper.n_trials=4", "seed=7,8", "dir=here"]
    done = start(app, *command)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert 0 < done.stderr.count("error: dataset.path") < 4


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["schedule.all.lr=interval(1e-5,1e-3)"], "schedule.all.lr: an interval needs a search"),
        (["hydra/sweeper=search", "schedule.all.lr=interval(-1,1e-3)"], "schedule.all.lr: input should be greater"),
        (["hydra/sweeper=search", "loss.lmbda=1,2"], "loss.lmbda: a search compares validation costs"),
        (["hydra/launcher=nowhere", "seed=1,2"], "hydra/launcher: 'nowhere' is not "),
        (["model=intra_cheng2020", "sweep=ablation"], "sweep: ablation: intra_cheng2020 has no ablations"),
    ],
)
def test_multiruns_that_cannot_be_are_refused_in_one_line(tmp_path, overrides, said):
    if "hydra/sweeper=search" in overrides and importlib.util.find_spec("hydra_plugins.hydra_optuna_sweeper") is None:
        pytest.skip("no hydra_optuna_sweeper")
    done = call("-m", *overrides, cwd=tmp_path, script=APP)
    assert done.returncode == 2 and done.stderr.startswith(f"error: {said}") and done.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_slurm_is_refused_where_there_is_none(tmp_path):
    if importlib.util.find_spec("hydra_plugins.hydra_submitit_launcher") is None:
        pytest.skip("no hydra_submitit_launcher")
    script = f"import os\nos.environ['PATH'] = ''\n{APP}"
    done = call("-m", "hydra/launcher=slurm", "seed=1,2", cwd=tmp_path, script=script)
    assert (done.returncode, done.stderr) == (
        2,
        "error: hydra/launcher: slurm needs sbatch, and this machine has none\n",
    )


def test_members_are_grouped_by_what_they_share_and_differ_in():
    assert group_name(["tcm-mse-256", "tcm-mse-2048"], ["loss.lmbda"]) == "tcm-mse by loss.lmbda"
    assert group_name(["tcm", "tcm"], ["seed", "size"]) == "tcm by seed, size"
    assert group_name(["no_mining-mse", "dcvc_tcm-mse"], ["experiment"]) == "experiment"


SYSTEMS = sorted({name.partition("_ablation/")[0] for name in choices("experiment") if "_ablation/" in name})


@pytest.mark.parametrize("model", SYSTEMS)
def test_ablations_of_every_system_that_has_some_compose(model):
    axes, fixed = swept("train", [f"model={model}", "sweep=ablation", "size=tiny"])
    rows = axes["experiment"]["values"]
    assert rows[0] == f"{model}_psnr" and len(rows) == len(set(rows)) > 2
    for row in (rows[1], rows[-1]):
        assert build_run(compose("train", [*fixed, f"experiment={row}"])).model.name == model
