"""What the page shows, as plain data: all numbers are here, the page only draws them."""

from pathlib import PurePosixPath
from typing import Any

from lvc.config.metrics import METRICS
from lvc.curves.plots import COLOURS
from lvc.curves.published import published_beside
from lvc.evaluation.brought import caution
from lvc.evaluation.curves import codecs_of, mean_curve, sequences_of
from lvc.evaluation.frames import saving
from lvc.evaluation.records import Record
from lvc.evaluation.report.deltas import Notes, all_rates, rounded
from lvc.evaluation.report.pictures import crops, motion
from lvc.evaluation.results import Results

DASHES = {"learned": "solid", "traditional": "dash", "brought": "dot"}

MANY = (*COLOURS, "#882255", "#44AA99", "#332288", "#999933", "#AA4499", "#117733", "#661100", "#6699CC")
"""As in plots, and more for pages that show many codecs (Tol's muted scheme)."""

SYMBOLS = ("circle", "square", "diamond", "triangle-up", "triangle-down", "pentagon", "x", "star")

EVERYTHING = "all sequences"

FRAME_COLUMNS = ("kind", "level", "bits", "psnr", "psnr_yuv", "ms_ssim", "vmaf", "factor")


def page_data(results: Results) -> dict[str, Any]:
    """Everything that the page's script needs."""
    records, notes = results.records, Notes()
    sets = sets_of(records)
    method = results.comparisons[0].method if results.comparisons else "akima"
    models = {r.key.system.get("model", "") for r in records}
    return {
        "anchor": results.anchor,
        "method": method,
        "metrics": [{"name": m, "title": METRICS[m].title, "short": METRICS[m].short} for m in results.metrics],
        "codecs": [_codec(records, codec, place) for place, codec in enumerate(codecs_of(records))],
        "sets": sets,
        "sequences": {name: _sequence(records, name) for name in sequences_of(records)},
        "points": [_point(r, results.metrics) for r in records],
        "means": {name: _means(_of(records, members), results.metrics) for name, members in sets.items()},
        "rates": {
            name: {m: all_rates(_of(records, members), m, method, notes) for m in results.metrics}
            for name, members in sets.items()
        },
        "notes": notes.texts,
        "published": [
            {"paper": p.paper, "place": p.place, "metric": METRICS[p.metric].short, "intra_period": p.intra_period,
             "anchor": p.anchor, "codec": p.codec, "ours": p.model in models and bool(p.model), "rates": p.rates}
            for p in published_beside(models - {""})
        ],
        "here": {c.codec: rounded([c.headline.value])[0] for c in results.comparisons if c.metric == "psnr"},
    }  # fmt: skip


def sets_of(records: list[Record]) -> dict[str, list[str]]:
    """Sequences by set: the folder that a sequence's name begins with, and all of them together."""
    names = sequences_of(records)
    found: dict[str, list[str]] = {EVERYTHING: names}
    for name in names:
        folder = str(PurePosixPath(name).parent)
        if folder != ".":
            found.setdefault(folder, []).append(name)
    return found if len(found) > 2 else {EVERYTHING: names}


def _of(records: list[Record], names: list[str]) -> list[Record]:
    return [r for r in records if r.sequence in names]


def _codec(records: list[Record], codec: str, place: int) -> dict[str, Any]:
    own = [r for r in records if r.codec == codec]
    return {
        "name": codec,
        "kind": own[0].kind,
        "colour": MANY[place % len(MANY)],
        "dash": DASHES[own[0].kind],
        "symbol": SYMBOLS[place % len(SYMBOLS)],
        "caution": (caution(records, codec) or "").removeprefix(f"{codec} ") or None,
        "how": how(own),
    }


def how(records: list[Record]) -> list[str]:
    """How a codec's rate points were made, one line each; of one encoder without the value of the rate point."""
    lines = []
    for r in records:
        system = r.key.system
        if system["kind"] == "learned":
            more = {k: v for k, v in system.items() if k not in ("kind", "model", "digest")}
            path = r.environment.get("export", {}).get("path", "")
            lines.append(f"{r.point}: {path} (digest {system['digest'][:16]}{f', {more}' if more else ''})")
        elif system["kind"] == "brought":
            lines.append(f"brought in from {system['source']}")
        else:
            varying = r.point.split("=")[0]
            options = " ".join(f"-{k} {v}" for k, v in system.get("options", {}).items() if k != varying)
            if "command" in system:
                lines.append(system["command"])
            else:
                through = system.get("through", "PyAV")
                lines.append(
                    f"{through}: -c:v {system['encoder']} {options} -threads {system['threads']}; {system['pixels']}"
                )
    return list(dict.fromkeys(lines))


def _sequence(records: list[Record], name: str) -> dict[str, Any]:
    own = [r for r in records if r.sequence == name]
    source = next((r for r in own if r.kind != "brought"), own[0]).key.source
    return {
        "source": source,
        "crops": crops(own),
        "motion": motion(own),
        "savings": [text for r in own if (text := _saving(r))],
    }


def _saving(record: Record) -> str | None:
    found = saving(record) if record.per_frame.get("tried") else None
    if not found:
        return None
    bits = found.bits_plain - found.bits
    return (
        f"{record.codec}, {record.point}: of {found.frames} frames {found.cheaper} cost less than with motion at their "
        f"own resolution and {found.dearer} more, on the references they had; "
        f"{bits:,} bits saved on them ({100 * bits / found.bits_plain:.1f} %)."
    )


def _point(record: Record, metrics: list[str]) -> dict[str, Any]:
    frames = {name: values for name in FRAME_COLUMNS if (values := record.per_frame.get(name))}
    return {
        "codec": record.codec,
        "sequence": record.sequence,
        "point": record.point,
        "bytes": record.bytes,
        "file_bytes": record.file_bytes,
        "bpp": round(record.bpp, 6),
        "quality": {m: _scaled(record, m) for m in metrics if record.value(m) is not None},
        "raw": {m: round(record.value(m), 5) for m in metrics if record.value(m) is not None},
        "pooled": {name: round(value, 3) for name, value in record.pooled.items()},
        "seconds": {name: round(value, 3) for name, value in record.seconds.items()},
        "error": record.error,
        "missing": record.ms_ssim_missing,
        "streams": {name: round(bits) for name, bits in record.stream_bits.items()},
        "frames": {name: _short(values) for name, values in frames.items()},
        "digest": record.key.digest,
        "revision": record.environment.get("revision"),
    }


def _scaled(record: Record, metric: str) -> float:
    return round(METRICS[metric].scale(record.value(metric)), 4)


def _short(values: list[Any]) -> list[Any]:
    return [round(value, 4) if isinstance(value, float) else value for value in values]


def _means(records: list[Record], metrics: list[str]) -> dict[str, Any]:
    """Mean curves by metric and codec, as lists of bpp, quality and the point's name."""
    return {
        m: {
            codec: [list(row) for row in zip(rounded(c.bpp, 6), rounded(c.quality), c.points, strict=True)]
            for codec in codecs_of(records)
            if (c := mean_curve(records, codec, m)).bpp
        }
        for m in metrics
    }
