"""Files that are complete or not there."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from lvc.errors import UserError
from lvc.names import shortened


def partial(path: Path) -> Path:
    """Where a file is written until it is complete: beside it, by a name of this process's own."""
    return path.with_name(f".{shortened(path.name)}.{os.getpid()}.part")


@contextmanager
def replacing(path: Path, make_folder: bool = True) -> Iterator[Path]:
    """Give a temporary path in the same folder, and put it in ``path``'s place once it is safely on disk.

    Args:
        path: The file.
        make_folder: Make the folders above it, where they are missing.

    Raises:
        UserError: If it cannot be written; what ``path`` held before is kept.
    """
    part = partial(path)
    try:
        if make_folder:
            path.parent.mkdir(parents=True, exist_ok=True)
        yield part
        _sync(part)
        os.replace(part, path)
        _sync(path.parent)
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror or error})") from None
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def save_tensors(data: dict[str, Any], path: Path) -> None:
    """Write plain data with tensors, which ``torch.load(path, weights_only=True)`` reads, complete or not at all.

    Raises:
        UserError: If it cannot be written; what ``path`` held before is kept.
    """
    import torch

    with replacing(path) as part:
        try:
            with part.open("wb") as file:
                torch.save(data, file)
        except RuntimeError as error:  # torch's writer has its own words for what the disk said
            cause = error.__context__
            raise (cause if isinstance(cause, OSError) else OSError(str(error).splitlines()[0])) from None


@contextmanager
def full_disk_said(folder: Path) -> Iterator[None]:
    """Say in one line that the disk is full, whoever found out (a logger, say).

    Raises:
        UserError: In that case.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        where = error.filename or folder
        raise UserError(f"{where}: {error.strerror}; make room, and the same command continues") from None


def check_writable(path: Path) -> None:
    """Make sure, before hours of work, that a file can be put at ``path``; makes the folders above it.

    Raises:
        UserError: If it cannot.
    """
    part = partial(path)
    try:
        if path.is_dir():
            raise IsADirectoryError(None, "it is a folder")
        path.parent.mkdir(parents=True, exist_ok=True)
        part.touch()
        part.unlink()
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror or error})") from None


def _sync(path: Path) -> None:
    """Have the disk itself hold what was written."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
