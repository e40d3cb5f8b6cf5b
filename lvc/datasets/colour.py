"""Between YUV as files hold it and RGB as codecs see it, with the matrix always said explicitly."""

import av
import numpy as np
from av.video.reformatter import ColorRange, Interpolation

from lvc.errors import UserError

SWSCALE = {"bt601": 5, "bt709": 1, "bt2020": 9}
"""Matrix by name, as swscale numbers it."""

_NAME_OF_TAG = {1: "bt709", 4: "bt601", 5: "bt601", 6: "bt601", 7: "bt709", 9: "bt2020"}
"""Matrix by the tag in a file (ITU-T H.273); FCC and SMPTE 240M go by their nearest relatives."""

TAGS = {"bt601": 6, "bt709": 1, "bt2020": 9}
"""What files are tagged with when written: matrix, primaries and transfer share these numbers."""

# Without these swscale repeats chroma samples instead of interpolating them, and rounds down.
_FLAGS = Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT


def check_matrix(matrix: str) -> None:
    """Raise UserError unless ``matrix`` is known."""
    if matrix not in SWSCALE:
        raise UserError(f"matrix: '{matrix}' is not one of {', '.join(SWSCALE)}")


def matrix_of(frame: av.VideoFrame, default: str) -> str:
    """The matrix that ``frame`` is tagged with, else ``default``."""
    return _NAME_OF_TAG.get(int(frame.colorspace), default)


def to_rgb(frame: av.VideoFrame, default: str) -> np.ndarray:
    """A decoded frame as uint8 ``(H, W, 3)`` RGB, turned the way its file says.

    The frame's own matrix and range are used where it is tagged; otherwise ``default``, and limited range
    unless the pixel format implies full range.
    """
    source = None if frame.format.is_rgb else SWSCALE[matrix_of(frame, default)]
    rgb = frame.reformat(
        format="rgb24",
        src_colorspace=source,
        dst_color_range=ColorRange.JPEG,
        interpolation=_FLAGS,
        threads=1,
    ).to_ndarray()
    quarters = round(frame.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(rgb, quarters)) if quarters else rgb


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
