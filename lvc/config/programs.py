"""Encoders that are programs on this machine."""

import re

from pydantic import Field

from lvc.config.contract import ConfigError, contract

NAMES = (
    "folder",
    "input",
    "stream",
    "output",
    "width",
    "height",
    "frames",
    "fps",
    "depth",
    "chroma",
    "period",
    "point",
)
"""What a command line may leave open in braces."""


@contract
class BinariesConfig:
    """Folders of reference software, as it is built: `bin` and `cfg` are inside."""

    hm: str | None = None
    """HM (H.265)."""
    vtm: str | None = None
    """VTM (H.266)."""
    jm: str | None = None
    """JM (H.264)."""


@contract
class ProgramConfig:
    """One encoder and its decoder, as command lines.

    `{input}` and `{output}` are raw planes, `{stream}` is the bitstream; `{width}`, `{height}`, `{frames}`, `{fps}`,
    `{depth}` (bits per sample), `{chroma}` (420, 422, 444), `{period}` (the protocol's intra period, -1 for one intra
    frame) and `{point}` are numbers.
    """

    binary: str = "program"
    """The option of `binaries` that names its folder."""
    folder: str | None = None
    """Where it lies: `{folder}` in the command lines."""
    version: str
    """What records and reports call it; name its version."""
    encode: str
    """Command line of the encoder."""
    decode: str
    """Command line of the decoder; it gives planes at `{depth}` bits."""
    quality: str = "qp"
    """Name of what a rate point sets."""
    points: tuple[float, ...] = Field(min_length=1)
    """Values of `{point}`, one rate point each."""
    pixels: str | None = None
    """Pixel format that it codes, made from RGB; null takes the source's own planes, and 4:2:0 of RGB."""

    def __post_init__(self):
        for option in ("encode", "decode"):
            unknown = [n for n in re.findall(r"\{(\w+)\}", getattr(self, option)) if n not in NAMES]
            if unknown:
                raise ConfigError(option, f"{{{unknown[0]}}} is not one of {', '.join(NAMES)}")
        for option, needed in (("encode", ("input", "stream")), ("decode", ("stream", "output"))):
            missing = [n for n in needed if f"{{{n}}}" not in getattr(self, option)]
            if missing:
                raise ConfigError(option, f"does not say where {{{missing[0]}}} goes")
