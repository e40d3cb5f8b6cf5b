"""Indexes of video files, kept in the cache folder: a data set is demuxed once, and opens fast ever after."""

import logging
import os
import sqlite3
from functools import lru_cache
from pathlib import Path

from lvc.cache import cache_folder
from lvc.datasets.frame_index import FrameIndex

log = logging.getLogger(__name__)

_NAME = "frames-1.sqlite"
"""Another number when an index means something else."""

_KEPT = 2048
"""Indexes that a process keeps in memory."""


def find(path: Path) -> FrameIndex | None:
    """The index of a file as it is now, by size and time of its last change; ``None`` when there is none."""
    name, state = _identity(path)
    if name in _known and _known[name][0] == state:
        return _known[name][1]
    rows = _ask("SELECT packed FROM frames WHERE name = ? AND state = ?", name, state)
    return _remember(name, state, FrameIndex.from_bytes(rows[0][0])) if rows else None


def keep(path: Path, index: FrameIndex) -> None:
    """Keep the index of a file; a cache that cannot be written is no reason to fail."""
    name, state = _identity(path)
    _remember(name, state, index)
    _ask("INSERT OR REPLACE INTO frames VALUES (?, ?, ?)", name, state, index.to_bytes())


_known: dict[str, tuple[str, FrameIndex]] = {}


def _remember(name: str, state: str, index: FrameIndex) -> FrameIndex:
    _known[name] = state, index
    while len(_known) > _KEPT:
        del _known[next(iter(_known))]
    return index


def _identity(path: Path) -> tuple[str, str]:
    real = os.path.realpath(path)  # many links to a file share its index
    found = os.stat(real)
    return real, f"{found.st_size} {found.st_mtime_ns}"


def _ask(statement: str, *values: object) -> list[tuple]:
    path = cache_folder() / _NAME
    try:
        with (connection := _connect(path, os.getpid())):
            return connection.execute(statement, values).fetchall()
    except (sqlite3.Error, OSError) as error:
        _connect.cache_clear()
        if type(error) is sqlite3.DatabaseError:  # none of its kinds: the file is no database
            path.unlink(missing_ok=True)
            log.warning("%s: was damaged, and is made anew (%s)", path, error)
        else:
            _say_once(path, str(error))
        return []


@lru_cache(maxsize=1)
def _connect(path: Path, _process: int) -> sqlite3.Connection:
    """A connection of this process, which must not use its parent's."""
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, timeout=10)
    connection.execute("PRAGMA synchronous = OFF")  # what a power cut damages is made anew
    connection.execute("CREATE TABLE IF NOT EXISTS frames (name TEXT PRIMARY KEY, state TEXT, packed BLOB)")
    return connection


@lru_cache(maxsize=1)
def _say_once(path: Path, why: str) -> None:
    log.warning("%s: video files are indexed again in every process, for the cache cannot be used (%s)", path, why)
