"""Where lvc keeps what it would otherwise have to find or make again."""

import os
from pathlib import Path

import platformdirs


def cache_folder(name: str) -> Path:
    """A folder of the cache: below ``$LVC_CACHE`` where that is set, else where the system keeps caches of users."""
    return Path(os.environ.get("LVC_CACHE") or platformdirs.user_cache_dir("lvc")) / name
