"""The quality metrics that curves are drawn over."""

from collections.abc import Callable
from math import log10
from typing import NamedTuple


class Metric(NamedTuple):
    """A metric.

    Attributes:
        title: Label of its axis.
        scale: To the scale that curves are compared on, one where differences mean the same everywhere.
        short: Name in tables.
    """

    title: str
    scale: Callable[[float], float]
    short: str


def decibels(value: float) -> float:
    """MS-SSIM on the decibel scale, -10 log10(1 - MS-SSIM)."""
    return -10 * log10(max(1 - value, 1e-10))


METRICS: dict[str, Metric] = {
    "psnr": Metric("PSNR (RGB, dB)", float, "PSNR"),
    "ms_ssim": Metric("MS-SSIM (dB)", decibels, "MS-SSIM"),
    "psnr_yuv": Metric("PSNR (YUV 6:1:1, dB)", float, "YUV-PSNR"),
    "psnr_yuv_411": Metric("PSNR (YUV 4:1:1, dB)", float, "YUV-PSNR 4:1:1"),
    "psnr_y": Metric("PSNR (Y, dB)", float, "PSNR-Y"),
    "psnr_u": Metric("PSNR (U, dB)", float, "PSNR-U"),
    "psnr_v": Metric("PSNR (V, dB)", float, "PSNR-V"),
    "ms_ssim_y": Metric("MS-SSIM (Y, dB)", decibels, "MS-SSIM-Y"),
    "vmaf": Metric("VMAF", float, "VMAF"),
    "vmaf_neg": Metric("VMAF NEG", float, "VMAF-NEG"),
    "xpsnr": Metric("XPSNR (YUV 6:1:1, dB)", float, "XPSNR"),
}
"""By name. Weights of luma and both chroma planes are 6:1:1 of eight, as JVET and DCVC report, or 4:1:1 of six."""

HEADLINE = ("psnr", "ms_ssim", "psnr_yuv", "vmaf", "xpsnr")
"""Those that stand in short tables and plots; the others are in files and in the report."""
