"""A short moving scene in the forms that a user may have it in."""

from fractions import Fraction
from pathlib import Path

import pytest

from lvc.datasets.frames import to_bytes
from lvc.datasets.video import VideoWriter
from tests.conftest import moving_clip

FRAMES, HEIGHT, WIDTH = 5, 70, 100


def write(path: Path, frames: int = FRAMES, fps: Fraction = Fraction(30)) -> Path:
    with VideoWriter(path, (HEIGHT, WIDTH), fps) as writer:
        for frame in moving_clip(frames, HEIGHT, WIDTH).unbind(1):
            writer.write(to_bytes(frame))
    return path


@pytest.fixture(scope="session")
def scenes(tmp_path_factory):
    """``scene.mkv`` (lossless), ``scene.y4m`` and ``scene`` (PNG frames): 5 frames of 100x70."""
    folder = tmp_path_factory.mktemp("scenes")
    for name in ("scene.mkv", "scene.y4m", "scene"):
        write(folder / name)
    return folder


@pytest.fixture(scope="session")
def coded(tmp_path_factory, scenes, tiny_export):
    """``scene.mkv`` as the library encodes it: the bitstream, and the encoder's reconstruction."""
    from lvc.coding.video import encode_video
    from lvc.datasets.frames import to_tensor
    from lvc.datasets.video import VideoReader
    from lvc.export import load_export

    path = tmp_path_factory.mktemp("coded") / "scene.lvc"
    frames = map(to_tensor, VideoReader(scenes / "scene.mkv"))
    encoded = list(encode_video(load_export(tiny_export), frames, path, Fraction(30)))
    return path, [to_bytes(e.frame) for e in encoded]
