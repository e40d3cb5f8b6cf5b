"""One run, or one evaluation, at a time in a folder."""

import fcntl
import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from pytorch_lightning.utilities import rank_zero_only

from lvc.errors import UserError
from lvc.files import check_writable

PATIENCE = 15.0
"""Seconds to wait for a run that was killed a moment ago, and whose last process has not noticed yet."""


@contextmanager
def alone(folder: Path, option: str = "dir", does: str = "trains") -> Iterator[None]:
    """Keep other runs out of a run's folder, whose checkpoints and logs would be mixed.

    Two commands may be typed where one was meant, and a worker of a sweep outlives a sweep that was killed. The system
    drops the lock when the process ends, however it ends. A file system without locks has none.

    Args:
        folder: The folder.
        option: What names it.
        does: What the run does there.

    Raises:
        UserError: If another process holds the folder.
    """
    if rank_zero_only.rank != 0:
        yield
        return
    path = folder / ".lock"
    try:
        check_writable(path)
    except UserError as error:
        raise UserError(f"{option}: cannot write to {folder} ({error})") from None
    with path.open("a+") as file:
        _lock(file, folder, option, does)
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}")
        file.flush()
        yield
        file.truncate(0)


def _lock(file: TextIO, folder: Path, option: str, does: str) -> None:
    end, told = time.monotonic() + PATIENCE, False
    while True:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except (BlockingIOError, PermissionError):
            file.seek(0)
            other = file.read() or "another process"
            if time.monotonic() > end:
                raise UserError(
                    f"{option}: {folder}: {other} {does} there; end it, or choose another {option}"
                ) from None
            if not told:
                print(f"waiting for {other}, which {does} in {folder}", file=sys.stderr, flush=True)
                told = True
            time.sleep(0.2)
        except OSError:  # locks are not to be had here
            return
