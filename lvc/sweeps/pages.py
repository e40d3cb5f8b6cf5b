"""The pages of gathered results: Markdown, and one HTML file that needs nothing else."""

from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from lvc.config.metrics import METRICS
from lvc.evaluation.report.pictures import data_uri
from lvc.evaluation.results import columns, percent
from lvc.sweeps.gathered import Gathered, Section

HEAD = ("curve", "lambda", "state", "bpp (estimate)", "PSNR (estimate)", "cost", "bpp (measured)", "PSNR (measured)")

TITLES = {
    "estimated": "Estimates from training",
    "measured": "Measured on bitstreams",
}

_SAYS = {
    "estimated": "Rates are estimated by the model on the validation clips, not counted on files. Hollow points are of "
    "runs that have not finished.",
    "measured": "Rates are bytes of files, qualities those of frames decoded from them, by evaluate.py.",
}


def write_pages(gathered: Gathered) -> None:
    """Write ``gathered.md`` and ``gathered.html``."""
    context = {
        "head": HEAD,
        "members": [_cells(row) for row in gathered.rows()],
        "sections": [_section(s) for s in gathered.sections],
    }
    loader = ChoiceLoader([PackageLoader("lvc.sweeps", "."), PackageLoader("lvc.evaluation.report", ".")])
    for name in ("gathered.md", "gathered.html"):
        environment = Environment(
            loader=loader,
            autoescape=name.endswith("html"),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        page = environment.get_template(f"{name}.j2").render(context)
        (gathered.folder / name).write_text(page, encoding="utf-8")


def table(gathered: Gathered) -> str:
    """Members and BD-rates as text."""
    rows = [HEAD, *(_cells(row) for row in gathered.rows())]
    lines = columns(rows)
    for s in gathered.sections:
        if s.rates:
            lines += ["", f"BD-rate relative to {s.anchor}, {METRICS[s.metric].short}, {s.kind}"]
            lines += columns([(r["curve"], r["rate"], r["note"]) for r in _section(s)["rates"]])
    return "\n".join(lines)


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    def number(key: str, form: str) -> str:
        return "" if row[key] is None else form.format(row[key])

    return (
        row["curve"],
        number("lambda", "{:g}"),
        row["state"] + (f" ({row['detail']})" if row["detail"] else ""),
        number("estimated_bpp", "{:.4f}"),
        number("estimated_psnr", "{:.2f}"),
        number("validation_cost", "{:.4f}"),
        number("measured_bpp", "{:.4f}"),
        number("measured_psnr", "{:.2f}"),
    )


def _section(s: Section) -> dict[str, Any]:
    svg = s.plot.with_name(s.plot.name + ".svg")
    rates = [{"curve": n, "rate": percent(r), "gain": g.value, "note": r.note or ""} for n, (r, g) in s.rates.items()]
    return {
        "title": f"{TITLES[s.kind]}, {METRICS[s.metric].short}",
        "says": _SAYS[s.kind],
        "axis": METRICS[s.metric].title,
        "anchor": s.anchor,
        "rates": rates,
        "file": svg.name,
        "picture": data_uri(svg),
    }
