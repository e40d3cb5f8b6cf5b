"""Vimeo-90K septuplets in their official layout."""

import re
from pathlib import Path

import numpy as np

from lvc.datasets.colour import luma_of
from lvc.datasets.png import opened, read_png
from lvc.errors import UserError

FRAMES = 7
_LISTS = {"train": "sep_trainlist.txt", "test": "sep_testlist.txt"}


class Vimeo90kClips:
    """The septuplets of an official list: ``sequences/00001/0001/im1.png`` to ``im7.png``.

    Args:
        path: Folder that holds ``sequences/`` and the lists.
        split: ``train`` or ``test``.
        colour: ``rgb`` or ``luma``.
        matrix: RGB to luma matrix.

    Raises:
        UserError: When the folder, its list or the first septuplet is missing, or a line is no septuplet.
    """

    def __init__(self, path: str, split: str = "train", colour: str = "rgb", matrix: str = "bt601"):
        self.path, self.colour, self.matrix = Path(path), colour, matrix
        self.clips = _read_list(self.path, _LISTS[split])

    def __len__(self) -> int:
        return len(self.clips)

    def name(self, index: int) -> str:
        """The line of the list, such as ``00001/0001``."""
        return self.clips[index]

    def length(self, index: int) -> int:
        """Seven."""
        return FRAMES

    def size(self, index: int) -> tuple[int, int]:
        """Height and width of the first frame, from its header."""
        with opened(self.path / "sequences" / self.clips[index] / "im1.png") as image:
            return image.height, image.width

    def read(self, index: int, start: int, count: int, step: int = 1) -> np.ndarray:
        """See :meth:`lvc.datasets.sources.ClipSource.read`."""
        folder = self.path / "sequences" / self.clips[index]
        last = start + (count - 1) * step + 1
        if last > FRAMES:
            raise UserError(f"{folder}: has {FRAMES} frames, and frame {last} was asked for")
        frames = [read_png(folder / f"im{number + 1}.png") for number in range(start, last, step)]
        if len({frame.shape for frame in frames}) != 1:
            raise UserError(f"{folder}: frames differ in size")
        return luma_of(np.stack(frames), self.matrix) if self.colour == "luma" else np.stack(frames)


def _read_list(path: Path, name: str) -> list[str]:
    if not path.is_dir():
        raise UserError(f"dataset.path: {path}: no such folder")
    for needed in ("sequences", name):
        if not (path / needed).exists():
            inner = next((p.parent.name for p in path.glob(f"*/{name}")), None)
            hint = f"; did you mean {path / inner}?" if inner else ""
            layout = "sequences/, sep_trainlist.txt and sep_testlist.txt"
            raise UserError(f"dataset.path: {path}: has no {needed}; Vimeo-90K septuplets have {layout}{hint}")
    lines = (path / name).read_text(encoding="utf-8-sig", errors="replace").splitlines()
    clips = [line.strip() for line in lines if line.strip()]
    if not clips:
        raise UserError(f"{path / name}: lists no septuplets")
    if bad := next((c for c in clips if not re.fullmatch(r"\d+/\d+", c)), None):
        raise UserError(f"{path / name}: line '{bad}' is no septuplet; lines look like 00001/0001")
    if not (path / "sequences" / clips[0]).is_dir():
        missing = path / "sequences" / clips[0]
        raise UserError(f"{missing}: is listed in {name} but missing; was the archive unpacked completely?")
    return clips
