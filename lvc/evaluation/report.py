"""The report: one HTML file that needs nothing else."""

import base64
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from lvc.config.metrics import METRICS
from lvc.curves.bdrate import Delta
from lvc.evaluation.curves import at_like_rates, codecs_of, mean_curve, sequences_of
from lvc.evaluation.frames import saving
from lvc.evaluation.records import Record
from lvc.evaluation.results import PROFILES, Results, percent

_TYPES = {".png": "image/png", ".svg": "image/svg+xml"}


@dataclass
class Notes:
    """Footnotes, numbered in the order they are first referred to."""

    texts: list[str] = field(default_factory=list)

    def cell(self, delta: Delta) -> Markup:
        """A delta as a table cell's content."""
        text = percent(delta)
        if not delta.note:
            return Markup(text)
        if delta.note not in self.texts:
            self.texts.append(delta.note)
        number = self.texts.index(delta.note) + 1
        return Markup('<span title="{}">{}<sup>{}</sup></span>').format(delta.note, text, number)


def write_report(results: Results) -> None:
    """Write ``results.path``; pictures become part of it."""
    environment = Environment(
        loader=PackageLoader("lvc.evaluation", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template("report.html.j2").render(_context(results))
    results.path.write_text(page, encoding="utf-8")


def _context(results: Results) -> dict[str, Any]:
    records, notes = results.records, Notes()
    first = next((r for r in records if r.kind != "brought"), records[0])
    # in the page's order, so that footnotes are numbered in it
    summary = [_summary(results, codec, notes) for codec in codecs_of(records)]
    tables = [_bd_table(results, metric, notes) for metric in results.metrics if results.comparisons]
    return {
        "protocol": first.key.protocol,
        "colours": sorted({r.key.source["matrix"] for r in records if "matrix" in r.key.source}),
        "frames": sorted({r.key.source["frames"] for r in records if "frames" in r.key.source}),
        "anchor": results.anchor,
        "errors": [r for r in records if r.error],
        "summary": summary,
        "metrics": [{"name": m, "short": METRICS[m].short, "axis": METRICS[m].title} for m in results.metrics],
        "mean_plots": [data_uri(_svg(results, m, None)) for m in results.metrics if (m, None) in results.plots],
        "mean_profiles": _profiles(results, None),
        "bd_tables": tables,
        "notes": notes.texts,
        "sequences": [_sequence(results, name) for name in sequences_of(records)],
        "environment": first.environment,
        "systems": _systems(records),
    }


def _summary(results: Results, codec: str, notes: Notes) -> dict[str, Any]:
    own = [r for r in results.records if r.codec == codec]
    curve = mean_curve(results.records, codec, results.metrics[0])
    timed = [r for r in own if r.seconds]
    pixels = sum(r.key.source["width"] * r.key.source["height"] * r.key.source["frames"] for r in timed)
    speed = {
        step: pixels / 1e6 / total for step in ("encode", "decode") if (total := sum(r.seconds[step] for r in timed))
    }
    return {
        "codec": codec,
        "points": len({r.point for r in own}),
        "bpp": _range(curve.bpp, "{:.3f}"),
        "psnr": _range(curve.quality, "{:.1f}"),
        "speed": [f"{speed[step]:.2g}" if step in speed else "–" for step in ("encode", "decode")],
        "rates": [
            "anchor" if codec == results.anchor else notes.cell(results.headline(codec, metric))
            for metric in results.metrics
        ],
    }


def _range(values: tuple[float, ...], form: str) -> str:
    ends = [form.format(v) for v in (values[0], values[-1])] if values else ["–"]
    return " to ".join(dict.fromkeys(ends))


def _bd_table(results: Results, metric: str, notes: Notes) -> dict[str, Any]:
    chosen = [c for c in results.comparisons if c.metric == metric]
    shown = [c for c in chosen if c.method == chosen[0].method]
    names = sequences_of(results.records)
    rows = [(name, [notes.cell(c.rate[name]) for c in shown], False) for name in names]
    for method in dict.fromkeys(c.method for c in chosen):
        same = [c for c in chosen if c.method == method]
        rows.append((f"mean of sequences, {method}", [notes.cell(c.mean_rate) for c in same], True))
        rows.append((f"mean curve, {method}", [notes.cell(c.curve_rate) for c in same], True))
    return {
        "metric": METRICS[metric].short,
        "method": chosen[0].method,
        "codecs": [c.codec for c in shown],
        "rows": [{"name": name, "cells": cells, "total": total} for name, cells, total in rows],
    }


def _sequence(results: Results, name: str) -> dict[str, Any]:
    records = [r for r in results.records if r.sequence == name]
    return {
        "name": name,
        "source": next((r for r in records if "width" in r.key.source), records[0]).key.source,
        "plots": [data_uri(_svg(results, m, name)) for m in results.metrics if (m, name) in results.plots],
        "crops": _crops(records),
        "profiles": _profiles(results, name),
        "motion": _motion(records),
        "savings": _savings(records),
        "records": sorted(records, key=lambda r: (codecs_of(results.records).index(r.codec), r.bpp)),
        "missing": sorted({r.ms_ssim_missing for r in records if r.ms_ssim_missing}),
    }


def _crops(records: list[Record]) -> list[dict[str, str]]:
    """The original and each codec at like rates."""
    pictured = [r for r in records if r.crop and Path(r.crop).is_file() and not r.error]
    if not pictured:
        return []
    crops = [{"picture": data_uri(Path(pictured[0].crop_original)), "title": "original", "caption": ""}]
    for r in at_like_rates(pictured):
        caption = f"{r.bpp:.4f} bpp · {r.psnr:.2f} dB"
        crops.append({"picture": data_uri(Path(r.crop)), "title": f"{r.codec}, {r.point}", "caption": caption})
    return crops


def _motion(records: list[Record]) -> list[dict[str, str]]:
    """Pictures of motion at like rates, and what they show."""
    shown = [r for r in records if r.motion and Path(r.motion["picture"]).is_file() and not r.error]
    pictures = []
    for r in at_like_rates(shown):
        facts = r.motion
        scale = f", told from frames at 1/{facts['factor']}" if facts["factor"] else ""
        warped = f", warped reference {facts['warped']:.2f} dB" if "warped" in facts else ""
        caption = (
            f"frame {facts['frame']}: motion up to {facts['largest']:.1f} pixels{scale}{warped}, "
            f"prediction {facts['prediction']:.2f} dB"
        )
        pictures.append(
            {"picture": data_uri(Path(facts["picture"])), "title": f"{r.codec}, {r.point}", "caption": caption}
        )
    return pictures


def _savings(records: list[Record]) -> list[str]:
    """What resolutions of motion saved, frame by frame, as text."""
    texts = []
    for r in records:
        found = saving(r)
        if found:
            bits = found.bits_plain - found.bits
            texts.append(
                f"{r.codec}, {r.point}: of {found.frames} frames {found.cheaper} cost less than with motion at their "
                f"own resolution and {found.dearer} more, on the references they had; "
                f"{bits:,} bits saved on them ({100 * bits / found.bits_plain:.1f} %)"
            )
    return texts


def _systems(records: list[Record]) -> list[tuple[str, str]]:
    """How each codec was run, as text; of traditional ones without the value of the rate point."""
    texts = {}
    for r in records:
        system = r.key.system
        if system["kind"] == "learned":
            export = r.environment.get("export", {}).get("path", "")
            text = f"{r.point}: {export} ({system['digest'][:16]})"
            texts.setdefault(r.codec, []).append(text)
        elif r.kind == "brought":
            texts.setdefault(r.codec, []).append(f"brought in: {system['source']}")
        else:
            point = r.point.split("=")[0]
            options = " ".join(f"-{k} {v}" for k, v in system["options"].items() if k != point)
            text = f"{system['encoder']} {options} -threads {system['threads']}; {system['pixels']}"
            texts.setdefault(r.codec, []).append(text)
    return [(codec, "; ".join(dict.fromkeys(lines))) for codec, lines in texts.items()]


def _profiles(results: Results, sequence: str | None) -> list[str]:
    """Plots of what happens from frame to frame."""
    return [data_uri(_svg(results, p, sequence)) for p in PROFILES if (p, sequence) in results.plots]


def _svg(results: Results, metric: str, sequence: str | None) -> Path:
    stem = results.plots[metric, sequence]
    return stem.with_name(stem.name + ".svg")


def data_uri(path: Path) -> str:
    """A picture file as text that HTML can hold."""
    return f"data:{_TYPES[path.suffix]};base64,{base64.b64encode(path.read_bytes()).decode()}"
