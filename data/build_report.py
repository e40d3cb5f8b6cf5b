"""The report of a build: one HTML file that needs nothing else."""

import base64
import io
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from matplotlib import rc_context
from matplotlib.figure import Figure

from data.options import BuildOptions
from lvc.files import replacing

SHOWN = 60
"""Most pictures of kept clips; evenly spread over the sources."""

SHOWN_LEFT_OUT = 10
"""Most pictures per reason."""

_STYLE = {"font.size": 10, "axes.spines.top": False, "axes.spines.right": False, "svg.hashsalt": "lvc"}


def write_report(
    path: Path, options: BuildOptions, records: list[dict[str, Any]], kept: list[dict], left_out: list[dict]
) -> Path:
    """Write what was kept, what was left out and why, with histograms and pictures."""
    clips = [{"source": record["source"], **clip} for record in records for clip in record["clips"]]
    why = Counter(row["reason"] for row in left_out)
    context = {
        "title": f"Training set {options.out}",
        "options": {k: v for k, v in asdict(options).items() if v is not None},
        "splits": [_split(name, records, kept, options) for name in ("train", "val")],
        "reasons": [_reason(name, number, left_out) for name, number in why.most_common()],
        "histograms": [
            _histogram(clips, "motion", "motion (pixels per frame)", options.min_motion),
            _histogram(clips, "texture", "texture (spatial information)", options.min_texture),
            _histogram(clips, "difference", "frame difference (luma levels)", options.min_difference),
        ],
        "sheet": _spread([c for c in clips if not c["reason"] and c["picture"]], SHOWN),
        "left_out": [
            {"reason": name, "pictures": _spread(pictured, SHOWN_LEFT_OUT)}
            for name in why
            if (pictured := [c for c in clips if c["reason"] == name and c["picture"]])
        ],
        "sources": [_source(record) for record in records],
    }
    page = environment().get_template("report.html.j2").render(context)
    with replacing(path) as part:
        part.write_text(page, encoding="utf-8")
    return path


def environment() -> Environment:
    """Templates of this folder."""
    loader = FileSystemLoader(Path(__file__).parent)
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)


def _split(name: str, records: list[dict], kept: list[dict], options: BuildOptions) -> dict[str, Any]:
    own = [row for row in kept if row["split"] == name]
    return {
        "name": name,
        "sources": sum(record["split"] == name for record in records),
        "clips": len(own),
        "frames": len(own) * options.frames,
    }


def _reason(name: str, number: int, left_out: list[dict]) -> dict[str, Any]:
    example = next(row for row in left_out if row["reason"] == name)
    where = f"{example['source']}, frame {example['first']}" if example["first"] != "" else example["source"]
    return {"name": name, "number": number, "example": f"{where}: {example['detail']}" if example["detail"] else where}


def _source(record: dict[str, Any]) -> dict[str, Any]:
    why = Counter(clip["reason"] for clip in record["clips"])
    kept = why.pop("", 0)
    why.update({"short shot": len(record["short"])} if record["short"] else {})
    said = [f"{number} {name}" for name, number in why.most_common()]
    shape = (
        f"{record['width']}×{record['height']}, {record['fps']} fps, {record['pixels']}" if "width" in record else ""
    )
    reason = f"{record['reason']}: {record['detail']}" if record["reason"] else ""
    facts = {key: record[key] for key in ("source", "split", "frames", "shots")}
    return {**facts, "shape": shape, "kept": kept, "left_out": "; ".join([*said, *filter(None, [reason])])}


def _histogram(clips: list[dict], key: str, label: str, threshold: float) -> str:
    """Figures of kept clips and of those left out, as a picture that HTML can hold."""
    values = [[c[key] for c in clips if bool(c["reason"]) == out] for out in (False, True)]
    highest = np.percentile([v for part in values for v in part], 99.5) if clips else 1.0
    bins = np.linspace(0, max(highest, 2 * threshold, 1e-3), 41)
    with rc_context(_STYLE):
        figure = Figure(figsize=(5.2, 2.9), layout="constrained")
        axes = figure.add_subplot()
        names, colours = ["kept", "left out"], ["#0072B2", "#D55E00"]
        shown = [np.clip(part, None, bins[-1]) for part in values]
        axes.hist(shown, bins, stacked=True, label=names, color=colours)
        axes.axvline(threshold, color="#555555", linewidth=1, linestyle="--", label="least kept")
        axes.set(xlabel=label, ylabel="clips")
        axes.legend(frameon=False, loc="upper right")
        return svg(figure)


def svg(figure: Figure) -> str:
    """A figure as text that HTML can hold."""
    data = io.BytesIO()
    figure.savefig(data, format="svg", metadata={"Date": None})
    return f"data:image/svg+xml;base64,{base64.b64encode(data.getvalue()).decode()}"


def _spread(items: list[dict], most: int) -> list[dict]:
    """At most so many, evenly spread."""
    places = np.unique(np.linspace(0, len(items) - 1, min(most, len(items))).round().astype(int)) if items else []
    return [items[i] for i in places]
