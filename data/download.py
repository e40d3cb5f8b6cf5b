"""Downloads that continue where they were cut off, of what a user has agreed to."""

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import requests
import urllib3

from lvc.config.contract import ConfigError
from lvc.errors import UserError

TERMS = (
    "Vimeo-90K and the videos it was made of are not part of this project. Their terms are those of their authors and "
    "of the site that shows them: read them at http://toflow.csail.mit.edu first. agree=true says that you have, and "
    "that you keep to them."
)

ATTEMPTS = 5
"""Attempts in a row that bring nothing new before a download is given up."""

_BLOCK = 1 << 20


class DownloadError(UserError):
    """Something that cannot be downloaded; others may."""


def check_agreed(agree: bool) -> None:
    """Print the terms and stop, unless the user has agreed to them.

    Raises:
        ConfigError: When they have not.
    """
    if not agree:
        print(TERMS, flush=True)
        raise ConfigError("agree", "downloading needs agree=true")


def download(url: str, path: Path, pause: float = 1.0) -> Path:
    """Download ``url`` to ``path``, which appears when it is complete.

    What was received is kept in ``.NAME.part``; the next attempt, here or in another process, asks for the rest.

    Args:
        url: Address of the file itself.
        path: Where it goes.
        pause: Seconds before the second attempt, doubled before every further one.

    Raises:
        DownloadError: When the server refuses, has a page instead of a file, or cannot be reached.
        UserError: When the disk refuses.
    """
    part = path.with_name(f".{path.name}.part")
    failures = 0
    while True:
        before = part.stat().st_size if part.exists() else 0
        try:
            with open(part, "ab") as file:
                for block in _rest(url, part):
                    file.truncate(0) if block is None else file.write(block)
            os.replace(part, path)
            _validator(part).unlink(missing_ok=True)
            return path
        except requests.RequestException as error:
            failures = 0 if part.stat().st_size > before else failures + 1
            if failures == ATTEMPTS:
                raise DownloadError(f"{url}: cannot be downloaded ({_short(error)}); what came is kept") from None
            time.sleep(pause * 2**failures)
        except OSError as error:
            raise UserError(f"{part}: cannot be written ({error.strerror or error}); what came is kept") from None


def _rest(url: str, part: Path) -> Iterator[bytes | None]:
    """What is missing in ``part``; ``None`` first where it has to begin anew."""
    have, known = part.stat().st_size, _validator(part)
    headers = {"Accept-Encoding": "identity"}
    if have and known.exists():
        headers |= {"Range": f"bytes={have}-", "If-Range": known.read_text()}
    with requests.get(url, headers=headers, stream=True, timeout=30) as answer:
        if answer.status_code == 416 and answer.headers.get("Content-Range", "").endswith(f"/{have}"):
            return
        if 400 <= answer.status_code < 500:
            raise DownloadError(f"{url}: the server answers {answer.status_code} {answer.reason}")
        answer.raise_for_status()
        if "text/html" in answer.headers.get("Content-Type", ""):
            raise DownloadError(f"{url}: is a web page, not a file")
        if answer.status_code != 206:
            have = 0
            yield None
        if mark := answer.headers.get("ETag") or answer.headers.get("Last-Modified"):
            known.write_text(mark)
        try:
            # What came before a break is handed out too; requests' own iteration would drop its last block.
            while block := answer.raw.read1(_BLOCK):
                yield block
        except urllib3.exceptions.HTTPError:
            raise requests.ConnectionError("the connection breaks off") from None


def _validator(part: Path) -> Path:
    """Where it is kept which version of the file a part is of."""
    return part.with_name(f"{part.name}.version")


def _short(error: Exception) -> str:
    with suppress(AttributeError, IndexError):
        return str(error.args[0].reason).rpartition(": ")[2]
    return str(error)
