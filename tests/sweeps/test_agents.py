"""The sweep.yaml of every system: what wandb accepts, and what its agents would start."""

import pytest
import yaml

from lvc.__main__ import main
from lvc.config.compose import compose
from lvc.config.groups import choices
from lvc.config.run import build_run
from lvc.sweeps.agents import sweep_config

NEEDED = {
    "pmctf_l": ["dataset.clip_frames=16"],  # its last stages train on 16 frames
    "resolution_classifier": ["model.codec=codec.safetensors", "dataset.clip_frames=16"],
}
"""What a user has to say of some systems."""


def started_with(definition, monkeypatch):
    """The first command of an agent, put together by wandb's own code."""
    from wandb.sdk.launch.sweeps.utils import create_sweep_command, create_sweep_command_args

    chosen = {
        key: {"value": a["values"][0] if "values" in a else a["min"]} for key, a in definition["parameters"].items()
    }
    args = create_sweep_command_args({"args": chosen})["args_no_hyphens"]
    monkeypatch.setenv("WANDB_RUN_ID", "abc123")
    words = create_sweep_command(list(definition["command"]))
    at = words.index("${args_no_hyphens}")
    return [*words[3:at], *args]


@pytest.mark.parametrize("model", choices("model"))
def test_every_system_has_a_sweep_that_its_agents_can_run(model, tmp_path, monkeypatch):
    path = tmp_path / "sweep.yaml"
    assert main(["wandb-sweep", f"model={model}", *NEEDED.get(model, []), "--out", str(path)]) == 0
    definition = yaml.safe_load(path.read_text())
    run = build_run(compose("train", started_with(definition, monkeypatch)))
    assert (run.model.name, run.loss.lmbda) == (model, run.loss.choices[0])
    assert run.dir == "runs/sweeps/abc123" and run.logger.wandb and run.logger.mode == "online"


def test_a_range_is_searched_for_the_lowest_cost(monkeypatch):
    definition = sweep_config(["sweep=learning_rate", "size=tiny", "logger=wandb"])
    assert definition["method"] == "bayes" and definition["metric"]["goal"] == "minimize"
    assert definition["parameters"] == {
        "schedule.all.lr": {"distribution": "log_uniform_values", "min": 1e-5, "max": 1e-3}
    }
    run = build_run(compose("train", started_with(definition, monkeypatch)))
    assert {stage.lr for stage in run.schedule.stages.values()} == {1e-5}
    assert run.size == "tiny"


def test_wandbs_own_schema_accepts_both():
    sweeps = pytest.importorskip("sweeps", reason="the package that validates wandb sweeps is not installed")
    for overrides in (["loss.lmbda=256,512", "seed=0,1"], ["sweep=learning_rate"]):
        assert not sweeps.schema_violations_from_proposed_config(sweep_config(overrides))


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["loss.lmbda=256,-1"], "loss.lmbda: input should be greater than 0"),
        (["schedule.all.lr=interval(1e-5,1e-3)", "loss.lmbda=1,2"], "loss.lmbda: a search compares validation costs"),
        (["modle=dcvc_tcm"], "modle: unknown option; did you mean 'model'?"),
    ],
)
def test_mistakes_are_answered_in_one_line(overrides, said, tmp_path, capsys):
    assert main(["wandb-sweep", *overrides, "--out", str(tmp_path / "sweep.yaml")]) == 2
    assert capsys.readouterr().err.startswith(f"error: {said}")
    assert not list(tmp_path.iterdir())
