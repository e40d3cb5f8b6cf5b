"""What a data set may be configured to."""

from functools import reduce
from operator import or_
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from lvc.config.contract import ConfigError, build, contract
from lvc.config.outside import brought


class Dataset:
    """A data set's configuration: a contract with fields ``name``, ``clip_frames`` and ``augment``."""

    SOURCE: ClassVar[str]
    """What opens it, as ``module:function``: given the configuration, it returns a
    :class:`lvc.datasets.sources.ClipSource`."""


@contract
class AugmentConfig:
    """What is drawn per sample, from the run's seed, the epoch and the sample's index alone."""

    horizontal_flip: bool = True
    """Mirror left and right with probability 1/2."""
    vertical_flip: bool = True
    """Mirror top and bottom with probability 1/2."""
    time_reversal: bool = True
    """Play backwards with probability 1/2."""
    scale: tuple[float, float] = (1.0, 1.0)
    """Range of factors that a sample is resampled by, all equally likely; below 1 a crop shows more of the clip."""
    scale_filters: tuple[Literal["box", "bilinear", "bicubic", "lanczos"], ...] = ("bicubic",)
    """Resampling filters, one of which is drawn."""
    brightness: float = Field(0.0, ge=0, lt=1)
    """Largest relative change of brightness: samples are multiplied by 1 - `brightness` to 1 + `brightness`."""

    def __post_init__(self):
        if not 0 < self.scale[0] <= self.scale[1]:
            raise ConfigError("scale", f"is a range of factors above 0, smaller first, got {list(self.scale)}")
        if not self.scale_filters:
            raise ConfigError("scale_filters", "needs at least one of box, bilinear, bicubic, lanczos")

    @property
    def resamples(self) -> bool:
        """Whether any sample changes its scale."""
        return self.scale != (1.0, 1.0)


@contract
class FolderConfig(Dataset):
    """Video files (mp4, mkv, y4m, ...) and folders of PNG frames below one folder."""

    SOURCE: ClassVar[str] = "lvc.datasets.sources:open_folder"

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
    colour: Literal["rgb", "luma"] = "rgb"
    """`luma`: one channel, in full range; of RGB files it is computed with `matrix`."""
    corrupt_budget: float = Field(0.01, ge=0, le=1)
    """Share of samples that may be unreadable in training before the run stops."""
    cache: bool = False
    """Keep decoded clips in memory (small sets only)."""
    augment: AugmentConfig = AugmentConfig()
    """Augmentation in training."""


@contract
class Vimeo90kConfig(Dataset):
    """Vimeo-90K septuplets in their official layout."""

    SOURCE: ClassVar[str] = "lvc.datasets.sources:open_vimeo90k"
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
    colour: Literal["rgb", "luma"] = "rgb"
    """`luma`: one channel, in full range, computed with `matrix`."""
    matrix: Literal["bt601", "bt709"] = "bt601"
    """RGB to luma matrix."""
    corrupt_budget: float = Field(0.01, ge=0, le=1)
    """Share of samples that may be unreadable in training before the run stops."""
    augment: AugmentConfig = AugmentConfig()
    """Augmentation in training."""


@contract
class Clips16Config(Dataset):
    """The 16-frame set of pMCTF-L, from the videos of Vimeo-90K; `python -m data.vimeo16` makes it."""

    SOURCE: ClassVar[str] = "lvc.datasets.sources:open_clips16"

    name: Literal["clips16"]
    """Data set name."""
    path: str
    """Folder of the clips."""
    clip_frames: Literal[16] = 16
    """Frames of a clip."""
    colour: Literal["rgb", "luma"] = "rgb"
    """`luma`: one channel, in full range, computed with `matrix`."""
    matrix: Literal["bt601", "bt709"] = "bt601"
    """YUV to RGB matrix of files that do not say."""
    corrupt_budget: float = Field(0.01, ge=0, le=1)
    """Share of samples that may be unreadable in training before the run stops."""
    augment: AugmentConfig = AugmentConfig(horizontal_flip=False, vertical_flip=False, time_reversal=False)
    """Augmentation in training; the paper crops, no more."""


