import json
import re
from dataclasses import replace

import pytest

from lvc.evaluation.brought import read_curves
from lvc.evaluation.records import Key
from lvc.evaluation.report.data import EVERYTHING, sets_of
from lvc.evaluation.report.exports import write_exports
from lvc.evaluation.report.page import write_report
from lvc.evaluation.results import write_results

from ..test_curves import curve


def page(tmp_path, records, anchor="x265"):
    results = write_results(records, anchor, ("akima", "pchip"), tmp_path)
    write_exports(results, tmp_path / "exports")
    write_report(results)
    return results.path.read_text()


def shown(text):
    """What the page's script reads."""
    return json.loads(re.search(r'<script id="data" type="application/json">(.*?)</script>', text, re.DOTALL)[1])


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    records = curve("codec </script><q9>", "one", 0.7) + curve("x265", "one")
    records += curve("codec </script><q9>", "two", 0.8) + curve("x265", "two")
    records += curve("codec </script><q9>", "three", 0.9) + curve("x265", "three")
    records += curve("broken", "one", points="a", error="frames differ")
    return page(tmp_path_factory.mktemp("page"), records)


def test_the_page_needs_no_other_file(text):
    without_library = re.sub(r"<script>.*?</script>", "", text, flags=re.DOTALL)
    assert not re.findall(r'(?:src|href)="(?!data:|#)', without_library)
    assert "Plotly.react" in text and "plotly.js v" in text
    assert 4e6 < len(text) < 6e6


def test_text_from_outside_is_no_markup(text):
    assert "<q9>" not in text
    assert "codec </script><q9>" in [codec["name"] for codec in shown(text)["codecs"]]


def test_errors_are_said_and_left_out(text):
    assert "frames differ" in text.split("<main>")[0]
    assert not shown(text)["means"][EVERYTHING]["psnr"].get("broken")


def test_any_codec_may_be_the_anchor(text):
    rates = shown(text)["rates"][EVERYTHING]["psnr"]
    codec = "codec </script><q9>"
    assert rates["x265"][codec]["each"]["one"][0] == pytest.approx(-30)
    assert rates[codec]["x265"]["each"]["one"][0] == pytest.approx(100 * (1 / 0.7 - 1), abs=1e-3)


def test_means_have_an_interval(text):
    mean, low, high, count = shown(text)["rates"][EVERYTHING]["psnr"]["x265"]["codec </script><q9>"]["mean"]
    assert mean == pytest.approx(-20) and count == 3
    assert -30 <= low < mean < high <= -10


def test_curves_brought_in_carry_a_caution(tmp_path):
    (tmp_path / "hm.csv").write_text(
        "sequence,codec,bpp,psnr\n" + "".join(f"one,HM,{b},{q}\n" for b, q in [(0.1, 31), (0.2, 34), (0.5, 37)])
    )
    data = shown(page(tmp_path, curve("x265", "one") + read_curves(tmp_path / "hm.csv")))
    hm = next(codec for codec in data["codecs"] if codec["name"] == "HM")
    assert "brought in from hm.csv" in hm["caution"] and hm["dash"] == "dot"
    assert data["rates"][EVERYTHING]["psnr"]["x265"]["HM"]["each"]["one"][0] is not None


def test_papers_stand_beside_their_codec(tmp_path):
    system = {"kind": "learned", "model": "dcvc_tcm", "digest": "0" * 32}
    learned = [
        replace(r, codec="mine", key=Key(system, r.sequence, r.key.source, r.key.protocol))
        for r in curve("x264", "one")
    ]
    data = shown(page(tmp_path, learned + curve("x265", "one")))
    assert any(row["ours"] and row["rates"]["UVG"] == -9.0 for row in data["published"])
    assert data["here"]["mine"] is not None


def test_sets_are_the_folders_of_sequences():
    records = curve("x265", "uvg/beauty") + curve("x265", "uvg/jockey") + curve("x265", "hevc/cactus")
    assert sets_of(records) == {
        EVERYTHING: ["hevc/cactus", "uvg/beauty", "uvg/jockey"],
        "hevc": ["hevc/cactus"],
        "uvg": ["uvg/beauty", "uvg/jockey"],
    }
    assert list(sets_of(curve("x265", "one"))) == [EVERYTHING]


def test_tables_and_curves_for_papers(tmp_path):
    page(tmp_path, curve("my_codec", "one", 0.7) + curve("x265", "one"))
    table = (tmp_path / "exports" / "bdrate-psnr.tex").read_text()
    assert r"my\_codec" in table and "$-$30.0" in table and table.count(r"\\") == 4
    plot = (tmp_path / "exports" / "rd-one-psnr.tex").read_text()
    assert plot.count(r"\addplot") == plot.count(r"\addlegendentry") == 2 and "(0.07,30)" in plot
    assert (tmp_path / "exports" / "points.csv").read_text().startswith("sequence,codec,point,bpp,PSNR")
