"""What a build may be told."""

import re
from functools import cached_property

from pydantic import Field

from lvc.config.contract import ConfigError, contract

POSITIONAL = ("source", "out")
FREE = ("workers", "source", "out", "about")
"""Options that may differ when a build is continued: they change no clip."""


@contract
class BuildOptions:
    """From a folder of videos to a set of short clips."""

    source: str
    """Folder of videos: searched with all its folders, for video files and folders of PNG frames."""
    out: str
    """Folder of the set: `train/`, `val/`, `manifest.csv`, `left_out.csv`, `sources.csv`, `report.html`."""
    frames: int = Field(16, ge=2)
    """Frames of a clip."""
    size: str = Field("448x256", pattern=r"^\d+x\d+$")
    """Width and height of a clip; sources are scaled to cover it, and the middle is cut out."""
    max_upscale: float = Field(1.0, ge=1)
    """Sources that would have to be enlarged by more are left out."""
    format: str = Field("mkv", pattern="^(mkv|mp4|png)$")
    """`mkv`: lossless FFV1; `mp4`: H.264 at CRF 10, about an eighth of the size; `png`: folders of frames."""
    matrix: str = Field("bt709", pattern="^(bt601|bt709)$")
    """YUV to RGB matrix of sources that are not tagged with theirs."""
    stride: int | None = Field(None, ge=1)
    """Frames from the start of one clip to the next in a shot; null: `frames`, so that clips follow each other."""
    margin: int = Field(0, ge=0)
    """Frames left out at both ends of every shot."""
    clips_per_shot: int | None = Field(None, ge=1)
    """Most clips of a shot, its first ones; null takes all."""
    clips_per_source: int | None = Field(None, ge=1)
    """Most clips of a source, its first ones; null takes all."""
    cut_ratio: float = Field(3.0, gt=1)
    """A cut is a change of at least this many times the mean of those around it (PySceneDetect's adaptive detector)."""
    cut_change: float = Field(15.0, gt=0)
    """And of at least this much: mean absolute difference in hue, saturation and value, of 255."""
    min_motion: float = Field(0.1, ge=0)
    """Clips that move less are static: mean length of the optical flow, pixels of the clip per frame."""
    min_difference: float = Field(0.5, ge=0)
    """Clips that change less are static: mean absolute luma difference of neighbouring frames, of 255."""
    min_texture: float = Field(4.0, ge=0)
    """Clips with less are flat: spatial information of the middle frame (ITU-T P.910), of 255."""
    black: float = Field(16.0, ge=0)
    """Clips with a frame whose mean luma is below are black."""
    fade: float = Field(1.5, gt=1)
    """Clips whose contrast steadily grows or shrinks by this factor are fades."""
    repeat: float = Field(0.05, ge=0, lt=1)
    """Clips in which a frame differs from the one before by less than this share of the mean repeat frames."""
    uneven: float = Field(1.75, gt=1)
    """Clips in which a frame lasts this many times as long as the median have an uneven frame rate."""
    duplicate: int = Field(6, ge=-1, le=64)
    """Clips whose perceptual hashes (64 bits) differ in no more bits are near-duplicates; -1 keeps them."""
    val_share: float = Field(0.05, ge=0, le=1)
    """Share of sources whose clips go to `val/`."""
    seed: int = 0
    """Seed of the split."""
    group: str | None = None
    """Regular expression whose first group finds, in a source's name, what never to split: `(.+)_part`."""
    about: str | None = None
    """CSV file with a column `source` and any others (licence, address, ...), which go into `sources.csv`."""
    workers: int = Field(1, ge=1)
    """Processes, one source each."""

    def __post_init__(self):
        width, height = self.dimensions
        if width < 32 or height < 32:
            raise ConfigError("size", f"{self.size} is too small; 32x32 or more")
        if self.format == "mp4" and (width % 2 or height % 2):
            raise ConfigError("size", f"{self.size}: sides must be even for format=mp4")
        try:
            if self.group is not None and re.compile(self.group).groups < 1:
                raise ConfigError("group", f"'{self.group}' has no (group) that names what belongs together")
        except re.error as error:
            raise ConfigError("group", f"'{self.group}' is no regular expression ({error})") from None

    @cached_property
    def dimensions(self) -> tuple[int, int]:
        """Width and height."""
        width, height = self.size.split("x")
        return int(width), int(height)
