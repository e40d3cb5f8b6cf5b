"""An evaluation as a wandb run: its tables, plots and report, linked to the runs that trained the codecs."""

import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lvc.config.evaluate import EvaluateConfig
from lvc.config.metrics import METRICS
from lvc.evaluation.curves import codecs_of, mean_curve
from lvc.evaluation.frames import FRAME_COLUMNS, frame_rows
from lvc.evaluation.results import Results
from lvc.training.artifacts import note_inputs
from lvc.training.loggers import open_run

_RATES = [
    "codec",
    "anchor",
    "metric",
    "method",
    "bd_rate_percent",
    "bd_rate_percent_of_mean_curve",
    "bd_gain_db",
    "note",
]

FILES = ("report.html", "results.csv", "frames.csv", "bdrate.csv", "summary.json", "config.json")


def log_results(config: EvaluateConfig, results: Results) -> None:
    """Log an evaluation to wandb, offline or online as `logger.mode` says.

    Args:
        config: The evaluation.
        results: Its outcome, written already.

    Raises:
        UserError: If wandb cannot be reached as asked.
    """
    import wandb

    output = results.path.parent
    run = open_run(config.logger, output.resolve().name, "evaluation", output, config=asdict(config))
    exports = {r.environment["export"]["path"] for r in results.records if "export" in r.environment}
    note_inputs(run, sorted(exports))
    tables = {name: wandb.Table(head, rows) for name, (head, rows) in evaluation_tables(results).items()}
    pictured = [r for r in results.records if r.motion and Path(r.motion["picture"]).is_file()]
    motion = {f"motion/{r.sequence}/{r.codec}, {r.point}": wandb.Image(r.motion["picture"]) for r in pictured}
    plots = {f"plots/{m}-{s or 'mean'}": wandb.Image(f"{stem}.png") for (m, s), stem in results.plots.items()}
    run.log(
        {
            **{f"tables/{name}": made for name, made in tables.items()},
            **plots,
            **motion,
            "report": wandb.Html(str(results.path)),
        }
    )
    for codec in codecs_of(results.records):
        for metric in results.metrics:
            delta = results.headline(codec, metric)
            if delta is not None and delta.value is not None:
                run.summary[f"bd_rate/{metric}/{codec}"] = delta.value
    name = re.sub(r"[^\w.-]+", "-", f"evaluation-{output.resolve().name}")[:100]
    digests = sorted({r.key.system["digest"] for r in results.records if "digest" in r.key.system})
    artifact = wandb.Artifact(name, "evaluation", metadata={"exports": digests, "anchor": results.anchor})
    for path in (Path(output, file) for file in FILES):
        if path.is_file():
            artifact.add_file(str(path))
    run.log_artifact(artifact)
    run.finish()


def evaluation_tables(results: Results) -> dict[str, tuple[list[str], list[list[Any]]]]:
    """Rate points (mean over sequences), BD-rates and frames, measured on bitstreams, as heads and rows."""
    points = []
    for codec in codecs_of(results.records):
        curves = {m: mean_curve(results.records, codec, m) for m in results.metrics}
        rates = {p: bpp for c in curves.values() for p, bpp in zip(c.points, c.bpp, strict=True)}
        for point, bpp in sorted(rates.items(), key=lambda pair: pair[1]):
            quality = [dict(zip(curves[m].points, curves[m].quality, strict=True)).get(point) for m in results.metrics]
            points.append([codec, point, bpp, *quality])
    rates = []
    for c in results.comparisons:
        values = [delta.value for delta in (c.headline, c.curve_rate, c.mean_gain)]
        rates.append([c.codec, results.anchor, c.metric, c.method, *values, c.headline.note])
    return {
        "rd_points": (["codec", "point", "bpp", *(METRICS[m].title for m in results.metrics)], points),
        "frames": (list(FRAME_COLUMNS), list(frame_rows(results.records))),
        "bd_rate": (_RATES, rates),
    }
