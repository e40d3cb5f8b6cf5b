"""Between YUV as files hold it and RGB as codecs see it, with the matrix always said explicitly."""

import av
import numpy as np
from av.video.reformatter import ColorRange, Interpolation

from lvc.datasets.orientation import turned
from lvc.errors import UserError

SWSCALE = {"bt601": 5, "bt709": 1, "bt2020": 9}
"""Matrix by name, as swscale numbers it."""

_NAME_OF_TAG = {1: "bt709", 4: "bt601", 5: "bt601", 6: "bt601", 7: "bt709", 9: "bt2020", 8: "ycgco"}
"""Matrix by the tag in a file (ITU-T H.273); FCC and SMPTE 240M go by their nearest relatives."""

_UNTAGGED = (0, 2)
"""Tags of RGB and of files that do not say."""

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


def tagged_matrix(frame: av.VideoFrame) -> str | None:
    """The matrix that ``frame`` is tagged with, ``None`` when it is not.

    Raises:
        UserError: When that matrix cannot be converted from.
    """
    tag = int(frame.colorspace)
    if tag in _UNTAGGED or frame.format.is_rgb or _is_grey(frame):
        return None
    if tag not in _NAME_OF_TAG:
        known = "BT.601, BT.709, BT.2020 and YCgCo"
        raise UserError(f"is tagged with YUV matrix {tag} (ITU-T H.273), and {known} can be read; convert or retag it")
    return _NAME_OF_TAG[tag]


def matrix_of(frame: av.VideoFrame, default: str) -> str:
    """The matrix that ``frame`` is tagged with, else ``default``; see :func:`tagged_matrix`."""
    return tagged_matrix(frame) or default


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
    if _is_grey(frame):
        return np.repeat(turned(_grey(frame, size), frame)[..., None], 3, 2)
    alpha = any(component.is_alpha for component in frame.format.components)
    if matrix_of(frame, default) == "ycgco":
        return turned(_from_ycgco(frame, size), frame)
    pixels = _converted(frame, "rgba" if alpha else "rgb24", default, size)
    return turned(_on_black(pixels) if alpha else pixels, frame)


def to_luma(frame: av.VideoFrame, default: str) -> np.ndarray:
    """A decoded frame's luma as uint8 ``(H, W, 1)`` in full range, turned the way its file says.

    YUV frames keep the luma they have; of RGB frames it is computed with matrix ``default``.
    """
    if frame.format.is_rgb:
        return luma_of(to_rgb(frame, default), default)
    if _is_grey(frame):
        return turned(_grey(frame), frame)[..., None]
    # not by way of a grey format: swscale computes grey from RGB, with a matrix of its own
    return turned(_converted(frame, "yuv444p", default)[0], frame)[..., None]


def luma_of(rgb: np.ndarray, matrix: str) -> np.ndarray:
    """Luma of uint8 ``(..., 3)`` RGB as uint8 ``(..., 1)`` in full range.

    Kr R + (1 - Kr - Kb) G + Kb B, rounded (ITU-T H.273, 8.3).
    """
    kr, kb = LUMA[matrix]
    weights = np.array([kr, 1 - kr - kb, kb], np.float32)
    return np.rint(rgb @ weights).astype(np.uint8)[..., None]


def _converted(frame: av.VideoFrame, format: str, default: str, size: tuple[int, int] | None = None) -> np.ndarray:
    width, height = size or (frame.width, frame.height)
    # from YCgCo only sampling and range are converted, which are the same for every matrix
    source = None if frame.format.is_rgb else SWSCALE.get(matrix_of(frame, default), SWSCALE["bt601"])
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


def _is_grey(frame: av.VideoFrame) -> bool:
    return frame.format.name.startswith("gray")


def _grey(frame: av.VideoFrame, size: tuple[int, int] | None = None) -> np.ndarray:
    """Luma ``(H, W)`` in full range. swscale takes monochrome for full range, whatever it is tagged with."""
    width, height = size or (frame.width, frame.height)
    grey = frame.reformat(width, height, "gray16le", interpolation=_SCALING, threads=1).to_ndarray() / np.float32(257)
    full = frame.color_range == ColorRange.JPEG
    return np.rint(grey if full else (grey - 16) * np.float32(255 / 219)).clip(0, 255).astype(np.uint8)


def _from_ycgco(frame: av.VideoFrame, size: tuple[int, int] | None) -> np.ndarray:
    """RGB of YCgCo (ITU-T H.273, equations 60 to 63), which swscale does not know."""
    y, cg, co = _converted(frame, "yuv444p", "ycgco", size).astype(np.float32) - np.float32([[[0]], [[128]], [[128]]])
    return np.rint(np.stack([y - cg + co, y + cg, y - cg - co], -1)).clip(0, 255).astype(np.uint8)


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
