"""Video in and out: one reader for files and folders of PNG frames, one writer for the same."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from lvc.datasets.colour import check_matrix
from lvc.datasets.piped import PipedVideo, is_pipe
from lvc.datasets.png import PngFrames
from lvc.datasets.video_file import VideoFile, VideoInfo
from lvc.datasets.video_writer import VideoWriter
from lvc.errors import UserError

__all__ = ["VideoInfo", "VideoReader", "VideoWriter", "open_video"]


def open_video(path: str | Path, matrix: str = "bt601", colour: str = "rgb") -> VideoFile | PngFrames | PipedVideo:
    """The video at ``path`` (``-``: standard input), without decoding anything yet; RGB or ``colour="luma"``.

    Raises:
        UserError: When nothing is there.
    """
    path = Path(path)
    if is_pipe(path):
        return PipedVideo(path, matrix, colour)
    if not path.exists():
        raise UserError(f"{path}: no such video file or folder of PNG frames")
    return (PngFrames if path.is_dir() else VideoFile)(path, matrix, colour)


class VideoReader:
    """Frames of a video file (whatever FFmpeg reads) or of a folder of PNG frames in natural order.

    Iterating yields uint8 ``(H, W, 3)`` RGB frames and may be repeated; memory does not grow with the length.

    Args:
        path: Video file or folder.
        matrix: YUV to RGB matrix (``bt601``, ``bt709``) of files that are not tagged with theirs.

    Raises:
        UserError: When the video is missing, unreadable or empty; while iterating, when it turns out damaged
            or cut short (after the frames before the damage).
    """

    def __init__(self, path: str | Path, matrix: str = "bt601"):
        check_matrix(matrix)
        self.path = Path(path)
        self._video = open_video(path, matrix)
        self.info: VideoInfo = self._video.info

    def __iter__(self) -> Iterator[np.ndarray]:
        return self.frames()

    def frames(self, start: int = 0, count: int | None = None, step: int = 1) -> Iterator[np.ndarray]:
        """Every ``step``-th frame from ``start`` on, ``count`` of them (``None``: to the end)."""
        shape = None
        for frame in self._video.frames(start, count, step):
            shape = shape or frame.shape
            if frame.shape != shape:
                sizes = f"{frame.shape[1]}x{frame.shape[0]} after {shape[1]}x{shape[0]}"
                raise UserError(f"{self.path}: frames change their size ({sizes}); one video has one size")
            yield frame
