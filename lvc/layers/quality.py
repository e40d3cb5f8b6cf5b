"""Quality of decoded frames as tensors: what losses, validation and evaluation measure by."""

from pkgutil import resolve_name

from torch import Tensor

from lvc.config.metrics import METRICS


def mse(frames: Tensor, target: Tensor) -> Tensor:
    """Mean squared error of ``(B, T, 3, H, W)`` frames: ``(B, T)``."""
    return (frames.float() - target.float()).square().mean((2, 3, 4))


def psnr(frames: Tensor, target: Tensor) -> Tensor:
    """PSNR in dB of ``(B, T, 3, H, W)`` RGB frames clamped to [0, 1]: ``(B, T)``."""
    return -10 * mse(frames.clamp(0, 1), target).clamp(min=1e-10).log10()


def ms_ssim(frames: Tensor, target: Tensor) -> Tensor:
    """MS-SSIM of ``(B, T, C, H, W)`` frames: ``(B, T)``. Sides are at least the metric's ``smallest_side``."""
    from pytorch_msssim import ms_ssim

    flat = ms_ssim(frames.float().flatten(0, 1), target.float().flatten(0, 1), data_range=1.0, size_average=False)
    return flat.view(frames.shape[:2])


def measured(metric: str, frames: Tensor, target: Tensor) -> Tensor:
    """A metric of ``(B, T, C, H, W)`` frames: ``(B, T)``."""
    return resolve_name(METRICS[metric].function)(frames, target)


def distortion(metric: str, frames: Tensor, target: Tensor) -> Tensor:
    """What lambda weighs: MSE in [0, 1] RGB, 1 - MS-SSIM, or what another metric's record says, ``(B, T)``."""
    return METRICS[metric].loss(measured(metric, frames, target))
