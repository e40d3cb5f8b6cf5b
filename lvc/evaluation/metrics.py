"""Quality of decoded frames, in RGB and by plane, and bits per pixel."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from pytorch_msssim import ms_ssim as _ms_ssim
from torch import Tensor

from lvc.config.metrics import METRICS, OWN
from lvc.datasets.frames import to_tensor
from lvc.datasets.planes import Planes
from lvc.layers.quality import measured

PSNR_LIMIT = 100.0
"""What a frame without any error counts as, in dB."""


def psnr(reference: Tensor, decoded: Tensor) -> float:
    """PSNR in dB over all channels and pixels of two frames in [0, 1], at most :data:`PSNR_LIMIT`."""
    mse = float((reference.double() - decoded.double()).square().mean())
    return min(PSNR_LIMIT, -10 * np.log10(mse)) if mse > 0 else PSNR_LIMIT


def ms_ssim(reference: Tensor, decoded: Tensor) -> float | None:
    """MS-SSIM of two ``(1, C, H, W)`` frames in [0, 1]; ``None`` for frames too small for it."""
    if min(reference.shape[-2:]) < METRICS["ms_ssim"].smallest_side:
        return None
    return float(_ms_ssim(reference.float(), decoded.float(), data_range=1.0))


def bits_per_pixel(size: int, width: int, height: int, frames: int) -> float:
    """Bits per pixel of ``size`` bytes for ``frames`` frames of the video's own (unpadded) size."""
    return size * 8 / (width * height * frames)


def plane_psnr(error: float, peak: int) -> float:
    """PSNR in dB of a plane with this mean squared error, at most :data:`PSNR_LIMIT`."""
    return min(PSNR_LIMIT, 10 * np.log10(peak**2 / error)) if error > 0 else PSNR_LIMIT


def weighted(values: Mapping[str, float], name: str) -> dict[str, float]:
    """Both usual means of planes' decibels: ``name_yuv`` (6:1:1) and ``name_yuv_411`` (4:1:1)."""
    y, u, v = (values[f"{name}_{plane}"] for plane in "yuv")
    return {f"{name}_yuv": (6 * y + u + v) / 8, f"{name}_yuv_411": (4 * y + u + v) / 6}


class QualityMeter:
    """Quality per frame, and its mean over frames.

    The mean is of the frames' decibels, as the field reports it; that of their pooled error is there as ``pooled``.

    Args:
        metrics: ``psnr``, ``ms_ssim`` where wanted, and those of other packages.
    """

    def __init__(self, metrics: tuple[str, ...] = ("psnr", "ms_ssim")):
        self.psnr: list[float] = []
        self.psnr_8bit: list[float] = []
        self.ms_ssim: list[float] = []
        self.ms_ssim_missing = None if "ms_ssim" in metrics else "not asked for"
        self.more: dict[str, list[float]] = {}
        self._others = [name for name in metrics if name not in OWN]
        self._errors: dict[str, list[float]] = {}
        self._peaks = {"rgb": 1}

    @torch.inference_mode()
    def add(self, original: np.ndarray, decoded: Tensor) -> None:
        """Measure one frame: ``(H, W, 3)`` uint8 and its ``(1, 3, H, W)`` reconstruction, not rounded."""
        reference, decoded = to_tensor(original), decoded.detach().cpu().float().clamp(0, 1)
        self._errors.setdefault("rgb", []).append(float((reference.double() - decoded.double()).square().mean()))
        self.psnr.append(plane_psnr(self._errors["rgb"][-1], 1))
        self.psnr_8bit.append(psnr(reference, (decoded * 255).round() / 255))
        if self.ms_ssim_missing is None:
            value = ms_ssim(reference, decoded)
            if value is None:
                self.ms_ssim_missing = f"frames have a side of {METRICS['ms_ssim'].smallest_side - 1} pixels or fewer"
            else:
                self.ms_ssim.append(value)
        fit = [name for name in self._others if min(reference.shape[-2:]) >= METRICS[name].smallest_side]
        self.note({name: float(measured(name, decoded[None], reference[None])) for name in fit})

    @torch.inference_mode()
    def add_planes(self, original: Planes, decoded: Planes, peak: int) -> None:
        """Measure a frame's planes at the source's depth, whose largest code value is ``peak``."""
        values = {}
        for name, plane, other in zip("yuv", original, decoded, strict=True):
            error = float(np.square(plane.astype(np.float32) - other.astype(np.float32)).mean(dtype=np.float64))
            self._errors.setdefault(name, []).append(error)
            self._peaks[name] = peak
            values[f"psnr_{name}"] = plane_psnr(error, peak)
        values |= weighted(values, "psnr")
        if self.ms_ssim_missing is None:
            luma = (torch.from_numpy(p[0].astype(np.float32))[None, None] / peak for p in (original, decoded))
            values["ms_ssim_y"] = ms_ssim(*luma)
        self.note(values)

    def note(self, values: Mapping[str, float]) -> None:
        """Add one frame's values of further metrics."""
        for name, value in values.items():
            self.more.setdefault(name, []).append(value)

    def summary(self) -> dict[str, Any]:
        """Means and per-frame lists, as records hold them."""
        return {
            "psnr": float(np.mean(self.psnr)),
            "psnr_8bit": float(np.mean(self.psnr_8bit)),
            "ms_ssim": float(np.mean(self.ms_ssim)) if self.ms_ssim else None,
            "ms_ssim_missing": self.ms_ssim_missing,
            "metrics": {name: float(np.mean(values)) for name, values in self.more.items()},
            "pooled": self._pooled(),
            "per_frame": {"psnr": self.psnr, "psnr_8bit": self.psnr_8bit, "ms_ssim": self.ms_ssim, **self.more},
        }

    def _pooled(self) -> dict[str, float]:
        """PSNR of the mean error over all frames."""
        pooled = {name: plane_psnr(float(np.mean(e)), self._peaks[name]) for name, e in self._errors.items()}
        values = {"psnr" if name == "rgb" else f"psnr_{name}": value for name, value in pooled.items()}
        return values | weighted(values, "psnr") if "psnr_y" in values else values
