"""Where what can be made again is kept."""

import os
from pathlib import Path

import platformdirs


def cache_folder() -> Path:
    """Folder of everything that may be deleted without loss: ``LVC_CACHE``, else where the system keeps such things."""
    return Path(os.environ.get("LVC_CACHE") or platformdirs.user_cache_dir("lvc"))
