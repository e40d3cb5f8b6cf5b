"""What every command does before torch is loaded."""

import ctypes
import os
import signal
import sys
import warnings

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
"""Numbers of glibc's options (``malloc.h``)."""


def prepare() -> None:
    """Set up the process of a command."""
    # threads that spin while they wait take the other cores, such as the data loaders'; read when torch is loaded
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # given when CompressAI is imported, and nothing that a user could do anything about
    warnings.filterwarnings("ignore", "`torch.jit.script` is deprecated", FutureWarning)
    keep_freed_memory()


def end_when_asked() -> None:
    """Let SIGTERM end the process as Ctrl-C does, so that no half file is left; training listens for itself."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))


def keep_freed_memory() -> None:
    """Let the C library keep what is freed for the next tensor, where it is glibc.

    By default it gives every large block back to the system and gets the next one anew, page by page, cleared: on a
    CPU up to a seventh of a network's time (``benchmarks/freed_memory.py``). A user's own settings
    (``MALLOC_TRIM_THRESHOLD_`` and the like) stay.
    """
    if not sys.platform.startswith("linux") or any(name.startswith("MALLOC_") for name in os.environ):
        return
    library = ctypes.CDLL(None)
    if hasattr(library, "gnu_get_libc_version"):
        library.mallopt(_M_MMAP_THRESHOLD, 2**30)
        library.mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)
