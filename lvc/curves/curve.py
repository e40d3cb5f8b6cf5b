"""A rate-distortion curve."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Curve:
    """Rate-distortion points in order of rate.

    Attributes:
        bpp: Bits per pixel.
        quality: On the metric's decibel scale.
        points: Names of the rate points.
    """

    bpp: tuple[float, ...]
    quality: tuple[float, ...]
    points: tuple[str, ...]

    @staticmethod
    def of(points: list[tuple[float, float, str]]) -> "Curve":
        """From (bpp, quality, name) triples in any order."""
        bpp, quality, names = zip(*sorted(points), strict=True) if points else ((), (), ())
        return Curve(bpp, quality, names)
