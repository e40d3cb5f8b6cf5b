"""Writing video under a temporary name, so that a broken-off run leaves no half file under the final one."""

import os
import re
import shutil
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image

from lvc.datasets.colour import TAGS, check_matrix, from_rgb
from lvc.errors import UserError

FILES = (".mkv", ".mp4", ".y4m")
"""Suffixes that make a file; anything without a suffix, an existing folder or ``.png`` makes a folder."""

FRAME_NAME = "im{:05d}.png"
_OUR_FRAME = re.compile(r"im\d{5,}\.png")


class VideoWriter:
    """Writes RGB frames; use it as a context manager.

    The suffix chooses the format: ``.mkv`` is lossless RGB (FFV1), ``.mp4`` visually lossless H.264 that
    ordinary players open (4:2:0; 4:4:4 where a side is odd), ``.y4m`` 4:4:4 YUV, and no suffix, ``.png`` or
    an existing folder a folder of ``im00001.png``, ``im00002.png``, ... The final name appears last of all.

    Args:
        path: File or folder. A file is replaced, a folder only if it holds nothing but such frames.
        size: ``(H, W)`` of the frames.
        fps: Frames per second (a folder cannot hold it).
        matrix: RGB to YUV matrix of YUV formats, which are tagged with it where they can be.

    Raises:
        UserError: Before anything is written, when ``path`` cannot be.
    """

    def __init__(self, path: str | Path, size: tuple[int, int], fps: Fraction | int, matrix: str = "bt601"):
        check_matrix(matrix)
        self.path = Path(path)
        self.size, self.fps, self.matrix = size, Fraction(fps), matrix
        suffix = self.path.suffix.lower()
        if suffix not in (*FILES, ".png", "") and not self.path.is_dir():
            choices = ", ".join(FILES)
            raise UserError(f"{self.path}: cannot write {suffix}; choose {choices} or a PNG folder")
        self.to_folder = self.path.is_dir() or suffix not in FILES
        self._check_writable()
        self._final = self.path.resolve()
        self._partial = self._final.with_name(f".{self._final.stem}.{os.getpid()}.partial{suffix}")
        self._sink: _File | _Folder | None = None

    def _check_writable(self) -> None:
        parent = self.path.resolve().parent
        if not parent.is_dir():
            raise UserError(f"{self.path}: cannot be written, {parent} is not an existing folder")
        if not os.access(parent, os.W_OK):
            raise UserError(f"{self.path}: cannot be written, no permission to write in {parent}")
        if not self.to_folder or not self.path.exists():
            return
        if not self.path.is_dir():
            raise UserError(f"{self.path}: is a file; name a folder for PNG frames")
        if other := next((p.name for p in self.path.iterdir() if not _OUR_FRAME.fullmatch(p.name)), None):
            raise UserError(f"{self.path}: holds other files ({other}); name a new or empty folder")

    def __enter__(self) -> "VideoWriter":
        try:
            self._sink = (_Folder if self.to_folder else _File)(self._partial, self)
        except (av.error.FFmpegError, OSError) as error:
            self._discard()
            raise UserError(f"{self.path}: cannot be written ({error.strerror})") from None
        return self

    def write(self, frame: np.ndarray) -> None:
        """Append one uint8 ``(H, W, 3)`` RGB frame.

        Raises:
            ValueError: When the frame's shape or type is another.
            UserError: When the disk refuses.
        """
        if frame.shape != (*self.size, 3) or frame.dtype != np.uint8:
            raise ValueError(f"expected uint8 {(*self.size, 3)}, got {frame.dtype} {frame.shape}")
        try:
            self._sink.write(frame)
        except (av.error.FFmpegError, OSError) as error:
            raise UserError(f"{self.path}: cannot be written ({error.strerror})") from None

    def __exit__(self, kind, error, trace) -> None:
        try:
            self._sink.close(complete=kind is None)
            if kind is None:
                self._publish()
        except (av.error.FFmpegError, OSError) as failure:
            if kind is None:
                raise UserError(f"{self.path}: cannot be written ({failure.strerror})") from None
        finally:
            self._discard()

    def _publish(self) -> None:
        if self.to_folder and self._final.is_dir():
            shutil.rmtree(self._final)
        os.replace(self._partial, self._final)

    def _discard(self) -> None:
        if self._partial.is_dir():
            shutil.rmtree(self._partial, ignore_errors=True)
        else:
            self._partial.unlink(missing_ok=True)


class _Folder:
    """PNG frames in a folder."""

    def __init__(self, path: Path, _writer: VideoWriter):
        self.path, self.count = path, 0
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir()

    def write(self, frame: np.ndarray) -> None:
        self.count += 1
        Image.fromarray(frame).save(self.path / FRAME_NAME.format(self.count))

    def close(self, complete: bool) -> None:
        """Nothing is left to write."""


class _File:
    """One encoded video stream in a file."""

    def __init__(self, path: Path, writer: VideoWriter):
        suffix, (height, width) = path.suffix.lower(), writer.size
        odd = height % 2 or width % 2
        codec, self.pixels, options = {
            ".mkv": ("ffv1", "bgr0", {}),
            ".mp4": ("libx264", "yuv444p" if odd else "yuv420p", {"crf": "10", "preset": "veryfast"}),
            ".y4m": ("wrapped_avframe", "yuv444p", {}),
        }[suffix]
        self.matrix = writer.matrix
        muxer = {"fflags": "+bitexact"}  # else Matroska draws a random number: equal frames make equal files
        if suffix == ".mp4":
            muxer["movflags"] = "+faststart"
        self.container = av.open(str(path), "w", options=muxer)
        self.stream = self.container.add_stream(codec, rate=writer.fps, options=options)
        self.stream.height, self.stream.width, self.stream.pix_fmt = height, width, self.pixels
        if suffix == ".mp4":
            context = self.stream.codec_context
            context.colorspace = context.color_primaries = context.color_trc = TAGS[self.matrix]
            context.color_range = 1
        self.container.start_encoding()

    def write(self, frame: np.ndarray) -> None:
        self.container.mux(self.stream.encode(from_rgb(frame, self.pixels, self.matrix)))

    def close(self, complete: bool) -> None:
        try:
            if complete:
                self.container.mux(self.stream.encode())
        finally:
            self.container.close()
