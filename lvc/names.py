"""Names of files: unlike things get unlike ones, and none is too long for a file system."""

import hashlib
import os
import re

LONGEST = 120
"""Bytes that a text may take of a file's name, of which file systems mostly allow 255."""


def file_name(text: str) -> str:
    """A text as a name: where letters are replaced or it is too long, a digest tells it apart."""
    plain = re.sub(r"[^\w.=-]+", "_", text)
    return shortened(text) if plain == text else f"{_beginning(plain)}-{_digest(text)}"


def shortened(text: str) -> str:
    """The text, or its beginning and a digest of it where it is longer than :data:`LONGEST`."""
    if len(os.fsencode(text)) <= LONGEST:
        return text
    return f"{_beginning(text)}-{_digest(text)}"


def _beginning(text: str) -> str:
    return text.encode(errors="surrogateescape")[:LONGEST].decode(errors="ignore")


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(errors="surrogateescape"), digest_size=4).hexdigest()
