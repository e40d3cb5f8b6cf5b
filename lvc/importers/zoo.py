"""Checkpoints of CompressAI's model zoo by name, such as ``zoo:cheng2020-anchor:3:mse``."""

from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError

from lvc.errors import UserError

SCHEME = "zoo:"
CODECS = {
    "bmshj2018-hyperprior": "intra_bmshj2018_hyperprior",
    "mbt2018": "intra_mbt2018",
    "cheng2020-anchor": "intra_cheng2020_anchor",
}
"""The zoo's architectures that are codecs here."""


@dataclass(frozen=True)
class ZooEntry:
    """One checkpoint of the zoo.

    Attributes:
        architecture: Its name there.
        quality: 1 is the lowest rate.
        metric: What it was trained for, ``mse`` or ``ms-ssim``.
        url: Where the file lies.
    """

    architecture: str
    quality: int
    metric: str
    url: str

    @property
    def release(self) -> str:
        """What an export says that it came from."""
        return f"CompressAI's zoo: {self.architecture}, quality {self.quality}, {self.metric}"

    @property
    def filename(self) -> str:
        """Name of the file; it ends with the beginning of the file's SHA-256."""
        return self.url.rpartition("/")[2]


def zoo_entry(name: str) -> ZooEntry:
    """The entry that ``zoo:ARCHITECTURE:QUALITY[:METRIC]`` names; the metric is ``mse`` unless given.

    Raises:
        UserError: Names what is wrong, and the choices.
    """
    architecture, _, rest = name.removeprefix(SCHEME).partition(":")
    quality, _, metric = rest.partition(":")
    found = {(e.architecture, str(e.quality), e.metric): e for e in _entries()}
    if architecture not in CODECS:
        raise UserError(f"{name}: no architecture '{architecture}'; choices are: {', '.join(CODECS)}")
    entry = found.get((architecture, quality, metric or "mse"))
    if entry is None:
        choices = sorted(f"{q}:{m}" for a, q, m in found if a == architecture)
        raise UserError(f"{name}: no such quality and metric; choices are: {', '.join(choices)}")
    return entry


def known_file(path: Path) -> ZooEntry | None:
    """The entry that a file is, by its name."""
    return next((entry for entry in _entries() if entry.filename == path.name), None)


def fetch(entry: ZooEntry) -> Path:
    """The entry's file, from the cache of `torch.hub` or downloaded into it and checked.

    Raises:
        UserError: If it cannot be downloaded; says what to do instead.
    """
    import torch
    from torch.hub import download_url_to_file

    path = Path(torch.hub.get_dir(), "checkpoints", entry.filename)
    if path.is_file():
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        download_url_to_file(entry.url, str(path), hash_prefix=entry.filename.split(".")[0].rpartition("-")[2])
    except (OSError, URLError, RuntimeError) as error:
        reason = str(getattr(error, "reason", error)).splitlines()[0]
        instead = f"python -m lvc import {CODECS[entry.architecture]} {entry.filename} OUT"
        raise UserError(
            f"{entry.url}: cannot be downloaded ({reason}); get the file elsewhere, then `{instead}`"
        ) from None
    return path


def _entries() -> list[ZooEntry]:
    from compressai.zoo.image import model_urls

    return [
        ZooEntry(architecture, quality, metric, url)
        for architecture, metrics in model_urls.items()
        for metric, qualities in metrics.items()
        for quality, url in qualities.items()
    ]
