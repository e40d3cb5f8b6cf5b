"""BD-rates that papers print, as data: what stands in their tables, by set."""

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True)
class Published:
    """One row of a paper's table.

    Attributes:
        paper: Title.
        place: Where in it.
        metric: As in :data:`lvc.config.metrics.METRICS`; all are of RGB.
        intra_period: As the paper says it.
        anchor: What the BD-rates are relative to, in the paper's words.
        codec: The codec, in the paper's words.
        model: The model of this project that it is, empty for others.
        rates: BD-rates in percent by set.
    """

    paper: str
    place: str
    metric: str
    intra_period: str
    anchor: str
    codec: str
    model: str
    rates: dict[str, float]


@cache
def published() -> tuple[Published, ...]:
    """All rows, in the papers' order."""
    known = ("paper", "place", "metric", "intra_period", "anchor", "codec", "model")
    with (files("lvc.curves") / "published.csv").open(newline="") as file:
        return tuple(
            Published(
                **{name: row[name] for name in known},
                rates={name: float(value) for name, value in row.items() if name not in known and value},
            )
            for row in csv.DictReader(file)
        )


def published_beside(models: set[str]) -> list[Published]:
    """All rows of the tables that tell of at least one of these models."""
    tables = {(p.paper, p.place) for p in published() if p.model in models}
    return [p for p in published() if (p.paper, p.place) in tables]
