import pytest

from lvc.curves.published import published, published_beside


def figure(codec, place, anchor, name):
    (row,) = [p for p in published() if (p.codec, p.place, p.anchor) == (codec, place, anchor)]
    return row.rates[name]


@pytest.mark.parametrize(
    ("codec", "place", "anchor", "name", "rate"),
    [
        ("DCVC-TCM", "Table I", "HM-16.20 (YUV 4:4:4, low delay)", "HEVC-RGB", -14.4),
        ("MASTC-VC", "Table I", "x265 veryslow", "UVG", -54.54),
        ("SSNVC", "Table 2", "HM-16.2", "MCL-JCV", 1.3),
        ("MaskCRT (SPyNet) + OMRA", "Table 2", "HM-16.25 random access", "UVG", -14.2),
        ("MASTC-VC, intra HM-16.20", "Table VII", "MASTC-VC, intra cheng2020_anchor", "HEVC-C", -0.1),
    ],
)
def test_figures_are_those_of_the_papers(codec, place, anchor, name, rate):
    assert figure(codec, place, anchor, name) == rate


def test_averages_that_papers_print_come_out():
    """MASTC-VC's Table I ends with means over its six sets."""
    row = next(p for p in published() if p.codec == "MASTC-VC" and p.metric == "psnr")
    assert sum(row.rates.values()) / len(row.rates) == pytest.approx(-37.04, abs=0.005)


@pytest.mark.parametrize("model", ["dcvc_tcm", "mastc_vc", "ssnvc", "pmctf_l", "maskcrt_b"])
def test_tables_are_found_by_a_models_name(model):
    assert model in {p.model for p in published_beside({model})}


def test_whole_tables_are_shown():
    assert {"", "dcvc_tcm", "ssnvc"} <= {p.model for p in published_beside({"ssnvc"})}


def test_other_codecs_have_none():
    assert not published_beside({"b_canf", "svtav1"})
