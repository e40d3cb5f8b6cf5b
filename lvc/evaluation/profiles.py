"""Plots of what happens from frame to frame: quality and rate over a group of pictures, and resolutions of motion."""

from collections import Counter
from pathlib import Path

from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from lvc.curves.plots import COLOURS, STYLE, as_label, save
from lvc.evaluation.records import Record

FACTOR_MARKERS = {2: "s", 4: "*", 8: "P"}
"""As in Fig. 4 of OMRA (arXiv 2402.12816); other factors are triangles, none is a plain line."""

FACTOR_COLOURS = {1: "#d7dce1", 2: "#9ecae1", 4: "#4292c6", 8: "#08519c"}
"""The smaller the picture that motion was told from, the darker."""

_OTHER = ("^", "#062a52")


def plot_profile(records: list[Record], title: str, stem: Path, styles: dict[str, int], dashed: set[str]) -> bool:
    """Draw PSNR and bits frame by frame, over the first group between two intra frames, into ``stem``.png and .svg.

    Args:
        records: One per codec, of one sequence; those without bits per frame are left out.
        title: Above the plot.
        stem: Path without suffix.
        styles: A codec's place among the colours.
        dashed: Codecs drawn dashed.

    Returns:
        Whether there was anything to draw.
    """
    records = [r for r in records if len(r.per_frame.get("bits", [])) > 1]
    if not records:
        return False
    period = records[0].key.protocol["intra_period"]
    frames = period + 1 if period > 0 else len(records[0].per_frame["bits"])
    with rc_context(STYLE):
        figure = Figure(figsize=(9.6, 5.2), layout="constrained")
        quality, rate = figure.subplots(2, 1, sharex=True)
        chosen: set[int] = set()
        for record in records:
            columns = {name: record.per_frame[name][:frames] for name in ("psnr", "bits", "factor")}
            for axes, values in ((quality, columns["psnr"]), (rate, [bits / 1000 for bits in columns["bits"]])):
                colour = COLOURS[styles[record.codec] % len(COLOURS)]
                axes.plot(values, color=colour, linewidth=1.5, linestyle="--" if record.codec in dashed else "-")
                for index, factor in enumerate(columns["factor"]):
                    if factor and factor > 1:
                        chosen.add(factor)
                        marker = FACTOR_MARKERS.get(factor, _OTHER[0])
                        axes.plot(index, values[index], marker, markersize=5.5, color=colour)
        quality.set(ylabel="PSNR (RGB, dB)")
        rate.set(xlabel="frame", ylabel="kilobits", yscale="log")
        rate.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        rate.yaxis.set_major_formatter("{x:g}")
        rate.yaxis.set_minor_formatter(NullFormatter())
        rate.xaxis.set_major_locator(MaxNLocator(integer=True))
        quality.set_title(title, loc="left", fontsize=11, fontweight="bold")
        figure.legend(handles=_legend(records, styles, dashed, sorted(chosen)), loc="outside right upper")
        save(figure, stem)
    return True


def _legend(records: list[Record], styles: dict[str, int], dashed: set[str], factors: list[int]) -> list[Line2D]:
    lines = [
        Line2D(
            [],
            [],
            color=COLOURS[styles[r.codec] % len(COLOURS)],
            linestyle="--" if r.codec in dashed else "-",
            label=as_label(f"{r.codec}\n{r.point}"),
        )
        for r in records
    ]
    marks = [
        Line2D([], [], color="#444444", marker=FACTOR_MARKERS.get(f, _OTHER[0]), linestyle="", label=f"motion at 1/{f}")
        for f in factors
    ]
    return lines + marks


def factors_by_level(records: list[Record]) -> dict[int, Counter[int]]:
    """How often each factor was chosen, by temporal level."""
    found: dict[int, Counter[int]] = {}
    for record in records:
        for level, factor in zip(record.per_frame.get("level", []), record.per_frame.get("factor", []), strict=True):
            if factor is not None:
                found.setdefault(level, Counter())[factor] += 1
    return dict(sorted(found.items()))


def plot_factors(records: list[Record], title: str, stem: Path) -> bool:
    """Draw how often each resolution of motion was chosen at each temporal level, a panel per codec that chose.

    Args:
        records: Of one sequence or several.
        title: Above the plot.
        stem: Path without suffix; ``.png`` and ``.svg`` are written.

    Returns:
        Whether any codec chose.
    """
    by_codec: dict[str, list[Record]] = {}
    for record in records:
        by_codec.setdefault(record.codec, []).append(record)
    counts = {codec: levels for codec, own in by_codec.items() if (levels := factors_by_level(own))}
    if not counts:
        return False
    factors = sorted({f for levels in counts.values() for counter in levels.values() for f in counter} | {1})
    with rc_context({**STYLE, "axes.grid": False}):
        figure = Figure(figsize=(max(4.8, 4.2 * len(counts)), 3.6), layout="constrained")
        panels = figure.subplots(1, len(counts), sharey=True, squeeze=False)[0]
        for axes, (codec, levels) in zip(panels, counts.items(), strict=True):
            bottoms = [0.0] * len(levels)
            for factor in factors:
                shares = [100 * counter[factor] / counter.total() for counter in levels.values()]
                colour = FACTOR_COLOURS.get(factor, _OTHER[1])
                axes.bar(range(len(levels)), shares, 0.7, bottoms, color=colour, label=f"1/{factor}")
                bottoms = [bottom + share for bottom, share in zip(bottoms, shares, strict=True)]
            names = [f"{level}\n{counter.total()}" for level, counter in levels.items()]
            axes.set_xticks(range(len(levels)), names)
            axes.set_title(codec, fontsize=10)
            axes.set_xlabel("temporal level, and frames in it")
        panels[0].set_ylabel("share of frames (%)")
        figure.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles[::-1], labels[::-1], title="motion at", loc="outside right upper")
        save(figure, stem)
    return True
