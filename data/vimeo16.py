"""The 16-frame set of pMCTF-L: clips of 16 frames from the videos that Vimeo-90K was made of.

links=FILE lists the videos' addresses, one per line, as the official list original_vimeo_links.txt does (on the set's
page, http://toflow.csail.mit.edu). Videos go to OUT/downloads, what became of each link to OUT/downloads.csv, and then
clips are cut as `python -m data.build` does, with the defaults below. The same command continues what was stopped;
without links it only cuts. Addresses of pages, such as those of the official list, need another program:
fetch='yt-dlp -o {file} {url}'. Then: python train.py dataset=clips16 dataset.path=OUT/train, or LVC_CLIPS16=OUT
"""

import csv
import hashlib
import re
import shlex
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import Field

from data.build import build
from data.command import run_command
from data.options import BuildOptions
from lvc.config.contract import ConfigError, contract
from lvc.errors import UserError

_COLUMNS = ("url", "file", "bytes", "sha256", "problem")


@contract
class Vimeo16Options(BuildOptions):
    """The options of a build, with the paper's choices as defaults, and where the videos come from."""

    source: str = ""
    """Folder of the videos; empty for `OUT/downloads`."""
    links: str | None = None
    """File of addresses, one per line; `#` begins a comment."""
    agree: bool = False
    """That you have read the terms and agree to them; nothing is downloaded otherwise."""
    fetch: str | None = None
    """Command that writes `{url}` to `{file}`, run instead of a plain download."""
    pause: float = Field(10.0, ge=0)
    """Seconds between downloads."""
    margin: int = Field(40, ge=0)
    """Frames left out at both ends of every shot: shots of 96 frames or more give a clip, as in the paper's code."""
    clips_per_shot: int | None = Field(1, ge=1)
    """Most clips of a shot, its first ones; null takes all."""

    def __post_init__(self):
        super().__post_init__()
        if self.fetch is not None and not ("{file}" in self.fetch and "{url}" in self.fetch):
            raise ConfigError("fetch", "needs {url} and {file} in the command")
        if self.links is not None and self.source:
            raise ConfigError("source", "is where videos lie already, and links are to be downloaded: give one of them")


def prepare(options: Vimeo16Options) -> Path:
    """Download what is missing, then cut.

    Returns:
        The report.

    Raises:
        UserError: When the list is unreadable, nothing could be downloaded, or the disk refuses.
    """
    folder = Path(options.source or Path(options.out) / "downloads")
    if options.links is not None:
        _download_all(read_links(Path(options.links)), folder, options)
    known = BuildOptions.__dataclass_fields__
    chosen = {key: value for key, value in asdict(options).items() if key in known}
    return build(BuildOptions(**chosen | {"source": str(folder)}))


def read_links(path: Path) -> list[str]:
    """Addresses in a file: the first word of every line that has one, once each.

    Raises:
        ConfigError: When the file is missing or a line is no address.
    """
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise ConfigError("links", f"{path}: cannot be read ({error.strerror})") from None
    links = []
    for number, line in enumerate(lines, 1):
        if not (words := line.split("#")[0].split()):
            continue
        link = words[0] if "://" in words[0] else f"https://{words[0]}"
        parts = urlsplit(link)
        if parts.scheme not in ("http", "https") or "." not in parts.netloc or not parts.path.strip("/"):
            raise ConfigError("links", f"{path}: line {number}: '{words[0]}' is no address of a video")
        links.append(link)
    if not links:
        raise ConfigError("links", f"{path}: holds no addresses")
    return list(dict.fromkeys(links))


def _download_all(links: list[str], folder: Path, options: Vimeo16Options) -> None:
    from data.cut import digest
    from data.download import DownloadError, check_agreed

    check_agreed(options.agree)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError("out", f"{folder}: cannot be made ({error.strerror})") from None
    record = Path(options.out) / "downloads.csv"
    known, rows = _known(record), []
    for number, link in enumerate(links, 1):
        path = folder / _file_name(link)
        if not (path.exists() and link in known and known[link]["sha256"]):
            problem = ""
            try:
                _download(link, path, options)
            except DownloadError as error:
                problem = str(error)
            print(f"[{number}/{len(links)}] {problem or path.name}", flush=True)
            size = path.stat().st_size if path.exists() else ""
            known[link] = {
                "url": link,
                "file": "" if problem else path.name,
                "bytes": size,
                "sha256": "" if problem else digest(path),
                "problem": problem,
            }
            rows = [known[url] for url in links if url in known]
            _write(record, rows)
            if number < len(links):
                time.sleep(options.pause)
    if all(known[link]["problem"] for link in links):
        raise UserError(f"none of {len(links)} links could be downloaded, the last: {known[links[-1]]['problem']}")


def _download(link: str, path: Path, options: Vimeo16Options) -> None:
    from data.download import DownloadError, download

    if options.fetch is None:
        try:
            download(link, path, pause=min(options.pause, 1.0))
        except DownloadError as error:
            hint = "; fetch='yt-dlp -o {file} {url}' would get the video on it" if "web page" in str(error) else ""
            raise DownloadError(f"{error}{hint}") from None
        return
    part = path.with_name(f".part-{path.name}")
    command = [word.replace("{url}", link).replace("{file}", str(part)) for word in shlex.split(options.fetch)]
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except OSError as error:
        raise ConfigError("fetch", f"{command[0]}: cannot be run ({error.strerror})") from None
    if done.returncode or not part.exists():
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise DownloadError(f"{link}: {command[0]} failed ({last})")
    part.replace(path)


def _file_name(link: str) -> str:
    """A name that no other address has: ``https://vimeo.com/81107209`` becomes ``81107209.mp4``."""
    last = re.sub(r"[^\w.-]+", "_", urlsplit(link).path.strip("/").rpartition("/")[2]).lstrip(".")
    if last.isdecimal():
        return f"{last}.mp4"
    stem, _, suffix = last.rpartition(".") if re.search(r"\.\w{2,4}$", last) else (last, "", "mp4")
    return f"{stem}-{hashlib.sha256(link.encode()).hexdigest()[:6]}.{suffix}"


def _known(record: Path) -> dict[str, dict]:
    if not record.exists():
        return {}
    with open(record, newline="", encoding="utf-8") as file:
        return {row["url"]: row for row in csv.DictReader(file)}


def _write(path: Path, rows: list[dict]) -> None:
    from lvc.files import replacing

    with replacing(path) as part, open(part, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, _COLUMNS)
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    sys.exit(run_command("data.vimeo16", __doc__, Vimeo16Options, ("out",), prepare, sys.argv[1:]))
