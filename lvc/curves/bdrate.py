"""Bjontegaard deltas and single-point rate differences between rate-distortion curves."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

Method = Literal["akima", "cubic", "pchip"]

NEEDED: dict[str, int] = {"cubic": 4, "akima": 3, "pchip": 2}
"""Points a curve needs for each interpolation."""

USUAL = 4
"""Points that the field's tables are made from; fewer are noted."""

LEAST_OVERLAP = 0.5


@dataclass(frozen=True)
class Delta:
    """A Bjontegaard delta.

    Attributes:
        value: Percent of rate (negative: saves rate) or metric units; ``None`` where it cannot be computed.
        overlap: Share of the two curves' joint range that both cover, ``None`` where a curve has no range.
        note: Why there is no value, or why it deserves caution.
    """

    value: float | None
    overlap: float | None = None
    note: str | None = None


def bd_rate(
    rate: Sequence[float],
    quality: Sequence[float],
    anchor_rate: Sequence[float],
    anchor_quality: Sequence[float],
    method: Method = "akima",
) -> Delta:
    """Average rate difference to the anchor at equal quality, in percent.

    Args:
        rate: Rates of the curve, any unit, any order.
        quality: Qualities at those rates, on a scale where differences mean the same everywhere (dB).
        anchor_rate: Rates of the anchor, in the same unit.
        anchor_quality: Its qualities.
        method: Interpolation of log rate over quality.
    """
    return _delta("bd_rate", (rate, quality), (anchor_rate, anchor_quality), method)


def bd_psnr(
    rate: Sequence[float],
    quality: Sequence[float],
    anchor_rate: Sequence[float],
    anchor_quality: Sequence[float],
    method: Method = "akima",
) -> Delta:
    """Average quality difference to the anchor at equal rate, in quality's unit; arguments as :func:`bd_rate`."""
    return _delta("bd_psnr", (rate, quality), (anchor_rate, anchor_quality), method)


def _delta(name: str, curve: tuple, anchor: tuple, method: Method) -> Delta:
    curve, anchor = _sorted(*curve), _sorted(*anchor)
    for points, whose in ((curve, "the curve"), (anchor, "the anchor")):
        problem = _problem(points, whose, NEEDED[method], method)
        if problem:
            return Delta(None, None, problem)
    axis = 1 if name == "bd_rate" else 0
    overlap = _overlap(curve[axis], anchor[axis], log=axis == 0)
    if overlap == 0:
        return Delta(None, 0.0, f"the curves share no range of {'quality' if axis else 'rate'}")
    import bjontegaard

    value = getattr(bjontegaard, name)(*anchor, *curve, method=method, require_matching_points=False, min_overlap=0)
    notes = [f"the curves overlap by only {overlap:.0%}"] if overlap < LEAST_OVERLAP else []
    fewest = min(len(curve[0]), len(anchor[0]))
    notes += [f"from {fewest} points, {USUAL} are usual"] if fewest < USUAL else []
    return Delta(float(value), overlap, "; ".join(notes) or None)


def rate_difference(
    bpp: float | Sequence[float],
    psnr: float | Sequence[float],
    anchor_bpp: Sequence[float],
    anchor_psnr: Sequence[float],
) -> float:
    """Rate difference to an anchor at equal quality, in percent, for however many points there are.

    Up to three points: the geometric mean of the points' differences to the anchor, interpolated in log rate
    by PCHIP. Four and more: the BD-rate (PCHIP). NaN where the anchor does not cover a point, or is no curve.
    """
    from scipy.interpolate import PchipInterpolator

    rates, qualities = _sorted(np.atleast_1d(bpp), np.atleast_1d(psnr))
    if len(rates) >= USUAL:
        value = bd_rate(rates, qualities, anchor_bpp, anchor_psnr, "pchip").value
        return float("nan") if value is None else value
    anchor = _sorted(anchor_bpp, anchor_psnr)
    if _problem(anchor, "the anchor", 2, "pchip") or not (np.isfinite(rates).all() and (rates > 0).all()):
        return float("nan")
    at_equal_quality = PchipInterpolator(anchor[1], np.log(anchor[0]), extrapolate=False)(qualities)
    return float(100 * np.expm1(np.mean(np.log(rates) - at_equal_quality)))


def _sorted(rate: Sequence[float], quality: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    rate, quality = np.asarray(rate, float), np.asarray(quality, float)
    if rate.shape != quality.shape:
        raise ValueError(f"{rate.size} rates for {quality.size} qualities")
    order = np.argsort(rate)
    return rate[order], quality[order]


def _problem(points: tuple[np.ndarray, np.ndarray], whose: str, needed: int, method: str) -> str | None:
    """Why no interpolation can go through these points."""
    rate, quality = points
    if len(rate) < needed:
        return f"{method} needs {needed} points, {whose} has {len(rate)}"
    if not (np.isfinite(rate).all() and np.isfinite(quality).all() and (rate > 0).all()):
        return f"{whose} has a point that is not finite"
    if (np.diff(rate) <= 0).any() or (np.diff(quality) <= 0).any():
        return f"quality does not rise with rate along {whose}"
    return None


def _overlap(one: np.ndarray, other: np.ndarray, log: bool) -> float:
    """Share of the joint range that both cover."""
    if log:
        one, other = np.log(one), np.log(other)
    common = min(one.max(), other.max()) - max(one.min(), other.min())
    return float(max(common, 0) / (max(one.max(), other.max()) - min(one.min(), other.min())))
