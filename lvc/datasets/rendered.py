"""Scenes that are rendered once: their frames are kept on disk between runs (``dataset.cache=true``).

A folder of the cache holds the scenes of equal options, an array file each. Its name is a digest of the options and
of the code that renders, so a changed scene has another place.
"""

import hashlib
import json
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from lvc.cache import cache_folder
from lvc.config.data import SyntheticConfig
from lvc.datasets.loader import last_line
from lvc.errors import UserError

RENDERER = ("synthetic.py", "leaves.py", "layers.py", "optics.py")
"""Code in this folder that pixels follow from."""


class KeptScenes:
    """The frames of scenes with equal options, on disk.

    Args:
        config: Sizes and ranges; which scenes, and how samples are augmented, does not matter.
    """

    def __init__(self, config: SyntheticConfig):
        options = asdict(config)
        for name in ("first", "clips", "cache", "augment"):
            del options[name]
        digest = hashlib.sha256(json.dumps(options, sort_keys=True).encode())
        for name in RENDERER:
            digest.update(Path(__file__).with_name(name).read_bytes())
        self.folder = cache_folder() / "scenes" / digest.hexdigest()[:16]

    def path(self, number: int) -> Path:
        """The file of a scene."""
        return self.folder / f"scene{number:05d}.npy"

    def frames(self, number: int, render: Callable[[], np.ndarray]) -> np.ndarray:
        """All frames ``(T, H, W, 3)`` of a scene, read only where they are looked at; rendered the first time.

        Raises:
            UserError: If they cannot be kept.
        """
        path = self.path(number)
        with suppress(OSError, ValueError):  # not there, or torn when the machine went down
            return np.load(path, mmap_mode="r")
        frames = render()
        part = path.with_name(f".{path.name}.{os.getpid()}")  # several processes may render the same scene
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with part.open("wb") as file:
                np.save(file, frames)
            os.replace(part, path)
        except OSError as error:
            what = f"rendered scenes cannot be kept in {self.folder} ({error.strerror})"
            raise UserError(
                f"dataset.cache: {what}; LVC_CACHE names another folder, dataset.cache=false none"
            ) from None
        finally:
            with suppress(OSError):
                part.unlink()
        return frames


def render_ahead(source: Any) -> None:
    """Render what a source is to keep and does not have yet, on all cores, with a progress bar.

    Args:
        source: A clip source; nothing is done for one that keeps no scenes.

    Raises:
        UserError: If scenes cannot be kept.
    """
    for member in getattr(source, "sources", [source]):
        kept = getattr(member, "kept", None)
        missing = [i for i in range(len(member)) if not kept.path(member.config.first + i).is_file()] if kept else []
        if not missing:
            continue
        workers = min(
            len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(), len(missing)
        )
        loader = DataLoader(_Rendering(member, missing), batch_size=None, num_workers=workers)
        interval = 0.2 if sys.stderr.isatty() else 10.0  # a log file wants few lines
        try:
            for _ in tqdm(loader, "rendering scenes", unit="scene", mininterval=interval, dynamic_ncols=True):
                pass
        except UserError as error:
            raise UserError(last_line(error)) from None


class _Rendering(Dataset):
    """Scenes to be rendered; an item is the number of one that now is."""

    def __init__(self, source: Any, missing: list[int]):
        self.source, self.missing = source, missing

    def __len__(self) -> int:
        return len(self.missing)

    def __getitem__(self, position: int) -> int:
        self.source.read(self.missing[position], 0, 1)
        return self.missing[position]
