"""Whether two configurations mean the same run: what one of them lacks has its default, and no place counts."""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lvc.config.contract import ConfigError
from lvc.config.run import build_run

FREE = ("trainer.", "logger.", "callbacks.", "schedule.stop_after")
"""Options that may change between the parts of an interrupted run."""

HELD = ("trainer.batch_size", "trainer.lr_scaling")
"""Those among them that may not, because they say what is trained."""

LABELS = ("dir", "name", "export")
"""What a run is called and where it lies: it may be moved and renamed."""

_PLACES = ("path", "weights", "init_from")
"""Last words of the options that name files or folders to read; what counts is what is there."""


def differing(known: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Full keys whose values differ and may not, with both values."""
    old, new = _meaning(known), _meaning(now)
    if old is None or new is None:  # no whole configuration, or one that today's options refuse
        old, new = _flatten(known), _flatten(now)
    changed = [k for k in sorted(old.keys() | new.keys()) if old.get(k) != new.get(k)]
    changed = [k for k in changed if k in HELD or not k.startswith(FREE)]
    return {key: (old.get(key), new.get(key)) for key in changed}


def moved(known: Mapping[str, Any], now: Mapping[str, Any], contents: Mapping[str, str]) -> dict[str, tuple[Any, Any]]:
    """What is left of :func:`differing` when a run may be renamed, and what it reads may lie elsewhere.

    Args:
        known: The configuration that a run was started with.
        now: The one that it is to be continued with.
        contents: Of what the known one names, by option; see :func:`contents_of`.
    """
    changed = {key: values for key, values in differing(known, now).items() if key not in LABELS}
    return {key: values for key, values in changed.items() if not _is_same_place(key, *values, contents.get(key))}


def contents_of(composed: Mapping[str, Any]) -> dict[str, str]:
    """A digest of every file and folder that a configuration names, by option."""
    named = _meaning(composed) or _flatten(composed)
    found = {key: _digest(Path(value)) for key, value in named.items() if _is_place(key, value)}
    return {key: digest for key, digest in found.items() if digest}


def _is_place(key: str, value: Any) -> bool:
    return isinstance(value, str) and key.rpartition(".")[2] in _PLACES and key not in LABELS


def _is_same_place(key: str, old: Any, new: Any, content: str | None) -> bool:
    if not _is_place(key, old) or not _is_place(key, new):
        return False
    return os.path.realpath(old) == os.path.realpath(new) or (content is not None and content == _digest(Path(new)))


def _digest(path: Path) -> str | None:
    """Of a file's bytes, or of a folder's entries: the sizes of files, and how much folders hold."""
    digest = hashlib.blake2b(digest_size=16)
    try:
        if path.is_file():
            with path.open("rb") as file:
                return hashlib.file_digest(file, lambda: digest).hexdigest()
        for entry in sorted(os.scandir(path), key=lambda entry: entry.name):
            if not entry.name.startswith("."):
                size = len(os.listdir(entry)) if entry.is_dir() else entry.stat().st_size
                digest.update(f"{entry.name}\0{size}\0".encode(errors="surrogateescape"))
    except OSError:
        return None
    return digest.hexdigest()


def _meaning(composed: Mapping[str, Any]) -> dict[str, Any] | None:
    """Every option of a run, given or not, by its full key; ``None`` when this is not a run's configuration."""
    try:
        run = build_run(dict(composed))
    except (ConfigError, TypeError, ValueError, KeyError, AttributeError):
        return None
    options = asdict(run)
    options["schedule"].pop("all")  # it is in the stages
    for key, source in (("dataset", run.dataset), ("validation", run.validation)):
        for name, (weight, member) in getattr(source, "members", {}).items():
            options[key]["sets"][name] = {**asdict(member), "weight": weight}
    return _flatten(json.loads(json.dumps(options, default=str)))


def _flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat = {}
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            flat |= _flatten(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat
