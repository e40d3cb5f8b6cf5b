"""Tiny videos to read."""

import os
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lvc.datasets.video import VideoWriter

ROOT = Path(__file__).parents[2]


def picture(rng, height=48, width=64):
    """A smooth random picture, which video codecs keep well."""
    small = rng.integers(40, 216, (height // 16 + 2, width // 16 + 2, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC))


def clip(seed=0, frames=8, height=48, width=64):
    rng = np.random.default_rng(seed)
    return np.stack([picture(rng, height, width) for _ in range(frames)])


def write(path, frames, fps=Fraction(25), matrix="bt601"):
    with VideoWriter(path, frames.shape[1:3], fps, matrix) as writer:
        for frame in frames:
            writer.write(frame)
    return path


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """A data set: five lossless files and a PNG folder, eight frames of 64x48 each."""
    path = tmp_path_factory.mktemp("clips")
    for number in range(5):
        write(path / f"clip{number}.mkv", clip(number))
    write(path / "clip10", clip(10))
    (path / "README.txt").write_text("not a clip")
    return path


@pytest.fixture(scope="session")
def real_clips():
    path = Path(os.environ.get("LVC_DATA", ROOT / ".." / "shared" / "data"))
    if not (path / "train").is_dir():
        pytest.skip(f"no real clips in {path}; set LVC_DATA")
    return path
