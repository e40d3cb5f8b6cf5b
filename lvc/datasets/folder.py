"""A folder of video files and of folders of PNG frames."""

import logging
from collections import Counter
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np

from lvc.datasets.png import is_png, natural_order, png_files
from lvc.datasets.video import open_video
from lvc.errors import UserError

_SUFFIXES = "264 265 avi flv h264 h265 hevc ivf m2ts m4v mkv mov mp4 mpeg mpg obu ogv ts webm wmv y4m"
VIDEO_SUFFIXES = {f".{suffix}" for suffix in _SUFFIXES.split()}
"""What counts as a video file in a folder."""


_PICTURES = "pictures of other kinds are not read; make PNG of them: ffmpeg -i %05d{} frames/%05d.png"
_REMEDIES = {suffix: _PICTURES.format(suffix) for suffix in (".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")}
_REMEDIES[".yuv"] = (
    "raw frames do not say their size; say it: "
    "ffmpeg -f rawvideo -pix_fmt yuv420p -s WIDTHxHEIGHT -r RATE -i a.yuv a.y4m"
)

log = logging.getLogger(__name__)


class FolderClips:
    """Clips of one folder, in natural order of their names.

    Args:
        path: Folder that directly holds video files and folders of PNG frames; anything else is ignored.
        pattern: Glob that entries' names must match.
        matrix: YUV to RGB matrix of untagged files.
        cache: Keep every decoded clip in memory (each data-loading process its own).
        colour: ``rgb``, or ``luma`` as files hold it, in full range.

    Raises:
        UserError: When the folder is missing or holds no clips.
    """

    def __init__(self, path: str, pattern: str = "*", matrix: str = "bt601", cache: bool = False, colour: str = "rgb"):
        self.path, self.matrix, self.colour = Path(path), matrix, colour
        self.clips = _clips(self.path, pattern)
        stems = Counter(clip.stem for clip in self.clips)
        self._names = [c.stem if stems[c.stem] == 1 else c.name for c in self.clips]
        self._lengths: dict[int, int] = {}
        self._sizes: dict[int, tuple[int, int]] = {}
        self._cache: dict[int, np.ndarray] | None = {} if cache else None

    def __len__(self) -> int:
        return len(self.clips)

    def name(self, index: int) -> str:
        """File or folder name without suffix (with it where that is ambiguous)."""
        return self._names[index]

    def length(self, index: int) -> int:
        """Frames as the container declares them, or PNG files counted."""
        if index not in self._lengths:
            self._lengths[index] = open_video(self.clips[index], self.matrix).count()
        return self._lengths[index]

    def size(self, index: int) -> tuple[int, int]:
        """Height and width, as the index of a video file or the first PNG file says."""
        if index not in self._sizes:
            self._sizes[index] = open_video(self.clips[index], self.matrix).size()
        return self._sizes[index]

    def read(self, index: int, start: int, count: int, step: int = 1) -> np.ndarray:
        """See :meth:`lvc.datasets.sources.ClipSource.read`."""
        if self._cache is None:
            return self._decode(index, start, count, step)
        if index not in self._cache:
            self._cache[index] = self._decode(index, 0, None, 1)
        frames = self._cache[index][start : start + (count - 1) * step + 1 : step]
        if len(frames) < count:
            have = len(self._cache[index])
            raise UserError(f"{self.clips[index]}: has {have} frames, and {start + count} were asked for")
        return frames

    def _decode(self, index: int, start: int, count: int | None, step: int) -> np.ndarray:
        frames = list(open_video(self.clips[index], self.matrix, self.colour).frames(start, count, step))
        if len({frame.shape for frame in frames}) != 1:
            raise UserError(f"{self.clips[index]}: frames change their size; one clip has one size")
        return np.stack(frames)


def _clips(path: Path, pattern: str) -> list[Path]:
    what = "dataset.path"
    if not path.is_dir():
        problem = "is a file; name the folder it is in" if path.exists() else "no such folder"
        raise UserError(f"{what}: {path}: {problem}")
    entries = sorted(path.iterdir(), key=natural_order)
    clips = [e for e in entries if not e.name.startswith(".") and _is_clip(e)]
    matching = [c for c in clips if fnmatchcase(c.name, pattern)]
    if matching:
        return matching
    if clips:
        raise UserError(f"dataset.pattern: none of the {len(clips)} clips in {path} matches '{pattern}'")
    hint = ""
    if png_files(path):
        hint = "; it holds PNG frames itself, so name the folder above, or give each clip a folder of its own"
    elif inner := [e.name for e in entries if e.is_dir() and any(map(_is_clip, _inside(e)))]:
        hint = f"; did you mean one of its folders {', '.join(inner[:5])}?"
    raise UserError(
        f"{what}: {path}: holds no video files (mp4, mkv, y4m, ...) or folders of PNG frames{hint or _kinds(entries)}"
    )


def _is_clip(entry: Path) -> bool:
    if entry.is_dir():
        return any(is_png(p) for p in _inside(entry))
    return entry.suffix.lower() in VIDEO_SUFFIXES and entry.is_file()  # and no pipe, which would wait for ever


def _inside(folder: Path) -> list[Path]:
    """What a folder holds; nothing where it may not be read, as lost+found may not."""
    try:
        return list(folder.iterdir())
    except OSError as error:
        log.warning("left out: %s cannot be read (%s)", folder, error.strerror)
        return []


def _kinds(entries: list[Path]) -> str:
    """How to use what lies in a folder and is no clip yet."""
    found = {suffix for entry in entries if (suffix := entry.suffix.lower()) in _REMEDIES}
    return "".join(f"; {suffix}: {_REMEDIES[suffix]}" for suffix in sorted(found))
