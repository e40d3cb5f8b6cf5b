"""What a camera adds to a scene: motion blur, defocus, changing light, noise. Nothing of it moves a point."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from lvc.config.data import SyntheticConfig
from lvc.datasets.layers import Wave

TAPS = 5
"""Pictures along the path of every point that make its blur."""


@dataclass(frozen=True)
class Optics:
    """The camera of one scene; about half of the scenes go without each effect.

    Attributes:
        shutter: Part of a frame's time for which the shutter is open.
        blur: Standard deviation of the defocus in pixels, over time.
        gain: Exposure over time.
        slant: Change of exposure from the middle to the picture's right and lower edge, over time.
        noise: Standard deviation of the noise in [0, 1]; half of it grows with brightness.
        seed: Seed of the noise.
    """

    shutter: float
    blur: Wave
    gain: Wave
    slant: tuple[Wave, Wave]
    noise: float
    seed: int

    @staticmethod
    def draw(rng: np.random.Generator, config: SyntheticConfig) -> "Optics":
        """The camera of a scene."""
        shutter, blur, light, noise = rng.random(4) * (rng.random(4) < 0.5)
        light *= config.lighting
        return Optics(
            shutter=shutter * config.motion_blur,
            blur=Wave(0.75 * blur * config.blur, 0.25 * blur * config.blur, rng.uniform(4, 24), rng.uniform(0, 6)),
            gain=Wave.draw(rng, 1.0, light, 0.3),
            slant=(Wave.draw(rng, 0.0, light / 2, 0.15), Wave.draw(rng, 0.0, light / 2, 0.15)),
            noise=noise * config.noise / 255,
            seed=int(rng.integers(2**31)),
        )

    def see(self, picture: Tensor, t: float, velocity: Tensor | None) -> Tensor:
        """What the camera makes of ``(3, H, W)`` in [0, 1] at time ``t``.

        Args:
            picture: The scene, sharp.
            t: Time in frames.
            velocity: ``(2, H, W)`` pixels per frame; only needed for an open shutter.
        """
        if self.shutter and velocity is not None:
            picture = _along(picture, velocity * self.shutter)
        if (sigma := self.blur(t)) > 0.2:
            picture = _gaussian(picture, sigma)
        if self.gain.amplitude:
            y, x = (torch.linspace(-1, 1, side) for side in picture.shape[1:])
            picture = picture * (self.gain(t) + self.slant[0](t) * x + self.slant[1](t) * y[:, None])
        if self.noise:
            generator = torch.Generator().manual_seed(self.seed + round(1000 * t))
            level = self.noise * (0.5 + picture.clamp(0, 1).sqrt())
            picture = picture + torch.randn(picture.shape, generator=generator) * level
        return picture


def _along(picture: Tensor, path: Tensor) -> Tensor:
    """The mean of ``picture`` along ``path`` ``(2, H, W)`` in pixels, centred on every point."""
    height, width = picture.shape[1:]
    y, x = torch.meshgrid(torch.linspace(-1, 1, height), torch.linspace(-1, 1, width), indexing="ij")
    step = torch.tensor([2 / (width - 1), 2 / (height - 1)])
    path, grid = path.permute(1, 2, 0) * step, torch.stack([x, y], -1)
    grids = torch.cat([grid + path * part for part in np.linspace(-0.5, 0.5, TAPS)])[None]
    found = F.grid_sample(picture[None], grids.float(), padding_mode="border", align_corners=True)
    return found.view(3, TAPS, height, width).mean(1)


def _gaussian(picture: Tensor, sigma: float) -> Tensor:
    reach = max(1, round(2.5 * sigma))
    kernel = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / sigma) ** 2)
    kernel = (kernel / kernel.sum()).expand(3, 1, 1, -1)
    padded = F.pad(picture[None], (reach,) * 4, mode="replicate")
    return F.conv2d(F.conv2d(padded, kernel, groups=3), kernel.transpose(2, 3), groups=3)[0]
