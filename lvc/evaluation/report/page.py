"""The report: one HTML file that needs nothing else."""

import json
import shlex
import sys
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from lvc.evaluation.report.data import page_data
from lvc.evaluation.results import Results


def write_report(results: Results) -> None:
    """Write ``results.path``: data, pictures, the plotting library and the page's own script in one file."""
    from plotly.offline import get_plotlyjs

    environment = Environment(
        loader=PackageLoader("lvc.evaluation.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    context = {**_context(results), "data": _embedded(page_data(results)), "plotly": Markup(get_plotlyjs())}
    for name in ("style", "script"):
        suffix = {"style": "css", "script": "js"}[name]
        context[name] = Markup(environment.loader.get_source(environment, f"page.{suffix}")[0])
    results.path.write_text(environment.get_template("page.html.j2").render(context), encoding="utf-8")


def _embedded(data: dict[str, Any]) -> Markup:
    """JSON inside a script element: nothing in it may end the element."""
    return Markup(json.dumps(data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c"))


def _context(results: Results) -> dict[str, Any]:
    records = results.records
    measured = [r for r in records if r.kind != "brought"] or records
    first = measured[0]
    return {
        "protocol": first.key.protocol,
        "colours": sorted({r.key.source["matrix"] for r in measured if "matrix" in r.key.source}),
        "frames": sorted({r.key.source["frames"] for r in measured if "frames" in r.key.source}),
        "count": len({r.sequence for r in records}),
        "errors": [r for r in records if r.error],
        "environment": first.environment,
        "command": shlex.join(["python", *sys.argv]) if sys.argv[0].endswith("evaluate.py") else None,
    }
