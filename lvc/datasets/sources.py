"""Where clips come from: one small protocol, and the factory that builds a source from its configuration."""

from pathlib import Path
from pkgutil import resolve_name
from typing import Protocol

import numpy as np

from lvc.config.data import Clips16Config, Dataset, FolderConfig, MixtureConfig, Vimeo90kConfig
from lvc.errors import UserError


class ClipSource(Protocol):
    """An ordered set of clips."""

    def __len__(self) -> int:
        """Number of clips."""

    def name(self, index: int) -> str:
        """Name of a clip, unique in the set."""

    def length(self, index: int) -> int:
        """Frames of a clip, as far as can be told without decoding it.

        Raises:
            UserError: When the clip cannot even be opened.
        """

    def read(self, index: int, start: int, count: int, step: int = 1) -> np.ndarray:
        """Frames ``start``, ``start + step``, ... as uint8 ``(count, H, W, 3)`` RGB, or ``(count, H, W, 1)`` luma.

        Raises:
            UserError: When the clip is unreadable or has fewer frames.
        """


def open_source(config: Dataset) -> ClipSource:
    """The source that a configuration describes.

    Raises:
        UserError: When its folder is missing, empty or laid out otherwise, naming what would be right.
    """
    return resolve_name(config.SOURCE)(config)


def open_clips16(config: Clips16Config) -> ClipSource:
    """See :func:`open_source`."""
    from lvc.datasets.folder import FolderClips

    if not Path(config.path).is_dir():
        raise UserError(f"dataset.path: {config.path}: no such folder; `python -m data.vimeo16` makes this set")
    return FolderClips(config.path, matrix=config.matrix, colour=config.colour)


def open_folder(config: FolderConfig) -> ClipSource:
    """See :func:`open_source`."""
    from lvc.datasets.folder import FolderClips

    return FolderClips(config.path, config.pattern, config.matrix, config.cache, config.colour)


def open_vimeo90k(config: Vimeo90kConfig) -> ClipSource:
    """See :func:`open_source`."""
    from lvc.datasets.vimeo90k import Vimeo90kClips

    return Vimeo90kClips(config.path, config.split, config.colour, config.matrix)


def open_mixture(config: MixtureConfig) -> ClipSource:
    """See :func:`open_source`."""
    from lvc.datasets.mixture import MixtureClips

    drawn = {name: (weight, member) for name, (weight, member) in config.members.items() if weight}
    sources = []
    for name, (_, member) in drawn.items():
        try:
            sources.append(open_source(member))
        except UserError as error:
            raise UserError(str(error).replace("dataset.", f"dataset.sets.{name}.", 1)) from None
    return MixtureClips(list(drawn), sources, [weight for weight, _ in drawn.values()])


def check_lengths(source: ClipSource, frames: int, distance: int = 1) -> None:
    """Check that every clip has ``frames`` frames that are ``distance`` apart, before a stage starts.

    Clips that cannot be opened are left to training, which skips and counts them.

    Raises:
        UserError: Naming the first clip that is too short.
    """
    need = (frames - 1) * distance + 1
    for index in range(len(source)):
        try:
            length = source.length(index)
        except UserError:
            continue
        if length < need:
            what = f"{frames} frames" + (f" {distance} apart" if distance > 1 else "")
            raise UserError(f"clip {source.name(index)}: has {length} frames, and {what} need {need}")
