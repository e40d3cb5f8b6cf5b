import csv
import json
import re

import pytest

from lvc.evaluation.results import write_results

from .test_curves import curve


@pytest.fixture
def written(tmp_path):
    records = curve("codec <1>", "one", 0.7) + curve("x265", "one")
    records += curve("codec <1>", "two", 0.8, points="abc") + curve("x265", "two")
    records += curve("broken", "one", points="a", error="frames differ")
    return write_results(records, "x265", ("akima", "cubic", "pchip"), tmp_path)


def test_plots_are_written_per_sequence_and_for_the_mean(written):
    names = {p.name for p in (written.path.parent / "plots").iterdir()}
    assert names == {f"{s}-psnr.{kind}" for s in ("one", "two", "mean") for kind in ("png", "svg")}


def test_the_table_on_the_screen(written):
    text = written.table()
    assert "Mean over 2 sequences" in text
    assert re.search(r"codec <1> +−2\d\.\d %", text)
    assert "PSNR, mean curve" in text
    assert "mean of 1 of 2 sequences" not in text  # Akima needs three points, and there are three
    assert "1 of 2 values carry a note" in text


def test_bd_rates_as_csv(written):
    rows = list(csv.DictReader((written.path.parent / "bdrate.csv").read_text().splitlines()))
    found = {(r["codec"], r["method"], r["sequence"]): r["bd_rate_percent"] for r in rows}
    assert {"one", "two", "mean of sequences", "mean curve"} == {sequence for *_, sequence in found}
    assert {method for _, method, _ in found} == {"akima", "cubic", "pchip"}
    assert float(found["codec <1>", "cubic", "one"]) == pytest.approx(-30)
    assert found["codec <1>", "cubic", "two"] == ""


def test_the_summary_is_json(written):
    summary = json.loads((written.path.parent / "summary.json").read_text())
    assert summary["anchor"] == "x265" and summary["comparisons"]
