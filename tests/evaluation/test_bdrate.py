import math
import subprocess
import sys

import numpy as np
import pytest

from lvc.curves.bdrate import bd_psnr, bd_rate, rate_difference

RATE, QUALITY = [0.1, 0.2, 0.4, 0.8], [30.0, 33.0, 35.5, 37.5]
METHODS = ("akima", "cubic", "pchip")


@pytest.mark.parametrize("method", METHODS)
def test_half_the_rate_is_minus_fifty_percent(method):
    half = [r / 2 for r in RATE]
    assert bd_rate(half, QUALITY, RATE, QUALITY, method).value == pytest.approx(-50)


@pytest.mark.parametrize("method", METHODS)
def test_one_decibel_more_is_one_decibel(method):
    delta = bd_psnr(RATE, [q + 1 for q in QUALITY], RATE, QUALITY, method)
    assert delta.value == pytest.approx(1)
    assert delta.overlap == pytest.approx(1)


def test_the_order_of_points_does_not_matter():
    shuffled = bd_rate(RATE[::-1], [q + 0.5 for q in QUALITY[::-1]], RATE, QUALITY)
    assert shuffled == bd_rate(RATE, [q + 0.5 for q in QUALITY], RATE, QUALITY)


def test_curves_with_unlike_numbers_of_points_compare():
    assert bd_rate(RATE[:3], QUALITY[:3], RATE, QUALITY).value == pytest.approx(0, abs=0.5)


def test_too_few_points_say_how_many_are_needed():
    delta = bd_rate(RATE[:3], QUALITY[:3], RATE, QUALITY, "cubic")
    assert delta.value is None
    assert delta.note == "cubic needs 4 points, the curve has 3"


def test_curves_without_common_quality_have_no_value():
    delta = bd_rate(RATE, [q + 20 for q in QUALITY], RATE, QUALITY)
    assert (delta.value, delta.overlap) == (None, 0)
    assert "share no range" in delta.note


def test_little_overlap_is_a_warning():
    delta = bd_rate(RATE, [q + 4 for q in QUALITY], RATE, QUALITY)
    assert delta.value is not None
    assert delta.overlap == pytest.approx(3.5 / 11.5)
    assert "overlap by only 30%" in delta.note


@pytest.mark.parametrize("quality", [[30, 33, 32, 37], [30, 33, math.inf, 37], [30, 33, 33, 37]])
def test_a_curve_that_does_not_rise_has_no_value(quality):
    assert bd_rate(RATE, quality, RATE, QUALITY).value is None


def test_a_single_point_is_compared_at_its_quality():
    assert rate_difference(0.3, 35.5, RATE, QUALITY) == pytest.approx(-25)


def test_a_few_points_are_compared_in_the_mean():
    difference = rate_difference([0.1, 0.8], [33.0, 35.5], RATE, QUALITY)
    assert difference == pytest.approx(100 * (math.sqrt(0.5 * 2) - 1), abs=1e-9)


def test_four_points_give_the_bd_rate():
    better = np.array(RATE) * 0.9
    assert rate_difference(better, QUALITY, RATE, QUALITY) == pytest.approx(-10)


@pytest.mark.parametrize("psnr", [29.9, 37.6])
def test_a_point_outside_the_anchor_has_no_difference(psnr):
    assert math.isnan(rate_difference(0.3, psnr, RATE, QUALITY))


def test_an_anchor_without_points_has_no_difference():
    assert math.isnan(rate_difference(0.3, 33.0, [], []))


def test_training_can_import_it_without_hydra_or_lightning():
    code = (
        "import sys, lvc.curves.bdrate as b;"
        "b.rate_difference(.3, 35, [.1, .4], [30, 36]);"
        "assert not {'hydra', 'pytorch_lightning', 'torch'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
