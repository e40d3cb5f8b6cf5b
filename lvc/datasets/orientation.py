"""How a video is turned and mirrored before it is shown, by its display matrix (ISO/IEC 14496-12, 6.2.2)."""

import av
import numpy as np

from lvc.errors import UserError

_SLACK = 1 / 256
"""Share by which a matrix may miss a quarter turn; phones write rounded numbers."""


def orientation(frame: av.VideoFrame) -> tuple[bool, bool, bool]:
    """Whether rows become columns, and whether columns and rows are then reversed.

    Raises:
        UserError: When the matrix turns by anything but quarters of a circle.
    """
    data = frame.side_data.get("DISPLAYMATRIX")
    if data is None:
        return False, False, False
    a, b, _, c, d = np.frombuffer(bytes(data), np.int32)[:5].astype(float)  # (p, q) is shown at (ap + cq, bp + dq)
    straight, crossed = min(abs(a), abs(d)), min(abs(b), abs(c))
    if max(abs(b), abs(c)) <= _SLACK * straight:
        return False, a < 0, d < 0
    if max(abs(a), abs(d)) <= _SLACK * crossed:
        return True, c < 0, b < 0
    if not any((a, b, c, d)):  # left empty by some muxers
        return False, False, False
    raise UserError(f"is shown turned by {frame.rotation} degrees, which is no multiple of 90; turn its frames first")


def shown_size(frame: av.VideoFrame) -> tuple[int, int]:
    """Width and height as shown."""
    return (frame.height, frame.width) if orientation(frame)[0] else (frame.width, frame.height)


def turned(pixels: np.ndarray, frame: av.VideoFrame) -> np.ndarray:
    """``(H, W, ...)`` pixels of a frame as they are shown."""
    swapped, mirrored, upside_down = orientation(frame)
    pixels = pixels.swapaxes(0, 1) if swapped else pixels
    pixels = pixels[:, ::-1] if mirrored else pixels
    return np.ascontiguousarray(pixels[::-1] if upside_down else pixels)
