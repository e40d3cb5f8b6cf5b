import pytest

from lvc.evaluation.curves import codecs_of, compare, mean_curve, sequence_curve

from .test_records import record

POINTS = {"a": (0.1, 30.0), "b": (0.2, 33.0), "c": (0.4, 35.5), "d": (0.8, 37.5)}


def curve(codec, sequence="one", scale=1.0, points="abcd", **changes):
    return [record(codec, p, POINTS[p][0] * scale, POINTS[p][1], sequence, **changes) for p in points]


def test_points_are_in_order_of_rate():
    assert sequence_curve(curve("x", points="cab"), "x", "one", "psnr").points == ("a", "b", "c")


def test_the_mean_curve_leaves_out_points_that_a_sequence_lacks():
    records = curve("x", "one") + curve("x", "two", scale=3, points="abc")
    mean = mean_curve(records, "x", "psnr")
    assert mean.points == ("a", "b", "c")
    assert mean.bpp[0] == pytest.approx(0.2)


def test_wrong_measurements_are_never_compared():
    assert sequence_curve(curve("x", error="frames differ"), "x", "one", "psnr").bpp == ()


def test_both_aggregations():
    records = curve("x", "one", scale=0.5) + curve("x", "two", scale=3 * 0.8)
    records += curve("anchor", "one") + curve("anchor", "two", scale=3)
    result = compare(records, "x", "anchor", "psnr", "pchip")
    assert result.rate["one"].value == pytest.approx(-50)
    assert result.mean_rate.value == pytest.approx(-35)
    assert result.curve_rate.value == pytest.approx(-27.5)  # the sequence of the higher rate weighs more
    assert result.headline == result.mean_rate


def test_a_mean_over_some_sequences_says_so():
    records = curve("x", "one") + curve("x", "two", points="a") + curve("anchor", "one") + curve("anchor", "two")
    assert "1 of 2 sequences" in compare(records, "x", "anchor", "psnr", "akima").mean_rate.note


def test_a_single_point_still_gets_a_headline():
    records = curve("x", scale=0.75, points="b") + curve("anchor")
    result = compare(records, "x", "anchor", "psnr", "akima")
    assert result.mean_rate.value is None
    assert result.headline.value == pytest.approx(-25)
    assert "no BD-rate" in result.headline.note


def test_codecs_keep_their_order():
    assert codecs_of(curve("x265") + curve("x264")) == ["x265", "x264"]
