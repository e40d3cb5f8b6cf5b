"""What measuring any codec has in common: decoded frames against the source, and a crop to look at."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import repeat, zip_longest
from pathlib import Path

import numpy as np
from PIL import Image
from torch import Tensor

from lvc.datasets.frames import to_bytes
from lvc.datasets.planes import Planes, planes_from, planes_of
from lvc.datasets.sequences import Source
from lvc.errors import UserError
from lvc.evaluation.frames import FrameFacts
from lvc.evaluation.metrics import QualityMeter
from lvc.evaluation.motion import MotionPicture
from lvc.evaluation.perceptual import PERCEPTUAL, PerceptualMeter

CROP = (192, 320)
"""Rows and columns of the part of a frame that the report shows."""


@dataclass(frozen=True)
class Crop:
    """The same part of an original and a decoded frame, ``(h, w, 3)`` uint8."""

    original: np.ndarray
    decoded: np.ndarray

    def save(self, stem: Path) -> dict[str, str]:
        """Write both as PNG files that begin with ``stem``; returns their names as records hold them."""
        names = {"crop": f"{stem.name}.png", "crop_original": f"{stem.name}-original.png"}
        Image.fromarray(self.decoded).save(stem.parent / names["crop"])
        Image.fromarray(self.original).save(stem.parent / names["crop_original"])
        return names


@dataclass(frozen=True)
class Measurement:
    """What coding and decoding a sequence gave; fields as in :class:`lvc.evaluation.records.Record`.

    Attributes:
        frames: By display index.
        motion: Of one frame, where its codec tells its motion.
    """

    bytes: int
    file_bytes: int
    stream_bits: dict[str, float]
    seconds: dict[str, float]
    quality: QualityMeter
    crop: Crop
    frames: dict[int, FrameFacts] = field(default_factory=dict)
    motion: MotionPicture | None = None
    error: str | None = None


Decoded = tuple[Tensor, Planes | None]
"""A decoded frame: ``(1, 3, H, W)`` RGB, and planes in the source's format where there are any."""


def with_planes(source: Source, decoded: Iterable[Tensor]) -> Iterator[Decoded]:
    """RGB reconstructions with the planes that they stand for, where the source has planes."""
    for frame in decoded:
        yield frame, planes_from(frame, source.form, source.sequence.left) if source.form else None


def compare_frames(
    source: Source, decoded: Iterator[Decoded], metrics: tuple[str, ...], what: str
) -> tuple[QualityMeter, Crop]:
    """Measure decoded frames against the source, holding one pair at a time.

    Raises:
        UserError: When there are more or fewer decoded frames than coded ones.
    """
    meter, crop = QualityMeter(metrics), None
    asked = [name for name in metrics if name in PERCEPTUAL]
    originals = source.decoded() if source.form else repeat(None, source.count)
    with PerceptualMeter(asked, source) as perceptual:
        for index, (original, own, coded) in enumerate(zip_longest(source.frames(), originals, decoded)):
            if original is None or coded is None:
                raise UserError(f"{what}: {source.count} frames of {source.name} were coded, {index} came back")
            frame, planes = coded
            meter.add(original, frame)
            if own is not None and planes is not None:
                mine = planes_of(own)
                meter.add_planes(mine, planes, source.form.peak)
                perceptual.add(mine, planes)
            else:
                perceptual.add_rgb(original, frame)
            if index == source.count // 2:
                rows, columns = busiest(original, *CROP)
                crop = Crop(original[rows, columns], to_bytes(frame)[rows, columns])
        perceptual.measure(meter)
    return meter, crop


def busiest(frame: np.ndarray, rows: int, columns: int) -> tuple[slice, slice]:
    """Rows and columns of the part of ``(H, W, 3)`` with the most detail (mean gradient of luma)."""
    luma = frame.astype(np.float32).mean(-1)
    detail = np.abs(np.diff(luma, axis=0, append=luma[-1:])) + np.abs(np.diff(luma, axis=1, append=luma[:, -1:]))
    height, width = luma.shape
    high, wide, step = min(rows, height), min(columns, width), 16
    total = np.pad(detail.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    tops, lefts = np.arange(0, height - high + 1, step), np.arange(0, width - wide + 1, step)
    top, left = tops[:, None], lefts[None]
    sums = total[top + high, left + wide] - total[top, left + wide] - total[top + high, left] + total[top, left]
    row, column = np.unravel_index(sums.argmax(), sums.shape)
    return slice(tops[row], tops[row] + high), slice(lefts[column], lefts[column] + wide)
