"""A dead-leaves scene: textured shapes that occlude each other, move, turn and scale, with their true flow.

Every layer moves by a similarity transform in closed form (:mod:`lvc.datasets.layers`), so flow is exact.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from lvc.config.data import SyntheticConfig
from lvc.datasets.layers import TEXELS, Layer, draw_layers, texture
from lvc.datasets.optics import Optics


@dataclass(frozen=True)
class Pair:
    """A frame, the frame it refers to, and how points move between them.

    Attributes:
        frames: uint8 ``(2, H, W, 3)`` RGB: the reference first, as in time.
        flow: float32 ``(2, H, W)`` in pixels, from the frame to its reference.
        occluded: Bool ``(H, W)``: pixels of the frame that the reference does not show.
    """

    frames: np.ndarray
    flow: np.ndarray
    occluded: np.ndarray


class Scene:
    """Scene drawn from ``rng``.

    Args:
        rng: Source of everything random; the same generator state gives the same scene.
        config: Sizes and ranges.
    """

    def __init__(self, rng: np.random.Generator, config: SyntheticConfig):
        self.height, self.width = config.height, config.width
        self.middle = complex(config.width, config.height) / 2
        self.camera, self.layers = draw_layers(rng, config)
        self.optics = Optics.draw(rng, config)

    def frame(self, t: float) -> np.ndarray:
        """Frame ``t`` as uint8 ``(H, W, 3)`` RGB."""
        pictures, owners = self._render([t])
        return self._see(pictures[0], owners[0], t)

    def pair(self, t: float, reference: float) -> Pair:
        """Frame ``t`` and frame ``reference``, with flow and occlusion; cheaper than one after the other."""
        pictures, owners = self._render([t, reference])
        frames = [self._see(p, o, s) for p, o, s in zip(pictures, owners, (t, reference), strict=True)]
        flow = self._flow(owners[0], t, reference)
        return Pair(np.stack(frames[::-1]), flow.numpy(), _occluded(flow, *owners).numpy())

    def flow(self, t: float, reference: float) -> np.ndarray:
        """Flow from every pixel of frame ``t`` to where its point is in frame ``reference``.

        Returns:
            float32 ``(2, H, W)`` in pixels, channel 0 horizontal.
        """
        return self._flow(self._render([t], paint=False)[1][0], t, reference).numpy()

    def occlusion(self, t: float, reference: float) -> np.ndarray:
        """Bool ``(H, W)``: pixels of frame ``t`` whose point is hidden or outside in frame ``reference``."""
        owners = self._render([t, reference], paint=False)[1]
        return _occluded(self._flow(owners[0], t, reference), *owners).numpy()

    def poses(self, t: float) -> list[tuple[complex, complex]]:
        """``(turn, shift)`` of every layer: its local point u = x + iy is seen at ``shift + turn * u`` in frame t."""
        turn, shift = self.camera(t)
        own = ((layer.depth, *layer.motion(t)) for layer in self.layers)
        return [(turn * own_turn, self.middle + turn * own_shift + depth * shift) for depth, own_turn, own_shift in own]

    def _see(self, picture: Tensor, owner: Tensor, t: float) -> np.ndarray:
        velocity = self._flow(owner, t - 0.5, t + 0.5) if self.optics.shutter else None
        seen = self.optics.see(picture, t, velocity)
        return (seen.clamp_(0, 1) * 255).round_().byte().permute(1, 2, 0).contiguous().numpy()

    def _flow(self, owner: Tensor, t: float, reference: float) -> Tensor:
        """Displacement ``(2, H, W)`` of every pixel with the layer that owns it."""
        factors, shifts = [], []
        for (turn, shift), (turn_ref, shift_ref) in zip(self.poses(t), self.poses(reference), strict=True):
            factors.append(turn_ref / turn - 1)
            shifts.append(shift_ref - shift - factors[-1] * shift)
        flow = torch.tensor(factors)[owner] * _points(self.height, self.width) + torch.tensor(shifts)[owner]
        return torch.view_as_real(flow).permute(2, 0, 1).float()

    def _render(self, times: list[float], paint: bool = True) -> tuple[Tensor, Tensor]:
        """Pictures ``(times, 3, H, W)``, sharp and unclamped, and the number of the layer each pixel shows."""
        pictures = torch.zeros(len(times), 3, self.height, self.width)
        owners = torch.zeros(len(times), self.height, self.width, dtype=torch.int64)
        points = _points(self.height, self.width)
        for number, (layer, *poses) in enumerate(zip(self.layers, *map(self.poses, times), strict=True)):
            box = self._box(layer, poses)
            if box is None:
                continue
            turns, shifts = (torch.tensor(values)[:, None, None] for values in zip(*poses, strict=True))
            local = torch.view_as_real((points[box] - shifts) / turns)
            cover = None if layer.axes is None else _opacity(layer, local, turns.abs())
            if paint:
                area, colour = pictures[:, :, *box], _paint(layer, local)
                area.copy_(colour) if cover is None else area.lerp_(colour, cover[:, None])
            if cover is not None:
                owners[:, *box].masked_fill_(cover >= 0.5, number)
        return pictures, owners

    def _box(self, layer: Layer, poses: list[tuple[complex, complex]]) -> tuple[slice, slice] | None:
        """Rows and columns that a layer touches in any of its poses."""
        if layer.axes is None:
            return slice(0, self.height), slice(0, self.width)
        left, top, right, bottom = self.width, self.height, 0, 0
        for turn, shift in poses:
            # the turned rectangle around the shape with its fading edge
            swell = (1 + layer.lobes[1]) * (1 + layer.softness / (2 * min(layer.axes) * abs(turn)))
            a, b = (axis * swell for axis in layer.axes)
            wide = abs(turn.real) * a + abs(turn.imag) * b
            high = abs(turn.imag) * a + abs(turn.real) * b
            left, right = min(left, shift.real - wide), max(right, shift.real + wide)
            top, bottom = min(top, shift.imag - high), max(bottom, shift.imag + high)
        rows = slice(max(0, int(top)), min(self.height, int(bottom) + 2))
        columns = slice(max(0, int(left)), min(self.width, int(right) + 2))
        return (rows, columns) if rows.start < rows.stop and columns.start < columns.stop else None


@lru_cache(maxsize=8)
def _points(height: int, width: int) -> Tensor:
    """Every pixel's place as a complex number, ``(H, W)``."""
    x, y = torch.arange(width, dtype=torch.float32), torch.arange(height, dtype=torch.float32)
    return torch.complex(*(p.contiguous() for p in torch.meshgrid(x, y, indexing="xy")))


