"""A data set: a bright square that moves."""

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from lvc.config.contract import contract
from lvc.config.data import AugmentConfig, Dataset


@contract
class SquaresConfig(Dataset):
    """Squares that move over grey."""

    SOURCE: ClassVar[str] = "lvc_example.squares:Squares"

    name: Literal["squares"]
    """Data set name."""
    clips: int = Field(4, ge=1)
    """Clips in the set."""
    clip_frames: int = Field(5, ge=1)
    """Frames of a clip."""
    side: int = Field(64, ge=32)
    """Rows and columns."""
    augment: AugmentConfig = AugmentConfig()
    """Augmentation in training."""


class Squares:
    """The clips of :class:`SquaresConfig`."""

    def __init__(self, config: SquaresConfig):
        self.config = config

    def __len__(self) -> int:
        return self.config.clips

    def name(self, index: int) -> str:
        """Name of a clip."""
        return f"square {index}"

    def length(self, index: int) -> int:
        """Frames of a clip."""
        return self.config.clip_frames

    def size(self, index: int) -> tuple[int, int]:
        """Height and width of a clip."""
        return self.config.side, self.config.side

    def read(self, index: int, start: int, count: int, step: int = 1) -> np.ndarray:
        """Frames as uint8 ``(count, H, W, 3)``."""
        frames = np.full((count, self.config.side, self.config.side, 3), 90, np.uint8)
        for number, frame in enumerate(frames):
            at = 4 + index + 2 * (start + number * step)
            frame[at : at + 16, 8 : 8 + 16] = 220
        return frames
