"""BD-rates of every codec against every other, so that a reader may choose the anchor."""

from collections.abc import Iterable
from itertools import combinations
from typing import Any

from lvc.curves.bdrate import Delta, Method, bd_rate
from lvc.curves.confidence import confidence
from lvc.evaluation.curves import Curve, codecs_of, mean_curve, sequence_curve, sequences_of
from lvc.evaluation.records import Record


class Notes:
    """Texts, each once; tables hold their numbers."""

    def __init__(self):
        self.texts: list[str] = []

    def number(self, text: str | None) -> int | None:
        """Number of a text, ``None`` for none."""
        if text is None:
            return None
        if text not in self.texts:
            self.texts.append(text)
        return self.texts.index(text)


def all_rates(records: list[Record], metric: str, method: Method, notes: Notes) -> dict[str, dict[str, Any]]:
    """BD-rates by anchor and codec.

    Returns:
        For each anchor and codec: ``each`` (by sequence: value, overlap, note), ``mean`` (value, low, high, how many)
        and ``curve`` (of the mean curve), all in percent.
    """
    codecs, names = codecs_of(records), sequences_of(records)
    curves = {(c, s): sequence_curve(records, c, s, metric) for c in codecs for s in names}
    means = {c: mean_curve(records, c, metric) for c in codecs}
    told = [c for c in codecs if any(curves[c, s].bpp for s in names)]
    table: dict[str, dict[str, Any]] = {c: {} for c in told}
    for codec, anchor in combinations(told, 2):
        each = {s: _delta(curves[codec, s], curves[anchor, s], method) for s in names}
        curve = _delta(means[codec], means[anchor], method)
        table[anchor][codec] = _cell(each, curve, notes)
        table[codec][anchor] = _cell({s: _inverse(d) for s, d in each.items()}, _inverse(curve), notes)
    return table


def _delta(one: Curve, anchor: Curve, method: Method) -> Delta:
    return bd_rate(one.bpp, one.quality, anchor.bpp, anchor.quality, method)


def _inverse(delta: Delta) -> Delta:
    """The anchor's rate relative to the curve: a mean of differences of logarithms only changes its sign."""
    if delta.value is None:
        return delta
    return Delta(100 * (1 / (1 + delta.value / 100) - 1), delta.overlap, delta.note)


def _cell(each: dict[str, Delta], curve: Delta, notes: Notes) -> dict[str, Any]:
    values = [d.value for d in each.values() if d.value is not None]
    low, high = confidence(values) or (None, None)
    mean = sum(values) / len(values) if values else None
    return {
        "each": {s: [*rounded([d.value, d.overlap]), notes.number(d.note)] for s, d in each.items()},
        "mean": [*rounded([mean, low, high]), len(values)],
        "curve": [*rounded([curve.value, curve.overlap]), notes.number(curve.note)],
    }


def rounded(values: Iterable[float | None], digits: int = 4) -> list[float | None]:
    """Numbers with fewer digits, for the page's size."""
    return [None if value is None else round(value, digits) for value in values]