def _opacity(layer: Layer, local: Tensor, zoom: Tensor) -> Tensor:
    """A superellipse with lobes, ``(poses, h, w)`` in [0, 1]; its edge fades over ``softness`` pixels."""
    (a, b), (count, depth, phase) = layer.axes, layer.lobes
    radius = (local / torch.tensor(layer.axes)).abs_()
    for _ in range(layer.roundness):
        radius = radius.square_()
    radius = radius.sum(-1)
    for _ in range(layer.roundness):
        radius = radius.sqrt_()
    if depth:
        radius = radius / (1 + depth * torch.cos(count * torch.atan2(local[..., 1], local[..., 0]) + phase))
    sharpness = zoom * (min(a, b) / layer.softness)
    return radius.mul_(-sharpness).add_(0.5 + sharpness).clamp_(0, 1)


def _paint(layer: Layer, local: Tensor) -> Tensor:
    """Colour ``(poses, 3, h, w)`` of a layer at local coordinates ``(poses, h, w, 2)``, interpolated bilinearly."""
    poses, height, width = local.shape[:3]
    texel = (local * layer.texture_zoom).add_(layer.texture_offset).remainder_(TEXELS).mul_(2 / TEXELS).sub_(1)
    planes = F.grid_sample(texture(layer.texture), texel.view(1, -1, width, 2), align_corners=True)[0]
    colour = torch.addmm(layer.base, layer.mix, planes.flatten(1))
    return colour.view(3, poses, height, width).transpose(0, 1)


def _occluded(flow: Tensor, owner: Tensor, owner_ref: Tensor) -> Tensor:
    """Pixels whose point another layer hides in the reference, or that are outside of it there."""
    height, width = owner.shape
    x = (torch.arange(width) + flow[0]).round_().long()
    y = (torch.arange(height)[:, None] + flow[1]).round_().long()
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    return ~(inside & (owner_ref[y.clamp_(0, height - 1), x.clamp_(0, width - 1)] == owner))
