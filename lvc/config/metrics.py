"""The quality metrics: each is one record, which losses, checks, validation, loggers, evaluation and BD-rates read."""

from collections.abc import Callable
from dataclasses import dataclass
from math import log10
from typing import Any

from lvc.config.outside import brought


@dataclass(frozen=True)
class Metric:
    """A metric.

    Attributes:
        title: Label of its axis, with its unit.
        scale: To the scale that curves are compared on: higher is better, and differences mean the same everywhere.
        short: Name in tables.
        function: ``module:function`` of frames and targets ``(B, T, C, H, W)`` in [0, 1] that gives ``(B, T)``; empty
            where an evaluation measures it in another way.
        loss: Turns its values into what a loss makes small; ``None`` where it cannot be trained for.
        higher_is_better: Which way is up.
        smallest_side: Shortest side of the frames that it takes.
    """

    title: str
    scale: Callable[[float], float]
    short: str
    function: str = ""
    loss: Callable[[Any], Any] | None = None
    higher_is_better: bool = True
    smallest_side: int = 1


def decibels(value: float) -> float:
    """MS-SSIM on the decibel scale, -10 log10(1 - MS-SSIM)."""
    return -10 * log10(max(1 - value, 1e-10))


METRICS: dict[str, Metric] = {
    "psnr": Metric("PSNR (RGB, dB)", float, "PSNR", "lvc.layers.quality:psnr"),
    "ms_ssim": Metric(
        "MS-SSIM (dB)", decibels, "MS-SSIM", "lvc.layers.quality:ms_ssim", lambda v: 1 - v, smallest_side=161
    ),
    "mse": Metric("MSE (RGB)", lambda v: -10 * log10(v), "MSE", "lvc.layers.quality:mse", lambda v: v, False),
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
"""By name. Weights of luma and both chroma planes are 6:1:1 of eight, as JVET and DCVC report, or 4:1:1 of six.
MS-SSIM halves the frame four times under a window of 11 pixels, so shorter sides are at least 161."""

METRICS |= brought("metrics", Metric, METRICS)

LOSSES = tuple(name for name, metric in METRICS.items() if metric.loss is not None)
"""Those that a model can be trained for."""

OWN = ("psnr", "ms_ssim", "vmaf", "xpsnr")
"""Those that a protocol may ask for, which an evaluation measures in its own way."""

ASKED = (*OWN, *(name for name, metric in METRICS.items() if metric.function and name not in (*OWN, "mse")))
"""All that a protocol may ask for."""

HEADLINE = ("psnr", "ms_ssim", "psnr_yuv", "vmaf", "xpsnr")
"""Those that stand in short tables and plots; the others are in files and in the report."""
