"""Between YUV as files hold it and RGB as codecs see it, with the matrix always said explicitly."""

import av
import numpy as np
from av.video.reformatter import ColorRange, Interpolation

from lvc.errors import UserError

SWSCALE = {"bt601": 5, "bt709": 1, "bt2020": 9}
"""Matrix by name, as swscale numbers it."""

_NAME_OF_TAG = {1: "bt709", 4: "bt601", 5: "bt601", 6: "bt601", 7: "bt709", 9: "bt2020"}
"""Matrix by the tag in a file (ITU-T H.273); FCC and SMPTE 240M go by their nearest relatives."""

LUMA = {"bt601": (0.299, 0.114), "bt709": (0.2126, 0.0722), "bt2020": (0.2627, 0.0593)}
"""Weights of red and blue in luma (ITU-T H.273, table 4)."""

TAGS = {"bt601": 6, "bt709": 1, "bt2020": 9}
"""What files are tagged with when written: matrix, primaries and transfer share these numbers."""

# Without these swscale repeats chroma samples instead of interpolating them, and rounds down.
_EXACT = Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
_FLAGS = Interpolation.BILINEAR | _EXACT
_SCALING = Interpolation.BICUBIC | _EXACT


def check_matrix(matrix: str) -> None:
    """Raise UserError unless ``matrix`` is known."""
    if matrix not in SWSCALE:
        raise UserError(f"matrix: '{matrix}' is not one of {', '.join(SWSCALE)}")


def matrix_of(frame: av.VideoFrame, default: str) -> str:
    """The matrix that ``frame`` is tagged with, else ``default``."""
    return _NAME_OF_TAG.get(int(frame.colorspace), default)


def to_rgb(frame: av.VideoFrame, default: str, size: tuple[int, int] | None = None) -> np.ndarray:
    """A decoded frame as uint8 ``(H, W, 3)`` RGB, turned the way its file says.

    The frame's own matrix and range are used where it is tagged; otherwise ``default``, and limited range
    unless the pixel format implies full range. What is transparent is shown on black.

    Args:
        frame: The frame.
        default: Matrix of untagged frames.
        size: Width and height to scale it to before it is turned, with a bicubic filter that widens as the
            frame shrinks; ``None`` keeps its size.
    """
    alpha = any(component.is_alpha for component in frame.format.components)
    pixels = _converted(frame, "rgba" if alpha else "rgb24", default, size)
    return _turned(_on_black(pixels) if alpha else pixels, frame)


def to_luma(frame: av.VideoFrame, default: str) -> np.ndarray:
    """A decoded frame's luma as uint8 ``(H, W, 1)`` in full range, turned the way its file says.

    YUV frames keep the luma they have; of RGB frames it is computed with matrix ``default``.
    """
    if frame.format.is_rgb:
        return luma_of(to_rgb(frame, default), default)
    # not by way of a grey format: swscale computes grey from RGB, with a matrix of its own
    return _turned(_converted(frame, "yuv444p", default)[0], frame)[..., None]


def luma_of(rgb: np.ndarray, matrix: str) -> np.ndarray:
    """Luma of uint8 ``(..., 3)`` RGB as uint8 ``(..., 1)`` in full range.

    Kr R + (1 - Kr - Kb) G + Kb B, rounded (ITU-T H.273, 8.3).
    """
    kr, kb = LUMA[matrix]
    weights = np.array([kr, 1 - kr - kb, kb], np.float32)
    return np.rint(rgb @ weights).astype(np.uint8)[..., None]


def _converted(frame: av.VideoFrame, format: str, default: str, size: tuple[int, int] | None = None) -> np.ndarray:
    width, height = size or (frame.width, frame.height)
    source = None if frame.format.is_rgb else SWSCALE[matrix_of(frame, default)]
    return frame.reformat(
        width=width,
        height=height,
        format=format,
        src_colorspace=source,
        dst_colorspace=source,
        dst_color_range=ColorRange.JPEG,
        interpolation=_FLAGS if (width, height) == (frame.width, frame.height) else _SCALING,
        threads=1,
    ).to_ndarray()


def _on_black(rgba: np.ndarray) -> np.ndarray:
    return np.rint(rgba[..., :3] * (rgba[..., 3:] / np.float32(255))).astype(np.uint8)


def _turned(pixels: np.ndarray, frame: av.VideoFrame) -> np.ndarray:
    quarters = round(frame.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(pixels, quarters)) if quarters else pixels


def from_rgb(rgb: np.ndarray, pixel_format: str, matrix: str) -> av.VideoFrame:
    """A uint8 ``(H, W, 3)`` RGB frame in ``pixel_format``; YUV formats get limited range and ``matrix``."""
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")
    if av.VideoFormat(pixel_format).is_rgb:
        return frame.reformat(format=pixel_format)
    return frame.reformat(
        format=pixel_format,
        dst_colorspace=SWSCALE[matrix],
        src_color_range=ColorRange.JPEG,
        dst_color_range=ColorRange.MPEG,
        interpolation=_FLAGS,
        threads=1,
    )
