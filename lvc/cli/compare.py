"""Put evaluations side by side: one table and one report of several outputs of evaluate.py.

Each is named by its output folder, or by a JSON file in it. Curves of one name that are of unlike codecs get the name
of their evaluation beside it. Evaluations of unlike protocols, or of unlike frames under one name, are refused.
"""

import argparse
import json
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from lvc.errors import UserError

if TYPE_CHECKING:
    from lvc.evaluation.records import Record


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "evaluations", nargs="+", type=Path, help="output folders of evaluate.py, or JSON files in them"
    )
    parser.add_argument("--curves", nargs="*", type=Path, default=[], help="CSV or JSON files of curves brought in")
    parser.add_argument("--anchor", help="curve that BD-rates are relative to (default: the first evaluation's)")
    parser.add_argument("--out", type=Path, default=Path("comparison"), help="folder of the report, tables and plots")


def run(options: argparse.Namespace) -> None:
    """Compare, write and print.

    Raises:
        UserError: For what is no evaluation, evaluations that cannot be compared, or an anchor that none has.
    """
    from lvc.evaluation.brought import of_sequences, read_curves
    from lvc.evaluation.curves import codecs_of
    from lvc.evaluation.records import check_comparable, each_once
    from lvc.evaluation.report.exports import write_exports
    from lvc.evaluation.report.page import write_report
    from lvc.evaluation.results import write_results

    records = _together(options.evaluations)
    names = sorted({r.sequence for r in records})
    for path in options.curves:
        records += of_sequences(path, read_curves(path), names)
    check_comparable(records)
    records = each_once(records)
    codecs = codecs_of(records)
    anchor = options.anchor or _anchor(options.evaluations[0], codecs)
    if anchor not in codecs:
        raise UserError(f"--anchor: no evaluation has '{anchor}'; choices are: {', '.join(codecs)}")
    try:
        options.out.mkdir(parents=True, exist_ok=True)
        results = write_results(records, anchor, ("akima", "cubic", "pchip"), options.out)
        write_exports(results, options.out / "exports")
        write_report(results)
    except OSError as error:
        raise UserError(f"--out: cannot write to {options.out}: {error.strerror}") from None
    print(results.table())
    print(f"report: {results.path}")


def _folder(path: Path) -> Path:
    return path.parent if path.suffix == ".json" else path


def _anchor(path: Path, codecs: list[str]) -> str:
    """The anchor that an evaluation was made with, where it is still a curve; else the last codec."""
    summary = _folder(path) / "summary.json"
    named = json.loads(summary.read_text())["anchor"] if summary.is_file() else None
    return named if named in codecs else codecs[-1]


def _together(paths: list[Path]) -> list["Record"]:
    """All records; a codec that is another one in another evaluation has its evaluation's name beside its own."""
    from lvc.evaluation.records import load_records

    loaded = {path: load_records(_folder(path)) for path in paths}
    known: dict[tuple[str, str], set[str]] = {}
    for r in chain(*loaded.values()):
        known.setdefault((r.codec, r.point), set()).add(json.dumps(r.key.system, sort_keys=True))
    unlike = {codec for (codec, _), systems in known.items() if len(systems) > 1}
    return [
        r.renamed(f"{r.codec} ({_folder(path).resolve().name})", r.point) if r.codec in unlike else r
        for path, records in loaded.items()
        for r in records
    ]
