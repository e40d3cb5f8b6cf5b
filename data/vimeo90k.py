"""Vimeo-90K septuplets: download (where you agree), unpack, and check that every septuplet is whole.

The address of the archive is on the set's page, http://toflow.csail.mit.edu. One that is there already is named with
archive=FILE. The same command continues what was stopped. Then: python train.py dataset=vimeo90k dataset.path=OUT
"""

import hashlib
import json
import os
import re
import sys
import zipfile
from pathlib import Path, PurePosixPath
from zlib import error as ZlibError

from pydantic import Field

from data.command import run_command
from lvc.config.contract import ConfigError, contract
from lvc.errors import UserError

LISTS = ("sep_trainlist.txt", "sep_testlist.txt")
_MEMBER = re.compile(r"sequences/\d+/\d+/im[1-7]\.png|sep_(train|test)list\.txt|readme\.txt")


@contract
class Vimeo90kOptions:
    """Where the septuplets come from and where they go."""

    out: str
    """Folder of the set: `sequences/`, the lists and `report.html`."""
    url: str | None = None
    """Address of the archive (82 GB), from the set's page."""
    archive: str | None = None
    """An archive that was downloaded before."""
    agree: bool = False
    """That you have read the terms of the set and agree to them; nothing is downloaded otherwise."""
    sha256: str | None = Field(None, pattern="^[0-9a-fA-F]{64}$")
    """Digest that the archive must have; without one it is recorded in `archive.json`, and held to later."""
    keep_archive: bool = True
    """Keep a downloaded archive after unpacking it."""
    decode: bool = False
    """Decode every frame while checking (hours) instead of looking at its first and last bytes."""


def prepare(options: Vimeo90kOptions) -> Path:
    """Download, unpack and check.

    Returns:
        The report.

    Raises:
        UserError: When there is nothing to unpack, the archive is damaged or another, the disk refuses, or
            septuplets are not whole (after the report was written).
    """
    from data.septuplets import check

    out = Path(options.out)
    archive = _archive(options, out)
    if archive is not None:
        _verify(archive, options.sha256, out / "archive.json")
        _unpack(archive, out)
        if options.archive is None and not options.keep_archive:
            archive.unlink()
    return check(out, options.decode)


def _archive(options: Vimeo90kOptions, out: Path) -> Path | None:
    """The archive, downloaded if need be; ``None`` where a folder holds the unpacked set and nothing else is named."""
    if options.archive is not None:
        if not Path(options.archive).is_file():
            raise ConfigError("archive", f"{options.archive}: no such file")
        return Path(options.archive)
    downloaded = out / "vimeo_septuplet.zip"
    if downloaded.is_file():
        return downloaded
    if options.url is None:
        if (out / "sequences").is_dir():
            return None
        raise ConfigError("url", "give the archive's address, from http://toflow.csail.mit.edu, or archive=FILE")
    from data.download import check_agreed, download

    check_agreed(options.agree)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError("out", f"{out}: cannot be made ({error.strerror})") from None
    print(f"downloading {options.url}", flush=True)
    return download(options.url, downloaded)


def _verify(archive: Path, sha256: str | None, record: Path) -> None:
    """Compare the archive with what it should be, or was the last time."""
    from lvc.files import replacing

    facts = archive.stat()
    known = json.loads(record.read_text()) if record.is_file() else {}
    stamp = {"bytes": facts.st_size, "changed": facts.st_mtime_ns}
    if known and {key: known[key] for key in stamp} == stamp and sha256 in (None, known["sha256"]):
        return
    with open(archive, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    expected = sha256.lower() if sha256 else known.get("sha256", digest)
    if digest != expected:
        whose = "sha256" if sha256 else str(record)
        raise UserError(f"{archive}: has SHA-256 {digest}, not {expected} ({whose}); download it anew")
    with replacing(record) as part:
        part.write_text(json.dumps({**stamp, "sha256": digest}))


def _unpack(archive: Path, out: Path) -> None:
    """Write every member that is not there yet; zipfile compares their checksums. Lists come last."""
    try:
        with zipfile.ZipFile(archive) as files:
            members = sorted(files.infolist(), key=lambda member: member.filename.endswith(".txt"))
            for number, member in enumerate(members):
                _unpack_member(files, member, out)
                if number % 50000 == 49999:
                    print(f"{number + 1} of {len(members)} files unpacked", flush=True)
    except (zipfile.BadZipFile, ZlibError, EOFError) as error:
        raise UserError(f"{archive}: damaged archive ({error}); download it anew") from None
    except OSError as error:
        raise UserError(f"{out}: cannot be written ({error.strerror}); the same command continues") from None


def _unpack_member(files: zipfile.ZipFile, member: zipfile.ZipInfo, out: Path) -> None:
    inside = PurePosixPath(member.filename)
    if inside.parts and inside.parts[0] == "vimeo_septuplet":
        inside = PurePosixPath(*inside.parts[1:])
    target = out / inside
    if not _MEMBER.fullmatch(str(inside)) or (target.is_file() and target.stat().st_size == member.file_size):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.part")
    try:
        with files.open(member) as source, open(part, "wb") as sink:
            while block := source.read(1 << 20):
                sink.write(block)
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(run_command("data.vimeo90k", __doc__, Vimeo90kOptions, ("out",), prepare, sys.argv[1:]))
