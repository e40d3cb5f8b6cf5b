"""Frames as the planes that their file holds: luma and two chroma planes at the file's own depth."""

from collections.abc import Iterator
from dataclasses import dataclass

import av
import numpy as np
import torch
import torch.nn.functional as F
from av.video.reformatter import ColorRange
from torch import Tensor

from lvc.datasets.colour import LUMA, SWSCALE, matrix_of, to_rgb
from lvc.datasets.frames import to_tensor
from lvc.datasets.orientation import orientation

Planes = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Luma ``(H, W)`` and chroma ``(h, w)`` twice, uint8 or (above 8 bit) uint16."""


@dataclass(frozen=True)
class PlaneFormat:
    """How planes are to be read.

    Attributes:
        pixels: FFmpeg's name: ``yuv420p``, ``yuv422p10le``, ...
        matrix: ``bt601``, ``bt709`` or ``bt2020``.
        full: Whether luma uses all code values, not only 16 to 235 (at 8 bit).
    """

    pixels: str
    matrix: str
    full: bool = False

    @property
    def depth(self) -> int:
        """Bits per sample."""
        return av.VideoFormat(self.pixels).components[0].bits

    @property
    def peak(self) -> int:
        """Largest code value, which PSNR is relative to."""
        return 2**self.depth - 1

    def sampling(self) -> tuple[int, int]:
        """Luma rows and columns per chroma row and column."""
        chroma = av.VideoFormat(self.pixels, 16, 16)
        return 16 // chroma.chroma_height(), 16 // chroma.chroma_width()

    def describe(self) -> str:
        """In words."""
        return f"{self.pixels}, {'full' if self.full else 'limited'} range"


def format_of(frame: av.VideoFrame, matrix: str) -> PlaneFormat | None:
    """The format of a decoded frame, ``None`` where it has no three YUV planes, is to be turned or is YCgCo.

    Args:
        frame: A decoded frame.
        matrix: Its matrix.
    """
    components = frame.format.components
    planar = len(components) == 3 and [c.plane for c in components] == [0, 1, 2]
    if frame.format.is_rgb or not planar or frame.format.is_big_endian:
        return None
    if any(orientation(frame)) or matrix_of(frame, matrix) not in SWSCALE:
        return None
    name = frame.format.name
    full = name.startswith("yuvj") or frame.color_range == ColorRange.JPEG
    return PlaneFormat(name.replace("yuvj", "yuv"), matrix, full)


def planes_of(frame: av.VideoFrame) -> Planes:
    """The planes of a decoded frame."""
    kind = np.uint16 if frame.format.components[0].bits > 8 else np.uint8
    return tuple(
        np.frombuffer(plane, kind).reshape(plane.height, -1)[:, : plane.width].copy() for plane in frame.planes
    )


def frame_of(planes: Planes, form: PlaneFormat) -> av.VideoFrame:
    """Planes as a frame for FFmpeg, with matrix and range said."""
    height, width = planes[0].shape
    frame = av.VideoFrame(width, height, form.pixels)
    _fill(frame, planes)
    frame.colorspace = SWSCALE[form.matrix]
    frame.color_range = ColorRange.JPEG if form.full else ColorRange.MPEG
    return frame


def _fill(frame: av.VideoFrame, planes: Planes) -> None:
    for plane, values in zip(frame.planes, planes, strict=True):
        padded = np.zeros((plane.height, plane.line_size // values.itemsize), values.dtype)
        padded[:, : plane.width] = values
        plane.update(padded)


def rgb_of(planes: Planes, like: av.VideoFrame, matrix: str) -> np.ndarray:
    """Planes as uint8 ``(H, W, 3)`` RGB, by exactly the conversion that a reader uses for the frame ``like``.

    Args:
        planes: In the format of ``like``.
        like: A decoded frame, whose range and chroma position count too. Its planes are overwritten.
        matrix: Matrix of untagged frames.
    """
    like.make_writable()
    _fill(like, planes)
    return to_rgb(like, matrix)


def planes_from(frame: Tensor, form: PlaneFormat, left: bool = True) -> Planes:
    """A reconstruction in RGB as planes, rounded once at the format's depth (ITU-T H.273, 8.3).

    Chroma is the mean of the pixels around its place: two rows, and two columns where it lies between them or three
    (weights 1, 2, 1) where it lies on the left one. This is the counterpart of bilinear enlarging.

    Args:
        frame: ``(1, 3, H, W)`` in [0, 1].
        form: The format of the source.
        left: Whether chroma lies on the left column of each pair, as MPEG-2 and later have it, or between them.
    """
    kr, kb = LUMA[form.matrix]
    red, green, blue = frame[0].detach().cpu().double().clamp(0, 1)
    luma = kr * red + (1 - kr - kb) * green + kb * blue
    chroma = torch.stack([(blue - luma) / (2 * (1 - kb)), (red - luma) / (2 * (1 - kr))])[None]
    chroma = _smaller(chroma, *form.sampling(), left)
    unit, peak = 2 ** (form.depth - 8), form.peak
    low, luma_range, chroma_range = (0, peak, peak) if form.full else (16 * unit, 219 * unit, 224 * unit)
    values = (low + luma_range * luma, *(128 * unit + chroma_range * plane for plane in chroma[0]))
    kind = np.uint16 if form.depth > 8 else np.uint8
    return tuple(value.round().clamp(0, peak).numpy().astype(kind) for value in values)


def _smaller(chroma: Tensor, rows: int, columns: int, left: bool) -> Tensor:
    chroma = F.pad(chroma, (0, -chroma.shape[-1] % columns, 0, -chroma.shape[-2] % rows), mode="replicate")
    if rows == 2:
        chroma = (chroma[..., ::2, :] + chroma[..., 1::2, :]) / 2
    if columns == 2 and left:
        before = F.pad(chroma, (1, 0, 0, 0), mode="replicate")[..., :-1:2]
        chroma = (before + 2 * chroma[..., ::2] + chroma[..., 1::2]) / 4
    elif columns == 2:
        chroma = (chroma[..., ::2] + chroma[..., 1::2]) / 2
    return chroma


def chroma_on_left(frame: av.VideoFrame, form: PlaneFormat) -> bool:
    """Where a frame's chroma lies, told by which of both ways back from RGB loses less.

    FFmpeg knows the position and uses it, but PyAV does not pass it on.
    """
    planes, rgb = planes_of(frame), to_tensor(to_rgb(frame, form.matrix))

    def error(left: bool) -> float:
        back = planes_from(rgb, form, left)
        return sum(float(np.square(p.astype(np.float64) - b).sum()) for p, b in zip(planes[1:], back[1:], strict=True))

    return error(True) <= error(False)


def at_depth(planes: Planes, depth: int, wanted: int) -> Planes:
    """Planes at another depth, rounded where it is less, as decoders write them."""
    if depth == wanted:
        return planes
    kind = np.uint16 if wanted > 8 else np.uint8
    if wanted > depth:
        return tuple(p.astype(kind) << (wanted - depth) for p in planes)
    shift, peak = depth - wanted, 2**wanted - 1
    return tuple(np.minimum((p.astype(np.uint32) + (1 << shift >> 1)) >> shift, peak).astype(kind) for p in planes)


def even(planes: Planes, sampling: tuple[int, int]) -> Planes:
    """Planes whose luma has whole chroma samples: odd sides are extended by one replicated row or column."""
    rows, columns = (-planes[0].shape[i] % sampling[i] for i in (0, 1))
    return (np.pad(planes[0], ((0, rows), (0, columns)), mode="edge"), *planes[1:]) if rows or columns else planes


def cropped(planes: Planes, height: int, width: int) -> Planes:
    """The luma of :func:`even` planes at its own size again; chroma has it already."""
    return planes[0][:height, :width], *planes[1:]


def raw_bytes(planes: Planes) -> Iterator[bytes]:
    """Planes as raw ``.yuv`` files hold them."""
    for plane in planes:
        yield np.ascontiguousarray(plane).tobytes()
