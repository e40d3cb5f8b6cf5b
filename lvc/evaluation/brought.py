"""Curves that others measured, brought in from CSV or JSON files as records.

A file is a table: one row per codec, sequence and rate point. `docs/evaluation.md` says which columns there are.
"""

import csv
import json
from pathlib import Path
from typing import Any

from lvc.config.metrics import METRICS
from lvc.errors import UserError
from lvc.evaluation.metrics import weighted
from lvc.evaluation.records import Key, Record

ALIASES = {"clip": "sequence", "qp": "point", "crf": "point", "qp_or_crf": "point", "psnr_rgb": "psnr"}
"""Other names that columns go by."""

REQUIRED = ("sequence", "codec", "bpp")

PROTOCOL = ("protocol", "intra_period", "frames")
"""Columns that say under what conditions a row was measured; where they are missing they are not known."""


def read_curves(path: Path) -> list[Record]:
    """The rate points of a file, as records whose system is of the kind ``brought``.

    Raises:
        UserError: When the file cannot be read or lacks a column, naming the row that is wrong.
    """
    rows = _rows(path)
    if not rows:
        raise UserError(f"curves: {path} has no rows")
    return [_record(path, number, row) for number, row in enumerate(rows, 1)]


def of_sequences(path: Path, records: list[Record], names: list[str]) -> list[Record]:
    """Those of the sequences that are evaluated.

    Raises:
        UserError: When there are none.
    """
    kept = [record for record in records if record.sequence in names]
    if not kept:
        told = ", ".join(sorted({r.sequence for r in records}))
        raise UserError(f"curves: {path} tells of {told}, and none of them is evaluated ({', '.join(names)})")
    return kept


def caution(records: list[Record], *codecs: str) -> str | None:
    """Why a comparison of these codecs is to be taken with care: conditions that differ, or that are not told."""
    measured = [r for r in records if r.kind != "brought"]
    alike: dict[str, list[str]] = {}
    for codec in codecs:
        brought = [r for r in records if r.codec == codec and r.kind == "brought"]
        if brought:
            told = _conditions(brought, measured) or "conditions are said to be the same"
            alike.setdefault(f"brought in from {brought[0].key.system['source']}: {told}", []).append(codec)
    return "; ".join(f"{', '.join(names)} {text}" for text, names in alike.items()) or None


def _conditions(brought: list[Record], measured: list[Record]) -> str:
    theirs, ours = _told(brought), _told(measured)
    unlike = [
        f"{name.replace('_', ' ')} {_listed(theirs[name])} there, {_listed(ours[name])} here"
        for name in PROTOCOL
        if theirs[name] and ours[name] and theirs[name] != ours[name]
    ]
    unknown = [name.replace("_", " ") for name in PROTOCOL if not theirs[name]]
    return "; ".join(unlike + ([f"{', '.join(unknown)} not known to be the same"] if unknown else []))


def _told(records: list[Record]) -> dict[str, set[str]]:
    found = {name: {str(r.key.protocol[name]) for r in records if name in r.key.protocol} for name in PROTOCOL}
    found["protocol"] |= {str(r.key.protocol["name"]) for r in records if "name" in r.key.protocol}
    found["frames"] = {str(r.key.source["frames"]) for r in records if r.key.source.get("frames")}
    return found


def _listed(values: set[str]) -> str:
    return ", ".join(sorted(values))


def _rows(path: Path) -> list[dict[str, Any]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
        if path.suffix.lower() == ".json":
            data = json.loads(text)
            common = {k: v for k, v in data.items() if k != "points"} if isinstance(data, dict) else {}
            rows = data["points"] if isinstance(data, dict) else data
            rows = [{**common, **row} for row in rows]
        else:
            rows = list(csv.DictReader(text.splitlines()))
    except OSError as error:
        raise UserError(f"curves: cannot read {path}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError):
        raise UserError(f"curves: {path} is neither a CSV table nor JSON with a list of points") from None
    return [{ALIASES.get(name, name): value for name, value in row.items() if value not in ("", None)} for row in rows]


def _record(path: Path, number: int, row: dict[str, Any]) -> Record:
    missing = [name for name in REQUIRED if name not in row]
    if missing:
        raise UserError(f"curves: {path}, row {number}: has no {missing[0]}; needed are {', '.join(REQUIRED)}")
    values = {name: _number(path, number, name, row[name]) for name in METRICS if name in row}
    if not values:
        raise UserError(f"curves: {path}, row {number}: has no metric; those known are {', '.join(METRICS)}")
    if {"psnr_y", "psnr_u", "psnr_v"} <= values.keys():
        values = {**weighted(values, "psnr"), **values}
    size = int(_number(path, number, "bytes", row.get("bytes", 0)))
    source = {
        name: int(_number(path, number, name, row[name])) for name in ("width", "height", "frames") if name in row
    }
    system = {"kind": "brought", "codec": str(row["codec"]), "source": str(row.get("source", path.name))}
    protocol = {name: str(row[name]) for name in ("protocol", "intra_period") if name in row}
    bpp = _number(path, number, "bpp", row["bpp"])
    return Record(
        key=Key(system, str(row["sequence"]), source, protocol),
        codec=str(row["codec"]),
        point=str(row.get("point", f"{bpp:g} bpp")),
        bytes=size,
        file_bytes=size,
        bpp=bpp,
        psnr=values.pop("psnr", None),
        psnr_8bit=None,
        ms_ssim=values.pop("ms_ssim", None),
        ms_ssim_missing=None,
        metrics=values,
        per_frame={},
        stream_bits={},
        seconds={},
    )


def _number(path: Path, number: int, name: str, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise UserError(f"curves: {path}, row {number}: {name} is {value!r}, not a number") from None
