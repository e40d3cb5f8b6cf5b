"""Where clips come from: one small protocol, and the factory that builds a source from its configuration."""

import logging
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from pkgutil import resolve_name
from typing import Protocol

import numpy as np

from lvc.config.data import Clips16Config, Dataset, FolderConfig, MixtureConfig, Vimeo90kConfig
from lvc.errors import UserError

log = logging.getLogger(__name__)


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

    def size(self, index: int) -> tuple[int, int]:
        """Height and width of a clip, as far as can be told without decoding all of it.

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


@dataclass(frozen=True)
class Need:
    """What a sample needs of its clip.

    Attributes:
        frames: Frames of a sample.
        distance: Frames of the clip from one to the next.
        side: Least side of a frame.
        size: Height and width that all clips of a batch have in common; ``None`` where they are cropped.
    """

    frames: int
    distance: int = 1
    side: int = 1
    size: tuple[int, int] | None = None

    def problem(self, source: ClipSource, index: int) -> str | None:
        """Why a clip cannot be sampled, ``None`` when it can.

        Raises:
            UserError: When it cannot even be opened.
        """
        length, needed = source.length(index), (self.frames - 1) * self.distance + 1
        if length < needed:
            what = f"{self.frames} frames" + (f" {self.distance} apart" if self.distance > 1 else "")
            return f"has {length} frames, and {what} need {needed}"
        height, width = source.size(index)
        if min(height, width) < self.side:
            return f"is {width}x{height}, too small for crops of {self.side}x{self.side}"
        if self.size not in (None, (height, width)):
            return f"is {width}x{height} and most are {self.size[1]}x{self.size[0]}; set a crop or batch_size=1"
        return None


def check_clips(source: ClipSource, need: Need, budget: float = 0.0) -> None:
    """Check before a stage starts that its clips are long and large enough.

    Clips that cannot be opened are left to training, which skips and counts them.

    Args:
        source: The clips.
        need: What samples need.
        budget: Share of the clips that may be unfit; samples then leave them out.

    Raises:
        UserError: Naming the first unfit clip and counting them, when they are more.
    """
    unfit: list[tuple[int, str]] = []
    for index in range(len(source)):
        try:
            problem = need.problem(source, index)
        except UserError:
            continue
        unfit += [(index, problem)] if problem else []
    if not unfit:
        return
    first, problem = unfit[0]
    more = f" ({len(unfit)} of {len(source)} clips are unfit)" if len(unfit) > 1 else ""
    if len(unfit) > budget * len(source):
        raise UserError(f"clip {source.name(first)}: {problem}{more}")
    log.warning("left out: clip %s: %s%s", source.name(first), problem, more)


def common_size(source: ClipSource) -> tuple[int, int] | None:
    """The size that most clips have, which samples of whole frames need to share a batch."""
    sizes: Counter[tuple[int, int]] = Counter()
    for index in range(len(source)):
        with suppress(UserError):
            sizes[source.size(index)] += 1
    return sizes.most_common(1)[0][0] if sizes else None
