"""Evaluation results of gathered runs: records whose codec is a run's export."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from lvc.evaluation.records import Record, check_comparable, load_records
from lvc.sweeps.curves import Member


def find_records(folders: Iterable[Path]) -> list[Record]:
    """Every evaluation record in and below some folders, each measurement once."""
    found: dict[tuple[str, str], Record] = {}
    for folder in folders:
        for path in sorted({p.parent for p in folder.rglob("records/*.json")}):
            for record in load_records(path):
                found[record.key.digest, record.codec if record.key.system["kind"] != "learned" else ""] = record
    return list(found.values())


def of_members(records: Sequence[Record], members: Sequence[Member]) -> list[Record]:
    """The members' own records under the names of their curves and points, then those of traditional codecs.

    Raises:
        UserError: If they were measured under different protocols.
    """
    by_digest = {m.run.digest: m for m in members if m.run.digest}
    own = []
    for record in records:
        member = by_digest.get(record.key.system.get("digest"))
        if member:
            own.append(replace(record, codec=member.curve, point=member.point))
    order = list(dict.fromkeys(m.curve for m in members))
    own.sort(key=lambda r: order.index(r.codec))
    beside = [r for r in records if r.key.system["kind"] == "traditional"] if own else []
    check_comparable([*own, *beside])
    return [*own, *beside]
