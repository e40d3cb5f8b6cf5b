import json

import pytest

pytest.importorskip("wandb_workspaces", reason="wandb-workspaces is not installed")

from lvc.__main__ import main
from lvc.training.loggers import GROUPS
from lvc.training.workspace import LINES, build_workspace


def test_a_dry_run_prints_the_workspace(capsys):
    assert main(["dashboard", "--project", "codecs", "--name", "mine", "--dry-run"]) == 0
    view = json.loads(capsys.readouterr().out)
    assert (view["project"], view["displayName"]) == ("codecs", "mine")
    sections = view["spec"]["section"]["panelBankConfig"]["sections"]
    assert [s["name"] for s in sections] == ["val", "rate and distortion", "bits", "train", "stage", "system"]
    assert view["spec"]["section"]["settings"]["xAxis"] == "progress/step"
    assert sum(len(s["panels"]) for s in sections) > 15


def test_panels_show_groups_that_runs_log():
    groups = {pattern.partition("/")[0] for pattern in GROUPS}
    shown = {metric.partition("/")[0] for panels in LINES.values() for metrics in panels.values() for metric in metrics}
    assert shown <= groups


def test_the_workspace_survives_the_packages_own_round_trip():
    from wandb_workspaces.workspaces import Workspace

    view = build_workspace("codecs", "team")._to_model()
    again = Workspace._from_model(view)._to_model()
    assert [s.name for s in again.spec.section.panel_bank_config.sections] == [
        s.name for s in view.spec.section.panel_bank_config.sections
    ]


def test_saving_needs_an_account(capsys, monkeypatch, tmp_path):
    assert main(["dashboard"]) == 2
    assert capsys.readouterr().err.startswith("error: --entity: names the wandb team")
