"""Rate-distortion plots as PNG and SVG."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from matplotlib import rc_context
from matplotlib.figure import Figure

from lvc.config.metrics import METRICS
from lvc.curves.curve import Curve

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8C6D1F")
"""Distinguishable with any colour vision (Okabe and Ito), strong ones first."""

MARKERS = "osD^vPX*"

STYLE = {
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#888888",
    "axes.grid": True,
    "grid.color": "#e4e4e4",
    "legend.frameon": False,
    "text.parse_math": False,  # names may hold dollars
    "svg.hashsalt": "lvc",  # the same picture gives the same file
}


def plot_curves(
    curves: dict[str, Curve],
    metric: str,
    title: str,
    stem: Path,
    styles: dict[str, int],
    dashed: set[str],
    hollow: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> None:
    """Draw curves into ``stem``.png and ``stem``.svg.

    Args:
        curves: By codec; empty ones are left out.
        metric: One of :data:`lvc.config.metrics.METRICS`.
        title: Above the plot.
        stem: Path without suffix.
        styles: A codec's place in colours and markers, the same in every plot.
        dashed: Codecs drawn dashed (the traditional ones).
        hollow: Points by codec that are drawn hollow (those that are not final).
    """
    with rc_context(STYLE):
        figure = Figure(figsize=(6.4, 4.4), layout="constrained")
        axes = figure.add_subplot()
        for codec, curve in curves.items():
            if not curve.bpp:
                continue
            place = styles[codec]
            axes.plot(
                curve.bpp,
                curve.quality,
                label=as_label(codec),
                color=COLOURS[place % len(COLOURS)],
                marker=MARKERS[place % len(MARKERS)],
                markersize=5,
                linewidth=1.6 if codec in dashed else 2.2,
                linestyle="--" if codec in dashed else "-",
            )
            for bpp, quality, point in zip(curve.bpp, curve.quality, curve.points, strict=True):
                if point in hollow.get(codec, ()):
                    axes.plot(bpp, quality, MARKERS[place % len(MARKERS)], markersize=4, color="white", zorder=3)
        axes.set(xlabel="bits per pixel", ylabel=METRICS[metric].title)
        axes.set_title(title, loc="left", fontsize=11, fontweight="bold")
        axes.set_xlim(left=0)
        axes.margins(y=0.08)
        axes.legend(loc="best")
        save(figure, stem)


def as_label(name: str) -> str:
    """A name as a legend shows it, which leaves out what begins with an underscore."""
    return f" {name}" if name.startswith("_") else name


def save(figure: Figure, stem: Path) -> None:
    """Write ``stem``.png and ``stem``.svg."""
    figure.savefig(stem.with_name(stem.name + ".png"), dpi=150)
    figure.savefig(stem.with_name(stem.name + ".svg"), metadata={"Date": None})
