"""What a data set may be configured to."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from lvc.config.contract import ConfigError, contract


@contract
class AugmentConfig:
    """What is drawn per sample, from the run's seed, the epoch and the sample's index alone."""

    horizontal_flip: bool = True
    """Mirror left and right with probability 1/2."""
    vertical_flip: bool = True
    """Mirror top and bottom with probability 1/2."""
    time_reversal: bool = True
    """Play backwards with probability 1/2."""


@contract
class FolderConfig:
    """Video files (mp4, mkv, y4m, ...) and folders of PNG frames below one folder."""

    name: Literal["folder"]
    """Data set name."""
    path: str
    """Folder of the data set."""
    pattern: str = "*"
    """Only entries whose name matches this glob."""
    clip_frames: int | None = Field(None, ge=1)
    """Frames every clip is known to have; checked against the schedule before anything is read."""
    matrix: Literal["bt601", "bt709"] = "bt601"
    """YUV to RGB matrix of files that do not say."""
    corrupt_budget: float = Field(0.01, ge=0, le=1)
    """Share of samples that may be unreadable in training before the run stops."""
    cache: bool = False
    """Keep decoded clips in memory (small sets only)."""
    augment: AugmentConfig = AugmentConfig()
    """Augmentation in training."""


@contract
class Vimeo90kConfig:
    """Vimeo-90K septuplets in their official layout."""

    height: ClassVar[int] = 256
    width: ClassVar[int] = 448

    name: Literal["vimeo90k"]
    """Data set name."""
    path: str
    """Folder that holds `sequences/`, `sep_trainlist.txt` and `sep_testlist.txt`."""
    split: Literal["train", "test"] = "train"
    """Official list."""
    clip_frames: Literal[7] = 7
    """A septuplet has seven frames."""
    corrupt_budget: float = Field(0.01, ge=0, le=1)
    """Share of samples that may be unreadable in training before the run stops."""
    augment: AugmentConfig = AugmentConfig()
    """Augmentation in training."""


@contract
class SyntheticConfig:
    """Dead-leaves scenes: occluding, textured, moving and scaling shapes over a moving background."""

    name: Literal["synthetic"]
    """Data set name."""
    clips: int = Field(1000, ge=1)
    """Scenes in the set; scene i is the same for ever."""
    clip_frames: int = Field(7, ge=1)
    """Frames of a scene."""
    height: int = Field(256, ge=16)
    """Rows."""
    width: int = Field(448, ge=16)
    """Columns."""
    shapes: int = Field(60, ge=1)
    """Shapes in a scene."""
    max_motion: float = Field(6.0, ge=0)
    """Largest speed of a point in pixels per frame."""
    min_motion: float | None = Field(None, gt=0)
    """Each scene's largest speed is drawn between this and `max_motion`, log-uniformly; null: `max_motion` in all."""
    turning: float = Field(0.08, ge=0, le=0.25)
    """Share of the motion that may come from turning, and as much from zooming."""
    parallax: float = Field(0.3, ge=0, le=1)
    """How much less the furthest layer follows the camera's shifts than the nearest may."""
    thin: float = Field(0.0, ge=0, le=1)
    """Share of shapes that are bars and wires, a few pixels thick."""
    defocus: float = Field(0.0, ge=0, le=1)
    """Share of layers that are out of focus."""
    blur: float = Field(0.0, ge=0)
    """Largest standard deviation of the whole picture's blur in pixels."""
    motion_blur: float = Field(0.0, ge=0, le=1)
    """Largest part of a frame's time for which the shutter is open."""
    noise: float = Field(0.0, ge=0)
    """Largest standard deviation of the noise, of 255."""
    lighting: float = Field(0.0, ge=0, le=0.3)
    """Largest relative change of brightness from one frame to the next."""
    first: int = Field(0, ge=0)
    """Number of the first scene, so that training and validation differ."""
    cache: bool = False
    """Keep drawn pairs in memory (a flow network's small sets only)."""
    augment: AugmentConfig = AugmentConfig()
    """Augmentation in training."""

    def __post_init__(self):
        if self.min_motion is not None and self.min_motion > self.max_motion:
            raise ConfigError("min_motion", f"{self.min_motion:g} is more than max_motion {self.max_motion:g}")


DatasetConfig = Annotated[FolderConfig | Vimeo90kConfig | SyntheticConfig, Field(discriminator="name")]
