"""The videos below a folder, and which belong to which split."""

import csv
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from lvc.config.contract import ConfigError
from lvc.datasets.folder import VIDEO_SUFFIXES
from lvc.datasets.png import natural_order, png_files


@dataclass(frozen=True)
class Source:
    """One video.

    Attributes:
        name: Path below the folder, with ``/``: what split and clip names follow from.
        path: Where it is: a file or a folder of PNG frames.
    """

    name: str
    path: Path

    @property
    def stem(self) -> str:
        """A file name that no other source has."""
        readable = re.sub(r"[^\w.-]+", "_", self.name.rpartition(".")[0] or self.name)[-80:].lstrip(".")
        return f"{readable}-{hashlib.sha256(self.name.encode()).hexdigest()[:6]}"


def find_sources(folder: str, out: str) -> list[Source]:
    """Video files and folders of PNG frames below ``folder``, in natural order; hidden ones and ``out`` aside.

    Raises:
        ConfigError: When there are none.
    """
    root, own = Path(folder), Path(out).resolve()
    if not root.is_dir():
        what = "is a file; name the folder it is in" if root.exists() else "no such folder"
        raise ConfigError("source", f"{folder}: {what}")
    if root.resolve() == own:
        raise ConfigError("out", f"{out}: is the folder of the sources; name another")
    found, folders = [], [root]
    while folders:
        here = folders.pop()
        if here is not root and png_files(here):
            found.append(here)
        for entry in here.iterdir():
            if entry.name.startswith(".") or entry.resolve() == own:
                continue
            if entry.is_dir() and not entry.is_symlink():
                folders.append(entry)
            elif entry.suffix.lower() in VIDEO_SUFFIXES:
                found.append(entry)
    if not found:
        raise ConfigError("source", f"{folder}: holds no video files (mp4, mkv, ...) or folders of PNG frames")
    sources = [Source(path.relative_to(root).as_posix(), path) for path in found]
    return sorted(sources, key=lambda s: natural_order(Path(s.name.replace("/", " "))))


def split_of(name: str, seed: int, val_share: float, group: str | None = None) -> tuple[str, str]:
    """What a source belongs to and its split, which follow from its name and the seed alone.

    Returns:
        The source's group (its own name where ``group`` does not match) and ``train`` or ``val``.
    """
    match = re.search(group, name) if group else None
    member = match.group(1) if match and match.group(1) else name
    draw = int.from_bytes(hashlib.sha256(f"{seed}/{member}".encode()).digest()[:8], "big") / 2**64
    return member, "val" if draw < val_share else "train"


def read_about(path: str | None) -> tuple[list[str], dict[str, dict[str, str]]]:
    """Columns of a user's CSV file, and its rows by source.

    Raises:
        ConfigError: When the file is missing or has no column ``source``.
    """
    if path is None:
        return [], {}
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file)
            columns = list(rows.fieldnames or ())
            if "source" not in columns:
                raise ConfigError("about", f"{path}: has no column 'source'; its columns are {', '.join(columns)}")
            return [c for c in columns if c != "source"], {row["source"]: row for row in rows}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError("about", f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from None
