"""Make a training set of short clips from a folder of any videos.

Shots are found, clips of one shot are cut out, scaled and cropped to one size. Static, flat, black, fading and
near-duplicate clips are left out. A source's clips all go to train/ or all to val/. The same command continues
a build that was stopped, and adds sources that are new; report.html says what was kept and what was left out.
Then: python train.py dataset=folder dataset.path=OUT/train
"""

import fcntl
import json
import shutil
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from data.command import run_command
from data.options import FREE, POSITIONAL, BuildOptions
from data.sources import Source, find_sources
from lvc.config.contract import ConfigError
from lvc.errors import UserError


def build(options: BuildOptions) -> Path:
    """Cut every source that is not cut yet, then put the set together.

    Returns:
        The report.

    Raises:
        UserError: When there is nothing to cut, the folder holds another set or is in use, or the disk refuses.
    """
    from data.assemble import assemble

    sources, out = find_sources(options.source, options.out), Path(options.out)
    with _claimed(out, options):
        _cut_all(sources, options, out / ".build")
        return assemble(options)


def _cut_all(sources: list[Source], options: BuildOptions, work: Path) -> None:
    from data.cut import cut_source, write_record
    from data.parallel import run_tasks

    tasks = [(s, options, work / "pool", work / "records" / f"{s.stem}.json") for s in sources]
    left = [task for task in tasks if not _is_done(task[0], task[3])]
    if done := len(tasks) - len(left):
        print(f"{done} of {len(tasks)} sources are cut already", flush=True)
    for number, (task, found, crash) in enumerate(run_tasks(cut_source, left, options.workers), 1):
        if crash:
            found = _crashed(task[0], crash)
            write_record(task[3], found)
        print(f"[{number}/{len(left)}] {_line(found)}", flush=True)


def _is_done(source: Source, record: Path) -> bool:
    """Whether there is a record of this very file, by size and date or, where the date differs, by content."""
    from data.cut import digest, stamp

    try:
        found = json.loads(record.read_text())
        now = stamp(source.path)
    except (OSError, ValueError):
        return False
    same = found["bytes"] == now["bytes"]
    return same and (found["changed"] == now["changed"] or found["sha256"] == digest(source.path))


def _crashed(source: Source, how: str) -> dict[str, Any]:
    from data.cut import digest, stamp

    nothing = {"frames": 0, "shots": 0, "short": [], "clips": []}
    facts = {"source": source.name, **stamp(source.path), "sha256": digest(source.path)}
    return {**facts, "reason": "crashes the decoder", "detail": how, **nothing}


def _line(found: dict[str, Any]) -> str:
    """What became of a source, in one line."""
    if found["detail"] and not found["clips"]:
        return f"{found['source']}: left out, {found['reason']} ({found['detail']})"
    why = Counter(clip["reason"] for clip in found["clips"])
    kept = why.pop("", 0)
    parts = [f"{number} {name}" for name, number in why.most_common()]
    if found["short"]:
        parts.append(f"{len(found['short'])} shots too short")
    if found["detail"]:
        parts.append(found["detail"])
    return f"{found['source']}: {kept} clips" + (f"; {', '.join(parts)}" if parts else "")


@contextmanager
def _claimed(out: Path, options: BuildOptions) -> Iterator[None]:
    """Hold the folder of a set, made with these options and no other, by this process alone."""
    work = out / ".build"
    try:
        for name in ("pool", "records"):
            (work / name).mkdir(parents=True, exist_ok=True)
        lock = open(work / "lock", "w")  # noqa: SIM115 (open while the folder is held)
    except OSError as error:
        raise ConfigError("out", f"{out}: cannot be written ({error.strerror})") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ConfigError("out", f"{out}: another process is building there") from None
        _check_options(work / "options.json", options)
        _clear(work)
        yield


def _clear(work: Path) -> None:
    """Remove what a killed build was in the middle of writing."""
    for entry in [*(work / "pool").glob(".*.partial*"), *(work / "records").glob(".*.part")]:
        if entry.is_dir():
            shutil.rmtree(entry, ignore_errors=True)
        else:
            entry.unlink(missing_ok=True)


def _check_options(path: Path, options: BuildOptions) -> None:
    from lvc.files import replacing

    mine = {key: value for key, value in asdict(options).items() if key not in FREE}
    try:
        known = json.loads(path.read_text())
    except (OSError, ValueError):
        with replacing(path) as part:
            part.write_text(json.dumps(mine, indent=1))
        return
    for key, value in mine.items():
        if known.get(key) != value:
            raise UserError(
                f"{key}: is {value}, and {options.out} was begun with {known.get(key)}; name another folder"
            )


if __name__ == "__main__":
    sys.exit(run_command("data.build", __doc__, BuildOptions, POSITIONAL, build, sys.argv[1:]))
