"""A folder of PNG frames as a video."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from functools import cached_property
from pathlib import Path

import numpy as np
from PIL import Image

from lvc.datasets.colour import luma_of
from lvc.datasets.video_file import VideoInfo
from lvc.errors import UserError

FPS = Fraction(25)
"""Frame rate of a folder, which cannot say its own."""


def natural_order(path: Path) -> list[tuple[int, int, str]]:
    """Sort key that counts: ``im2`` comes before ``im10``."""
    parts = re.findall(r"\d+|\D+", path.name)
    return [(0, int(p), p) if p.isdecimal() else (1, 0, p) for p in parts]


def png_files(folder: Path) -> list[Path]:
    """The PNG files of a folder in natural order."""
    return sorted(filter(is_png, folder.iterdir()), key=natural_order)


def is_png(path: Path) -> bool:
    """Whether a path is a frame: no hidden file, as macOS leaves beside every file, and no folder."""
    return path.suffix.lower() == ".png" and not path.name.startswith(".") and path.is_file()


@contextmanager
def opened(path: Path) -> Iterator[Image.Image]:
    """An image file, open to be read.

    Raises:
        UserError: When the file is missing, damaged or larger than Pillow reads.
    """
    try:
        with Image.open(path) as image:
            yield image
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise UserError(f"{path}: unreadable PNG frame ({error})") from None


def read_png(path: Path) -> np.ndarray:
    """A PNG file as uint8 ``(H, W, 3)`` RGB; what is transparent is shown on black.

    Raises:
        UserError: When the file is missing or damaged.
    """
    with opened(path) as image:
        if image.mode.startswith("I"):  # 16-bit grey, which Pillow would clip instead of scaling
            return np.repeat((np.asarray(image) >> 8).astype(np.uint8)[..., None], 3, 2)
        if image.has_transparency_data:
            black = Image.new("RGBA", image.size, "black")
            image = Image.alpha_composite(black, image.convert("RGBA"))
        return np.array(image.convert("RGB"))


class PngFrames:
    """The PNG frames of a folder.

    Args:
        path: The folder.
        matrix: YUV matrix to name in :attr:`info`, for whoever writes these frames as YUV; also that of luma.
        colour: What :meth:`frames` yields: ``rgb``, or ``luma`` as ``(H, W, 1)``.

    Raises:
        UserError: When the folder has no PNG files.
    """

    def __init__(self, path: Path, matrix: str, colour: str = "rgb"):
        self.path, self.matrix, self.colour = path, matrix, colour
        self.files = png_files(path)
        if not self.files:
            raise UserError(f"{path}: the folder holds no PNG frames")

    def count(self) -> int:
        """Number of frames."""
        return len(self.files)

    def size(self) -> tuple[int, int]:
        """Height and width of the first frame, from its header."""
        with opened(self.files[0]) as image:
            return image.height, image.width

    @cached_property
    def info(self) -> VideoInfo:
        """Size of the first frame, and the number of frames."""
        height, width, _ = read_png(self.files[0]).shape
        return VideoInfo(width, height, FPS, len(self.files), self.matrix)

    def frames(self, start: int = 0, count: int | None = None, step: int = 1) -> Iterator[np.ndarray]:
        """See :meth:`lvc.datasets.video.VideoReader.frames`."""
        stop = len(self.files) if count is None else start + (count - 1) * step + 1
        if stop > len(self.files):
            raise UserError(f"{self.path}: has {len(self.files)} frames, and frame {stop} was asked for")
        for rgb in map(read_png, self.files[start:stop:step]):
            yield luma_of(rgb, self.matrix) if self.colour == "luma" else rgb
