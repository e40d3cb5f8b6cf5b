"""lvc: configuration-driven training, coding and measurement of learned video codecs.

From Python::

    import lvc

    codec = lvc.load()                                  # or an export: lvc.load("runs/mine/codec.safetensors")
    coded = codec.encode("video.mp4", "video.lvc", quality=40)
    print(coded.bpp)
    for frame in codec.decode("video.lvc"):             # uint8 (H, W, 3)
        ...
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from lvc.api import Codec

__version__ = "0.1.0"

__all__ = ["load"]


def load(codec: "str | Path | None" = None, device: str = "cpu") -> "Codec":
    """Load a trained codec; see :func:`lvc.api.load`. What it needs is imported then."""
    from lvc.api import load

    return load(codec, device)
