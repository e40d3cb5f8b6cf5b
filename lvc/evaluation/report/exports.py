"""Tables and curves for papers: LaTeX (booktabs), CSV, and pgfplots."""

import csv
import re
from collections.abc import Iterable
from pathlib import Path

from lvc.config.metrics import METRICS
from lvc.curves.bdrate import Delta
from lvc.curves.plots import COLOURS
from lvc.evaluation.curves import Curve, codecs_of, mean_curve, sequence_curve, sequences_of
from lvc.evaluation.results import Results

Rows = list[list[str]]
"""A table: the head, then its rows."""

_MARKS = ("*", "square*", "diamond*", "triangle*", "pentagon*", "x", "+", "star")


def write_exports(results: Results, folder: Path) -> None:
    """Write every table as ``.csv`` and ``.tex`` and every plot of curves as ``.tex`` for pgfplots into ``folder``."""
    folder.mkdir(exist_ok=True)
    tables = {f"bdrate-{m}": _rates(results, m) for m in results.metrics} | {"points": _points(results)}
    for name, rows in tables.items():
        if len(rows) > 1:
            with open(folder / f"{name}.csv", "w", newline="") as file:
                csv.writer(file).writerows(rows)
            (folder / f"{name}.tex").write_text(latex_table(rows))
    for metric in results.metrics:
        for sequence in [None, *sequences_of(results.records)]:
            curves = {c: _curve(results, c, sequence, metric) for c in codecs_of(results.records)}
            if any(curve.bpp for curve in curves.values()):
                stem = re.sub(r"[^\w.=-]+", "_", f"{sequence or 'mean'}-{metric}")
                dashed = {r.codec for r in results.records if r.kind != "learned"}
                (folder / f"rd-{stem}.tex").write_text(pgf_plot(curves, METRICS[metric].title, dashed))


def _curve(results: Results, codec: str, sequence: str | None, metric: str) -> Curve:
    if sequence is None:
        return mean_curve(results.records, codec, metric)
    return sequence_curve(results.records, codec, sequence, metric)


def _rates(results: Results, metric: str) -> Rows:
    """BD-rates with the first method, a column per codec."""
    shown = [c for c in results.comparisons if c.metric == metric]
    shown = [c for c in shown if c.method == shown[0].method]
    rows = [["sequence", *(c.codec for c in shown)]]
    if not shown:
        return rows[:1]
    rows += [[s, *(_percent(c.rate[s]) for c in shown)] for s in sequences_of(results.records)]
    rows.append(["mean of sequences", *(_percent(c.mean_rate) for c in shown)])
    return [*rows, ["mean curve", *(_percent(c.curve_rate) for c in shown)]]


def _points(results: Results) -> Rows:
    metrics = results.metrics
    rows = [["sequence", "codec", "point", "bpp", *(METRICS[m].short for m in metrics)]]
    for r in results.records:
        values = [r.value(m) for m in metrics]
        digits = [5 if m.startswith("ms_ssim") else 2 for m in metrics]
        shown = ["" if v is None else f"{v:.{d}f}" for v, d in zip(values, digits, strict=True)]
        rows.append([r.sequence, r.codec, r.point, f"{r.bpp:.4f}", *shown])
    return rows


def _percent(delta: Delta) -> str:
    return "n/a" if delta.value is None else f"{delta.value:+.1f}"


def latex_table(rows: Rows) -> str:
    """A table for LaTeX with the package booktabs."""
    head, *body = [" & ".join(map(escape, row)) + r" \\" for row in rows]
    columns = "l" + "r" * (len(rows[0]) - 1)
    lines = [
        rf"\begin{{tabular}}{{{columns}}}",
        r"\toprule",
        head,
        r"\midrule",
        *body,
        r"\bottomrule",
        r"\end{tabular}",
    ]
    return "\n".join(lines) + "\n"


def pgf_plot(curves: dict[str, Curve], axis: str, dashed: Iterable[str]) -> str:
    """Curves as a picture for LaTeX with the package pgfplots."""
    lines = [
        r"\begin{tikzpicture}",
        r"\begin{axis}[xlabel={bits per pixel}, ylabel={" + escape(axis) + "}, xmin=0, grid=major,",
        r"  legend pos=south east, legend cell align=left, legend style={font=\small}]",
    ]
    for place, (codec, curve) in enumerate(curves.items()):
        if curve.bpp:
            colour = f"{{rgb,255:red,{int(COLOURS[place % len(COLOURS)][1:3], 16)}; "
            colour += f"green,{int(COLOURS[place % len(COLOURS)][3:5], 16)}; "
            colour += f"blue,{int(COLOURS[place % len(COLOURS)][5:7], 16)}}}"
            style = f"color={colour}, mark={_MARKS[place % len(_MARKS)]}, thick" + (
                ", dashed" if codec in dashed else ""
            )
            points = " ".join(f"({x:.6g},{y:.6g})" for x, y in zip(curve.bpp, curve.quality, strict=True))
            lines += [rf"\addplot[{style}] coordinates {{{points}}};", rf"\addlegendentry{{{escape(codec)}}}"]
    return "\n".join([*lines, r"\end{axis}", r"\end{tikzpicture}"]) + "\n"


def escape(text: str) -> str:
    """Text as LaTeX prints it; a minus sign is one."""
    text = text.replace("\\", r"\textbackslash ")
    text = re.sub(r"([%&#_{}$])", r"\\\1", text).replace("−", "-")
    return re.sub(r"^-(?=\d)", "$-$", text)
