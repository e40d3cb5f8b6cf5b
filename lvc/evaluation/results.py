"""From records to what people look at: plots, BD-rate tables and the report."""

import csv
import json
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path

from lvc.config.metrics import HEADLINE, METRICS
from lvc.curves.bdrate import Delta
from lvc.curves.plots import plot_curves
from lvc.evaluation.brought import caution
from lvc.evaluation.curves import (
    Comparison,
    Curve,
    at_like_rates,
    codecs_of,
    compare,
    mean_curve,
    mean_title,
    sequence_curve,
    sequences_of,
)
from lvc.evaluation.profiles import plot_factors, plot_profile
from lvc.evaluation.records import Record
from lvc.names import file_name

PROFILES = ("frames", "factors")
"""Plots beside those of metrics: quality and rate frame by frame, and resolutions of motion by temporal level."""


@dataclass(frozen=True)
class Results:
    """An evaluation's outcome.

    Attributes:
        path: The report.
        records: All records.
        anchor: What BD-rates are relative to.
        metrics: Those that at least one record has.
        comparisons: Of every codec but the anchor, by metric and method.
        plots: Path without suffix of each plot, by metric (or one of :data:`PROFILES`) and sequence (``None``: the
            whole data set).
    """

    path: Path
    records: list[Record]
    anchor: str
    metrics: list[str]
    comparisons: list[Comparison]
    plots: dict[tuple[str, str | None], Path]

    def table(self) -> str:
        """Rates, qualities and BD-rates as text."""
        lines = [mean_title(self.records), *self._points()]
        return "\n".join(lines + (["", *self._rates()] if self.comparisons else []))

    def headline(self, codec: str, metric: str) -> Delta | None:
        """A codec's rate relative to the anchor in one number, with the first method; ``None`` for the anchor."""
        found = (c.headline for c in self.comparisons if c.codec == codec and c.metric == metric)
        return next(found, None)

    @property
    def headline_metrics(self) -> list[str]:
        """Metrics for short tables and plots."""
        return [m for m in self.metrics if m in HEADLINE]

    def _points(self) -> list[str]:
        rows = [("codec", "point", "bpp", *(METRICS[m].title for m in self.headline_metrics))]
        for codec in codecs_of(self.records):
            curves = {m: mean_curve(self.records, codec, m) for m in self.headline_metrics}
            rates = {p: bpp for c in curves.values() for p, bpp in zip(c.points, c.bpp, strict=True)}
            for point, bpp in sorted(rates.items(), key=lambda pair: pair[1]):
                rows.append((codec, point, f"{bpp:.4f}", *(_at(curves[m], point) for m in self.headline_metrics)))
        return columns(rows)

    def _rates(self) -> list[str]:
        both = len(sequences_of(self.records)) > 1
        metrics = self.headline_metrics
        heads = [(METRICS[m].short, *([f"{METRICS[m].short}, mean curve"] if both else [])) for m in metrics]
        rows: list[tuple[str, ...]] = [(f"rate vs {self.anchor}", *chain(*heads))]
        notes: dict[str, list[str]] = {}
        shown = {(c.codec, c.metric): c for c in reversed(self.comparisons)}  # of the first method
        for codec in dict.fromkeys(c.codec for c in self.comparisons):
            deltas = {m: self.headline(codec, m) for m in metrics}
            cells = ((deltas[m], *([shown[codec, m].curve_rate] if both else [])) for m in metrics)
            rows.append((codec, *map(percent, chain(*cells))))
            for metric, delta in deltas.items():
                if delta.note:
                    notes.setdefault(f"{METRICS[metric].short}: {delta.note}", []).append(codec)
        brought = caution(self.records, *codecs_of(self.records))
        notes |= {brought: []} if brought else {}
        lines = (f"  {', '.join(codecs)}{', ' if codecs else ''}{note}" for note, codecs in notes.items())
        return [f"BD-rate, {self.comparisons[0].method}", *columns(rows), *lines]


def write_results(records: list[Record], anchor: str, methods: tuple[str, ...], output: Path) -> Results:
    """Write plots, `bdrate.csv` and `summary.json` into ``output``; the report is another step."""
    metrics = [m for m in METRICS if any(r.value(m) is not None for r in records)]
    others = [codec for codec in codecs_of(records) if codec != anchor]
    kinds = [(m, method) for m in metrics for method in (methods if m in HEADLINE else methods[:1])]
    comparisons = [compare(records, c, anchor, m, method) for m, method in kinds for c in others]
    plots = _draw(records, [m for m in metrics if m in HEADLINE], output / "plots")
    results = Results(output / "report.html", records, anchor, metrics, comparisons, plots)
    _write_bdrates(results, output / "bdrate.csv")
    summary = {"anchor": anchor, "comparisons": [asdict(c) for c in comparisons]}
    (output / "summary.json").write_text(json.dumps(summary, indent=1))
    return results


def percent(delta: Delta) -> str:
    """A BD-rate as text."""
    return "n/a" if delta.value is None else f"{delta.value:+.1f} %".replace("-", "−")


def _draw(records: list[Record], metrics: list[str], folder: Path) -> dict[tuple[str, str | None], Path]:
    folder.mkdir(exist_ok=True)
    codecs = codecs_of(records)
    styles = {codec: place for place, codec in enumerate(codecs)}
    dashed = {r.codec for r in records if r.kind != "learned"}
    sequences = sequences_of(records)
    plots = {}
    for metric in metrics:
        for sequence in [None, *sequences]:
            if sequence is None:
                curves = {codec: mean_curve(records, codec, metric) for codec in codecs}
                title = mean_title(records)
            else:
                curves = {codec: sequence_curve(records, codec, sequence, metric) for codec in codecs}
                title = sequence
            if any(curve.bpp for curve in curves.values()):
                stem = _stem(folder, sequence or "mean", metric)
                plot_curves(curves, metric, title, stem, styles, dashed)
                plots[metric, sequence] = stem
    for sequence in [None, *sequences]:
        own = [r for r in records if sequence in (None, r.sequence) and not r.error]
        title = sequence or f"All {len(sequences)} sequences"
        stems = {plot: _stem(folder, sequence or "all", plot) for plot in PROFILES}
        if sequence and plot_profile(at_like_rates(own), title, stems["frames"], styles, dashed):
            plots["frames", sequence] = stems["frames"]
        if (sequence or len(sequences) > 1) and plot_factors(own, title, stems["factors"]):
            plots["factors", sequence] = stems["factors"]
    return plots


def _stem(folder: Path, name: str, plot: str) -> Path:
    return folder / f"{file_name(name)}-{plot}"


def _write_bdrates(results: Results, path: Path) -> None:
    head = ["metric", "codec", "anchor", "method", "sequence", "bd_rate_percent", "bd_gain_db", "overlap", "note"]
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(head)
        for c in results.comparisons:
            rows = [(s, c.rate[s], c.gain[s]) for s in c.rate]
            rows += [("mean of sequences", c.mean_rate, c.mean_gain), ("mean curve", c.curve_rate, c.curve_gain)]
            for name, rate, gain in rows:
                values = [rate.value, gain.value, rate.overlap, rate.note]
                writer.writerow([c.metric, c.codec, results.anchor, c.method, name, *values])


def _at(curve: Curve, point: str) -> str:
    return f"{curve.quality[curve.points.index(point)]:.2f}" if point in curve.points else "n/a"


def columns(rows: list[tuple[str, ...]]) -> list[str]:
    """Rows of a table as lines whose columns stand below each other."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return ["  ".join(f"{cell:<{w}}" for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows]