@contract
class SyntheticConfig(Dataset):
    """Dead-leaves scenes: occluding, textured, moving and scaling shapes over a moving background."""

    SOURCE: ClassVar[str] = "lvc.datasets.synthetic:SyntheticClips"

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
    """Keep rendered clips on disk between runs, `clip_frames` x `height` x `width` x 3 bytes each, below `LVC_CACHE`
    or where the system keeps caches; a flow network's pairs are kept in memory (small sets only)."""
    augment: AugmentConfig = AugmentConfig()
    """Augmentation in training."""

    def __post_init__(self):
        if self.min_motion is not None and self.min_motion > self.max_motion:
            raise ConfigError("min_motion", f"{self.min_motion:g} is more than max_motion {self.max_motion:g}")


@contract
class MixtureConfig(Dataset):
    """Several sets: every draw takes one of them at random, by weight, and one of its clips."""

    SOURCE: ClassVar[str] = "lvc.datasets.sources:open_mixture"

    name: Literal["mixture"]
    """Data set name."""
    sets: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """The sets by names of your own: the options of a data set each, and `weight` (1 where it is not given)."""
    corrupt_budget: float = Field(0.01, ge=0, le=1)
    """Share of samples that may be unreadable in training before the run stops."""
    augment: AugmentConfig = AugmentConfig()
    """Augmentation in training, of all sets."""

    def __post_init__(self):
        if not self.sets:
            raise ConfigError("sets", "is empty; +dataset@dataset.sets.NAME=folder adds a set")
        for name, (weight, member) in self.members.items():
            if not isinstance(weight, int | float) or isinstance(weight, bool) or not 0 <= weight < float("inf"):
                raise ConfigError(f"sets.{name}.weight", f"is a number from 0 on, got {weight!r}")
            if member.augment not in (self.augment, AugmentConfig()):
                raise ConfigError(f"sets.{name}.augment", "is one for all sets of a mixture: set dataset.augment")
        if not sum(weight for weight, _ in self.members.values()):
            raise ConfigError("sets", "all have weight 0; one of them needs more")
        if len(colours := {colour_of(member) for _, member in self.members.values()}) > 1:
            raise ConfigError("sets", f"differ in colour ({', '.join(sorted(colours))}); one batch has one")

    @property
    def members(self) -> dict[str, tuple[float, Any]]:
        """Weight and contract of every set."""
        return {name: _member(name, options) for name, options in self.sets.items()}

    @property
    def colour(self) -> str:
        """The colour of all sets."""
        return colour_of(next(iter(self.members.values()))[1])

    @property
    def clip_frames(self) -> int | None:
        """Frames that clips of every set are known to have; `None` where no set says."""
        return self._least("clip_frames")

    @property
    def height(self) -> int | None:
        """Rows that clips of every set are known to have."""
        return self._least("height")

    @property
    def width(self) -> int | None:
        """Columns that clips of every set are known to have."""
        return self._least("width")

    def _least(self, option: str) -> int | None:
        values = [getattr(member, option, None) for _, member in self.members.values()]
        return min((value for value in values if value is not None), default=None)


def _member(name: str, options: dict[str, Any]) -> tuple[float, Any]:
    data = {key: value for key, value in options.items() if key != "weight"}
    return options.get("weight", 1.0), build(SetConfig, data, f"sets.{name}")


def colour_of(dataset: Any) -> str:
    """What samples of a data set hold: ``rgb`` or ``luma``."""
    return getattr(dataset, "colour", "rgb")


DATASETS: dict[str, type] = {
    "folder": FolderConfig,
    "vimeo90k": Vimeo90kConfig,
    "clips16": Clips16Config,
    "synthetic": SyntheticConfig,
    "mixture": MixtureConfig,
}
"""Every data set by name."""

DATASETS |= brought("datasets", Dataset, DATASETS)

SetConfig = Annotated[
    reduce(or_, [c for c in DATASETS.values() if c is not MixtureConfig]), Field(discriminator="name")
]
"""A data set by itself."""

DatasetConfig = Annotated[reduce(or_, DATASETS.values()), Field(discriminator="name")]
"""Any data set."""
