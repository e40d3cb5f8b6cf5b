"""lvc from Python: load a codec, encode videos to files, decode them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lvc.bitstream.container import file_header
from lvc.coding.settings import EncodeOptions
from lvc.coding.video import Decoder, decode_video, encode_video
from lvc.config.adaptive_gop import AdaptiveGOPConfig
from lvc.config.motion_resolution import MotionResolutionConfig
from lvc.datasets.frames import to_bytes, to_tensor
from lvc.datasets.video import VideoReader, VideoWriter
from lvc.export import Export, load_export
from lvc.models.shipped import named


@dataclass(frozen=True)
class Encoded:
    """A video in a file.

    Attributes:
        path: The file.
        frames: Number of frames.
        width: Columns of a frame.
        height: Rows of a frame.
        bytes: Size of the file.
        bits: Bits by stream name, as the packets hold them.
    """

    path: Path
    frames: int
    width: int
    height: int
    bytes: int
    bits: dict[str, float]

    @property
    def bpp(self) -> float:
        """Bits of the whole file per pixel."""
        return 8 * self.bytes / (self.frames * self.width * self.height)


class Codec:
    """A trained codec. It is never changed: calls with different options do not touch each other.

    Args:
        export: The loaded export.
    """

    def __init__(self, export: Export):
        self.export = export

    def __repr__(self) -> str:
        return f"Codec({self.export.info['model']}, {self.export.info['digest'][:16]})"

    @property
    def qualities(self) -> int | None:
        """Quality indices of a variable-rate codec: a quality is any number from 0 to one less; ``None``: one rate."""
        return self.export.codec.spec.qualities

    def encode(
        self,
        video: str | Path | Iterable[np.ndarray | Tensor],
        target: str | Path,
        quality: float | None = None,
        intra_period: int | None = None,
        fps: Fraction | float | None = None,
        frames: int | None = None,
        resolution: MotionResolutionConfig | None = None,
        adaptive: AdaptiveGOPConfig | None = None,
    ) -> Encoded:
        """Encode a video to a file, which appears only when it is complete.

        Args:
            video: A video file, a folder of PNG frames, or frames: uint8 ``(H, W, 3)`` RGB arrays, or float
                ``(3, H, W)`` tensors in [0, 1].
            target: The file to write.
            quality: Quality index of a variable-rate codec; ``None`` is the middle one.
            intra_period: Frames from one intra frame to the next; ``None`` is the model's.
            fps: Frames per second; ``None`` is the video's, or 25 of frames.
            frames: Encode only so many.
            resolution: How each frame's motion finds its resolution; ``None`` is the model's.
            adaptive: How each block of frames finds its groups; ``None`` is the model's.

        Raises:
            UserError: In one line, for what cannot be read, written or coded so.
        """
        rate, colour, pictures = Fraction(25), "bt601", video
        if isinstance(video, str | Path):
            pictures = VideoReader(video)
            rate, colour = pictures.info.fps, pictures.info.matrix
        options = EncodeOptions(intra_period, quality, resolution, adaptive)
        tensors = map(_as_tensor, islice(pictures, frames))
        count, bits, size = 0, {}, (0, 0)
        fps = rate if fps is None else Fraction(fps).limit_denominator(1001)
        for coded in encode_video(self.export, tensors, target, fps, colour, options):
            count, size = count + 1, tuple(coded.frame.shape[-2:])
            for name, spent in coded.bits.items():
                bits[name] = bits.get(name, 0.0) + spent
        return Encoded(Path(target), count, size[1], size[0], Path(target).stat().st_size, bits)

    def decode(
        self, source: str | Path, spatial_level: int | None = None, temporal_level: int | None = None
    ) -> Iterator[np.ndarray]:
        """Decode a file frame by frame to uint8 ``(H, W, 3)`` RGB arrays.

        Args:
            source: The bitstream.
            spatial_level: How often the picture is halved, where packets have layers.
            temporal_level: How often the frame rate is halved, where frames have levels.

        Raises:
            UserError: For a level that the stream does not have.
            BitstreamError: Of another codec, damaged or truncated; after the last good frame where there is one.
        """
        return map(to_bytes, decode_video(source, self.export, spatial_level, temporal_level))

    def decode_to(
        self,
        source: str | Path,
        target: str | Path,
        spatial_level: int | None = None,
        temporal_level: int | None = None,
    ) -> int:
        """Decode a file to a video file or a folder of PNG frames, by its ending; returns the number of frames.

        Raises:
            UserError: For a level that the stream does not have, or a path that cannot be written.
            BitstreamError: See :meth:`decode`; the frames before the damage are written.
        """
        header = file_header(source)
        halved = Decoder(self.export, header, spatial_level, temporal_level).levels
        fps = header.fps / 2 ** (halved - header.structure.get("temporal_level", 0))
        frames, count = self.decode(source, spatial_level, temporal_level), 1
        first = next(frames)
        with VideoWriter(target, first.shape[:2], fps, header.colour) as writer:
            writer.write(first)
            for frame in frames:
                writer.write(frame)
                count += 1
        return count


def load(codec: str | Path | None = None, device: str = "cpu") -> Codec:
    """Load a trained codec.

    Args:
        codec: An export's path, or the name of a codec that comes with the package; ``None`` is the package's default.
        device: Where it computes; a stream decodes on the kind of device that encoded it.

    Raises:
        UserError: If there is no such codec, its file is damaged, or there is no such device.
    """
    return Codec(load_export(named(codec), device))


def _as_tensor(frame: Any) -> Tensor:
    """A frame as the codec takes it: ``(1, 3, H, W)`` in [0, 1]."""
    if isinstance(frame, np.ndarray):
        return to_tensor(frame)
    return frame[None] if isinstance(frame, torch.Tensor) and frame.dim() == 3 else frame
