"""Material that is quick to train and to code."""

from fractions import Fraction
from pathlib import Path

import pytest

from lvc.datasets.frames import to_bytes
from lvc.datasets.video import VideoWriter
from tests.conftest import moving_clip

SMALL = [
    "size=tiny",
    "model/intra=cheng2020",
    "model.channels=8",
    "model.intra.channels=8",
    "model.propagated_channels=8",
    "model.latent_channels=12",
    "model.motion_channels=8",
    "model.hyper_channels=8",
    "model.flow.widths=[4,4,4,4]",
]
"""The smallest P-frame codec."""

QUICK = [
    "schedule.all.batch_size=1",
    "schedule.all.crop=64",
    "trainer.accelerator=cpu",
    "trainer.workers=0",
    "trainer.threads=1",
    "trainer.pictures=0",
    "trainer.validation_clips=1",
    "trainer.validation_frames=2",
]
"""The smallest steps."""


def write(path: Path, frames: int = 5, height: int = 64, width: int = 96, seed: int = 0) -> Path:
    """A moving scene as a video file, lossless where its format is, or a folder of PNG frames."""
    clip = moving_clip(min(frames, 8), height, width, seed).unbind(1)
    with VideoWriter(path, (height, width), Fraction(25)) as writer:
        for index in range(frames):
            writer.write(to_bytes(clip[index % 8]))
    return path


@pytest.fixture(scope="session")
def videos(tmp_path_factory):
    """Three videos of 5 frames of 96x64."""
    folder = tmp_path_factory.mktemp("videos")
    for seed in range(3):
        write(folder / f"scene{seed}.mkv", seed=seed)
    return folder
