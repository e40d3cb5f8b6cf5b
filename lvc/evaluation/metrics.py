"""Quality of decoded frames in RGB, and bits per pixel."""

from typing import Any

import numpy as np
import torch
from pytorch_msssim import ms_ssim as _ms_ssim
from torch import Tensor

from lvc.datasets.frames import to_tensor

PSNR_LIMIT = 100.0
"""What a frame without any error counts as, in dB."""

MS_SSIM_SHORTEST = 160
"""MS-SSIM halves the frame four times under an 11-pixel window: shorter sides must be longer than this."""


def psnr(reference: Tensor, decoded: Tensor) -> float:
    """PSNR in dB over all channels and pixels of two frames in [0, 1], at most :data:`PSNR_LIMIT`."""
    mse = float((reference.double() - decoded.double()).square().mean())
    return min(PSNR_LIMIT, -10 * np.log10(mse)) if mse > 0 else PSNR_LIMIT


def ms_ssim(reference: Tensor, decoded: Tensor) -> float | None:
    """MS-SSIM of two ``(1, 3, H, W)`` frames in [0, 1]; ``None`` for frames too small for it."""
    if min(reference.shape[-2:]) <= MS_SSIM_SHORTEST:
        return None
    return float(_ms_ssim(reference.float(), decoded.float(), data_range=1.0))


def ms_ssim_db(value: float) -> float:
    """MS-SSIM on the decibel scale, -10 log10(1 - MS-SSIM), on which curves are compared."""
    return float(-10 * np.log10(max(1 - value, 1e-10)))


def bits_per_pixel(size: int, width: int, height: int, frames: int) -> float:
    """Bits per pixel of ``size`` bytes for ``frames`` frames of the video's own (unpadded) size."""
    return size * 8 / (width * height * frames)


class QualityMeter:
    """Quality per frame, and its mean over frames.

    The mean is of the frames' decibels, not of their pooled error, as the field reports it.

    Args:
        metrics: ``psnr``, and ``ms_ssim`` where wanted.
    """

    def __init__(self, metrics: tuple[str, ...] = ("psnr", "ms_ssim")):
        self.psnr: list[float] = []
        self.psnr_8bit: list[float] = []
        self.ms_ssim: list[float] = []
        self.ms_ssim_missing = None if "ms_ssim" in metrics else "not asked for"

    @torch.inference_mode()
    def add(self, original: np.ndarray, decoded: Tensor) -> None:
        """Measure one frame: ``(H, W, 3)`` uint8 and its ``(1, 3, H, W)`` reconstruction, not rounded."""
        reference, decoded = to_tensor(original), decoded.detach().cpu().float().clamp(0, 1)
        self.psnr.append(psnr(reference, decoded))
        self.psnr_8bit.append(psnr(reference, (decoded * 255).round() / 255))
        if self.ms_ssim_missing is None:
            value = ms_ssim(reference, decoded)
            if value is None:
                self.ms_ssim_missing = f"frames have a side of {MS_SSIM_SHORTEST} pixels or fewer"
            else:
                self.ms_ssim.append(value)

    def summary(self) -> dict[str, Any]:
        """Means and per-frame lists, as records hold them."""
        return {
            "psnr": float(np.mean(self.psnr)),
            "psnr_8bit": float(np.mean(self.psnr_8bit)),
            "ms_ssim": float(np.mean(self.ms_ssim)) if self.ms_ssim else None,
            "ms_ssim_missing": self.ms_ssim_missing,
            "per_frame": {"psnr": self.psnr, "psnr_8bit": self.psnr_8bit, "ms_ssim": self.ms_ssim},
        }
