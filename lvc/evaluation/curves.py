"""Records as rate-distortion curves, per sequence and over the data set, and their BD-rates."""

from dataclasses import dataclass

import numpy as np

from lvc.config.metrics import METRICS
from lvc.curves.bdrate import Delta, Method, bd_psnr, bd_rate, rate_difference
from lvc.curves.curve import Curve
from lvc.evaluation.brought import caution
from lvc.evaluation.records import Record


def sequence_curve(records: list[Record], codec: str, sequence: str, metric: str) -> Curve:
    """A codec's curve on one sequence; records with an error or without the metric are left out."""
    scale = METRICS[metric].scale
    chosen = [r for r in _sound(records, codec, metric) if r.sequence == sequence]
    return Curve.of([(r.bpp, scale(r.value(metric)), r.point) for r in chosen])


def mean_curve(records: list[Record], codec: str, metric: str) -> Curve:
    """A codec's curve over the data set: each rate point's mean bpp and quality over sequences.

    Rate points that are missing on a sequence are left out, for a mean over fewer sequences is another curve.
    """
    scale = METRICS[metric].scale
    sequences = {r.sequence for r in records if r.value(metric) is not None}
    by_point: dict[str, list[Record]] = {}
    for record in _sound(records, codec, metric):
        by_point.setdefault(record.point, []).append(record)
    whole = {point: group for point, group in by_point.items() if {r.sequence for r in group} == sequences}
    return Curve.of(
        [
            (float(np.mean([r.bpp for r in g])), float(np.mean([scale(r.value(metric)) for r in g])), point)
            for point, g in whole.items()
        ]
    )


def at_like_rates(records: list[Record]) -> list[Record]:
    """One record per codec, nearest in rate to the first codec's middle point; of one sequence, without errors."""
    sound = [r for r in records if not r.error]
    own = sorted((r for r in sound if r.codec == sound[0].codec), key=lambda r: r.bpp)
    if not own:
        return []
    target = np.log(own[len(own) // 2].bpp)
    chosen = []
    for codec in codecs_of(sound):
        chosen.append(min((r for r in sound if r.codec == codec), key=lambda r: abs(np.log(r.bpp) - target)))
    return chosen


def _sound(records: list[Record], codec: str, metric: str) -> list[Record]:
    return [r for r in records if r.codec == codec and not r.error and r.value(metric) is not None]


@dataclass(frozen=True)
class Comparison:
    """One codec against the anchor in one metric.

    Attributes:
        codec: The curve.
        metric: One of :data:`lvc.config.metrics.METRICS`.
        method: Interpolation.
        rate: BD-rate by sequence, in percent.
        gain: BD-PSNR (or of MS-SSIM in dB) by sequence, in dB.
        mean_rate: Mean of the sequences' BD-rates.
        mean_gain: Mean of the sequences' gains.
        curve_rate: BD-rate of the data set's mean curve.
        curve_gain: Gain of the data set's mean curve.
        caution: Why the comparison is to be taken with care as a whole: curves that were brought in.
        headline: `mean_rate`; where there is none, the mean over sequences of the points' rate differences.
    """

    codec: str
    metric: str
    method: Method
    rate: dict[str, Delta]
    gain: dict[str, Delta]
    mean_rate: Delta
    mean_gain: Delta
    curve_rate: Delta
    curve_gain: Delta
    headline: Delta
    caution: str | None = None


def compare(records: list[Record], codec: str, anchor: str, metric: str, method: Method) -> Comparison:
    """Both aggregations of a codec's deltas to the anchor."""

    def points(sequence: str | None) -> tuple[tuple[float, ...], ...]:
        one, other = (
            sequence_curve(records, name, sequence, metric) if sequence else mean_curve(records, name, metric)
            for name in (codec, anchor)
        )
        return one.bpp, one.quality, other.bpp, other.quality

    each = {sequence: points(sequence) for sequence in sequences_of(records)}
    rate = {sequence: bd_rate(*four, method=method) for sequence, four in each.items()}
    gain = {sequence: bd_psnr(*four, method=method) for sequence, four in each.items()}
    mean = points(None)
    return Comparison(
        codec=codec,
        metric=metric,
        method=method,
        rate=rate,
        gain=gain,
        mean_rate=_mean(rate),
        mean_gain=_mean(gain),
        curve_rate=bd_rate(*mean, method=method),
        curve_gain=bd_psnr(*mean, method=method),
        headline=_mean(rate) if _mean(rate).value is not None else _by_points(list(each.values()), _mean(rate)),
        caution=caution(records, codec, anchor),
    )


def _by_points(sequences: list[tuple[tuple[float, ...], ...]], missing: Delta) -> Delta:
    """What can be said without a BD-rate: the points' own rate differences to the anchor at equal quality."""
    values = [rate_difference(*four) for four in sequences if four[0]]
    values = [value for value in values if np.isfinite(value)]
    if not values:
        return Delta(None, None, f"{missing.note}; no point at a quality that the anchor covers")
    what = f"no BD-rate ({missing.note}): rate difference at equal quality (PCHIP)"
    few = f", {len(values)} of {len(sequences)} sequences" if len(values) < len(sequences) else ""
    return Delta(float(np.mean(values)), None, what + few)


def _mean(deltas: dict[str, Delta]) -> Delta:
    values = [d.value for d in deltas.values() if d.value is not None]
    if not values or len(deltas) == 1:
        return next(iter(deltas.values()), Delta(None, None, "no sequences"))
    few = f"mean of {len(values)} of {len(deltas)} sequences" if len(values) < len(deltas) else None
    careful = sum(d.value is not None and d.note is not None for d in deltas.values())
    noted = f"{careful} of {len(values)} values carry a note" if careful else None
    return Delta(float(np.mean(values)), None, "; ".join(n for n in (few, noted) if n) or None)


def sequences_of(records: list[Record]) -> list[str]:
    """Names of the sequences, sorted."""
    return sorted({r.sequence for r in records})


def mean_title(records: list[Record]) -> str:
    """What the data set's mean is over, in words."""
    count = len(sequences_of(records))
    return f"Mean over {count} sequence{'s' * (count != 1)}"


def codecs_of(records: list[Record]) -> list[str]:
    """Names of the codecs in the order they first appear: learned ones come first in an evaluation."""
    return list(dict.fromkeys(r.codec for r in records))
