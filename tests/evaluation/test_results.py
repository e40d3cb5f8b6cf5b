import csv
import re

import pytest

from lvc.evaluation.report import write_report
from lvc.evaluation.results import write_results

from .test_curves import curve


@pytest.fixture
def written(tmp_path):
    records = curve("codec <1>", "one", 0.7) + curve("x265", "one")
    records += curve("codec <1>", "two", 0.8, points="abc") + curve("x265", "two")
    records += curve("broken", "one", points="a", error="frames differ")
    results = write_results(records, "x265", ("akima", "cubic", "pchip"), tmp_path)
    write_report(results)
    return results


def test_plots_are_written_per_sequence_and_for_the_mean(written):
    names = {p.name for p in (written.path.parent / "plots").iterdir()}
    assert names == {f"{s}-psnr.{kind}" for s in ("one", "two", "mean") for kind in ("png", "svg")}


def test_the_report_needs_no_other_file(written):
    page = written.path.read_text()
    links = re.findall(r'(?:src|href)="([^"]{0,30})', page)
    assert links and all(link.startswith("data:image/") for link in links)


def test_the_report_says_what_was_found(written):
    page = written.path.read_text()
    assert "−30.0 %" in page
    assert "codec &lt;1&gt;" in page and "codec <1>" not in page
    assert "mean of 1 of 2 sequences" in page
    assert "frames differ" in page
    for aggregation in ("mean of sequences", "mean curve"):
        assert all(f"{aggregation}, {method}" in page for method in ("akima", "cubic", "pchip"))


def test_the_table_on_the_screen(written):
    text = written.table()
    assert "Mean over 2 sequences" in text
    assert re.search(r"codec <1> +−2\d\.\d %", text)
    assert "PSNR, mean curve" in text


def test_bd_rates_as_csv(written):
    rows = list(csv.DictReader((written.path.parent / "bdrate.csv").read_text().splitlines()))
    found = {(r["codec"], r["method"], r["sequence"]): r["bd_rate_percent"] for r in rows}
    assert {"one", "two", "mean of sequences", "mean curve"} == {sequence for *_, sequence in found}
    assert float(found["codec <1>", "cubic", "one"]) == pytest.approx(-30)
    assert found["codec <1>", "cubic", "two"] == ""
