"""Runs in any state become one table, curves and BD-rates; estimates and measurements are never mixed."""

import csv
import json

import pytest

from lvc.__main__ import main
from lvc.sweeps.curves import group
from lvc.sweeps.runs import read_runs, validation_cost
from tests.integration.conftest import write


@pytest.fixture(scope="module")
def gathered(swept, tmp_path_factory):
    out = tmp_path_factory.mktemp("gathered")
    assert main(["gather", str(swept), "--out", str(out), "--anchor", "recorded"]) == 0
    return out


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_every_run_is_a_row_with_its_state(gathered):
    found = {row["folder"].rpartition("swept0/")[2]: row for row in rows(gathered / "members.csv")}
    assert {name: (row["curve"], row["lambda"], row["state"]) for name, row in found.items()} == {
        "tiny-mse-256": ("tiny-mse", "256", "finished"),
        "tiny-mse-2048": ("tiny-mse", "2048", "finished"),
        "tiny-mse-256/seed=1": ("tiny-mse/seed=1", "256", "finished"),
        "half-mse-512": ("half-mse", "512", "unfinished"),
        "tiny-mse-4096": ("tiny-mse-4096", "", "failed"),
    }
    assert found["tiny-mse-4096"]["detail"] == "dataset.path: no such folder"


def test_figures_are_the_newest_that_training_measured(gathered, swept):
    state = json.loads((swept / "tiny-mse-256" / "state.json").read_text())
    row = next(row for row in rows(gathered / "members.csv") if row["folder"].endswith("tiny-mse-256"))
    after = state["stages"]["frame"]["after"]
    assert [float(row[k]) for k in ("estimated_bpp", "estimated_psnr", "validation_cost")] == pytest.approx(
        [after["val/bpp"], after["val/psnr"], after["val/loss"]]
    )
    assert validation_cost(swept / "tiny-mse-256") == after["val/loss"]
    # a stage of motion alone codes no frames, so its validation is no rate-distortion point
    assert next(row for row in rows(gathered / "members.csv") if row["state"] == "unfinished")["estimated_bpp"] == ""


def test_rates_are_relative_to_the_anchor_and_say_what_they_are(gathered):
    rates = {row["curve"]: row for row in rows(gathered / "bdrate.csv")}
    assert {row["figures"] for row in rates.values()} == {"estimated"}
    assert set(rates) == {"tiny-mse", "tiny-mse/seed=1"}
    assert float(rates["tiny-mse/seed=1"]["bd_rate_percent"]) and "no BD-rate" in rates["tiny-mse/seed=1"]["note"]


def test_pages_hold_the_table_and_the_plot(gathered):
    for name in ("gathered.md", "gathered.html"):
        page = (gathered / name).read_text()
        assert "tiny-mse/seed=1" in page and "Estimates from training" in page and "Measured" not in page
    assert "data:image/svg" in (gathered / "gathered.html").read_text()
    assert (gathered / "rd-estimated-psnr.png").stat().st_size > 5000


def test_measurements_of_an_export_stand_beside_the_estimates(swept, tmp_path):
    from lvc.config.evaluate import EvaluateConfig
    from lvc.evaluation.run import evaluate

    (tmp_path / "videos").mkdir()
    write(tmp_path / "videos" / "scene.mkv", frames=2)
    config = EvaluateConfig(
        exports=str(swept / "tiny-mse-256"),
        codecs=(),
        dataset={"name": "folder", "path": str(tmp_path / "videos")},
        protocol={"name": "test", "intra_period": 2, "frames": 2, "metrics": ("psnr",)},
        bdrate={"anchor": "dcvc_tcm-tiny"},
        output=str(tmp_path / "evaluation"),
    )
    evaluate(config, lambda line: None)
    assert main(["gather", str(swept), str(tmp_path), "--out", str(tmp_path / "out")]) == 0
    measured = [row for row in rows(tmp_path / "out" / "members.csv") if row["measured_bpp"]]
    (record,) = (json.loads(p.read_text()) for p in (tmp_path / "evaluation" / "records").glob("*.json"))
    assert [row["folder"].rpartition("/")[2] for row in measured] == ["tiny-mse-256"]
    assert float(measured[0]["measured_bpp"]) == pytest.approx(record["bpp"])
    assert "Measured on bitstreams" in (tmp_path / "out" / "gathered.md").read_text()
    assert (tmp_path / "out" / "rd-measured-psnr.svg").is_file()


def test_mistakes_are_answered_in_one_line(swept, tmp_path, capsys):
    for words, said in (
        ([str(tmp_path)], "no run in or below"),
        ([str(tmp_path / "nowhere")], "no such folder"),
        ([str(swept), "--out", str(tmp_path), "--anchor", "x266"], "--anchor: no curve 'x266'; choices are: half-mse"),
    ):
        assert main(["gather", *words]) == 2
        error = capsys.readouterr().err
        assert said in error and error.count("\n") == 1
    (tmp_path / "state.json").write_text("{")
    assert main(["gather", str(tmp_path)]) == 2


def test_points_of_a_curve_may_start_from_exports_of_their_own(swept):
    from dataclasses import replace

    runs = read_runs([swept])
    one, other = (run for run in runs if run.name in ("tiny-mse-256", "tiny-mse-2048"))
    shorter = {**other.config["schedule"], "start_at": "frame"}
    started = {**other.config, "init_from": "elsewhere.safetensors", "schedule": shorter}
    assert len({m.curve for m in group([one, replace(other, config=started)])}) == 1
    # the same rate twice: two curves, whatever they are called
    twin = replace(one, config={**one.config, "init_from": "elsewhere.safetensors"})
    assert sorted(m.curve for m in group([one, twin])) == ["tiny-mse", "tiny-mse (2)"]
