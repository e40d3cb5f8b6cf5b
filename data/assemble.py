"""The set as a whole: splits, near-duplicates, files in their places, lists and the report."""

import csv
import json
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from data.duplicates import Seen
from data.options import BuildOptions
from data.sources import read_about, split_of
from lvc.errors import UserError
from lvc.files import replacing

SPLITS = ("train", "val")

_OURS = re.compile(r".+-[0-9a-f]{6}_\d{6,}(\.mkv|\.mp4)?")
"""What clips are called; anything else in the folders is the user's."""

_FIGURES = ["motion", "difference", "texture", "brightness"]
KEPT = ["file", "split", "source", "first", "start_s", "end_s", "fps", "width", "height", *_FIGURES, "sha256"]
LEFT_OUT = ["source", "first", "reason", "detail", *_FIGURES]
_VIDEO = ["frames", "seconds", "width", "height", "fps", "pixels", "bytes", "sha256"]
SOURCES = ["source", "split", "group", "clips", "left_out", *_VIDEO, "reason", "detail"]


def assemble(options: BuildOptions) -> Path:
    """Put together what the records say, the same whatever the order in which sources were cut.

    Returns:
        The report.

    Raises:
        UserError: When the disk refuses.
    """
    from data.build_report import write_report

    out = Path(options.out)
    about = read_about(options.about)
    records = _records(out / ".build" / "records")
    for record in records:
        record["group"], record["split"] = split_of(record["source"], options.seed, options.val_share, options.group)
    _mark_copies(records)
    _mark_duplicates(records, options.duplicate)
    _place(records, out)
    kept, left_out = _rows(records, options)
    _write_csv(out / "manifest.csv", KEPT, kept)
    _write_csv(out / "left_out.csv", LEFT_OUT, left_out)
    extra, facts = about
    _write_csv(out / "sources.csv", [*SOURCES, *extra], [_source(r, facts) for r in records])
    report = write_report(out / "report.html", options, records, kept, left_out)
    for split in SPLITS:
        print(f"{out / split}: {sum(row['split'] == split for row in kept)} clips", flush=True)
    print(f"left out: {len(left_out)} clips, shots and sources; {report} says why", flush=True)
    return report


def _records(folder: Path) -> list[dict[str, Any]]:
    found = [json.loads(path.read_text()) for path in folder.glob("*.json")]
    return sorted(found, key=lambda record: record["source"])


def _mark_copies(records: list[dict[str, Any]]) -> None:
    """Leave out every source with the content of another; one of the validation split stays."""
    first: dict[str, str] = {}
    for record in _val_first(records):
        original = first.setdefault(record["sha256"] or record["source"], record["source"])
        if original != record["source"]:
            record |= {"reason": "copy", "detail": f"same content as {original}", "short": [], "clips": []}


def _mark_duplicates(records: list[dict[str, Any]], distance: int) -> None:
    """Leave out clips that resemble one kept before; validation clips come first, so that training has none."""
    seen, groups = Seen(distance), {}
    for record in _val_first(records):
        number = groups.setdefault(record["group"], len(groups))
        for clip in record["clips"]:
            if clip["reason"]:
                continue
            hashes = [int(h, 16) for h in clip["hashes"]]
            if twin := seen.find(number, hashes):
                clip |= {"reason": "near-duplicate", "detail": f"resembles {twin}"}
            else:
                seen.add(clip["file"], number, hashes)


def _val_first(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(records, key=lambda record: record["split"] != "val")


def _place(records: list[dict[str, Any]], out: Path) -> None:
    """Move clips to the folders of their splits, and what is not (or no longer) in the set back to the pool."""
    pool = out / ".build" / "pool"
    wanted = {c["file"]: r["split"] for r in records for c in r["clips"] if not c["reason"]}
    try:
        for split in SPLITS:
            (out / split).mkdir(exist_ok=True)
            for entry in (out / split).iterdir():
                if _OURS.fullmatch(entry.name) and wanted.get(entry.name) != split:
                    os.replace(entry, pool / entry.name)
        for name, split in wanted.items():
            if (pool / name).exists():
                os.replace(pool / name, out / split / name)
            elif not (out / split / name).exists():
                raise UserError(f"{out / split / name}: is missing; delete {out / '.build' / 'records'} to cut anew")
    except OSError as error:
        raise UserError(f"{error.filename}: cannot be moved into its place ({error.strerror})") from None


def _rows(records: list[dict[str, Any]], options: BuildOptions) -> tuple[list[dict], list[dict]]:
    width, height = options.dimensions
    kept, left_out = [], []
    for record in records:
        source = {"source": record["source"]}
        if record["reason"]:
            left_out.append({**source, "first": "", "reason": record["reason"], "detail": record["detail"]})
        for first, length in record["short"]:
            detail = f"{length} frames"
            left_out.append({**source, "first": first, "reason": "short shot", "detail": detail})
        for clip in record["clips"]:
            if clip["reason"]:
                left_out.append({"detail": "", **clip, **source})
                continue
            start, end = clip["seconds"]
            shape = {"width": width, "height": height, "fps": record["fps"], "start_s": start, "end_s": end}
            place = {"file": f"{record['split']}/{clip['file']}", "split": record["split"]}
            kept.append({**clip, **source, **shape, **place, "sha256": clip["clip_sha256"]})
    return kept, left_out


def _source(record: dict[str, Any], about: dict[str, dict[str, str]]) -> dict[str, Any]:
    clips = record["clips"]
    kept = sum(not clip["reason"] for clip in clips)
    facts = {"clips": kept, "left_out": len(clips) - kept}
    if "fps" in record:
        numerator, _, denominator = record["fps"].partition("/")
        facts["seconds"] = round(record["frames"] * int(denominator or 1) / int(numerator), 2)
    return {**about.get(record["source"], {}), **record, **facts}


def _write_csv(path: Path, columns: list[str], rows: Iterable[dict[str, Any]]) -> None:
    with replacing(path) as part, open(part, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, restval="", extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
