"""A dead-leaves scene: textured shapes that occlude each other, move, turn and scale, with their true flow.

Sizes follow a power law and textures a 1/f spectrum, which together give the statistics of natural pictures
(Ruderman 1997; Lee, Mumford and Huang 2001). Every layer moves by a similarity transform in closed form, so
flow is exact.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

TEXELS = 256
"""Side of a texture, which repeats."""


@dataclass(frozen=True)
class Wave:
    """A quantity that swings slowly: scenes go on for ever without leaving the picture or growing away."""

    value: float
    amplitude: float = 0.0
    period: float = 1.0
    phase: float = 0.0

    def __call__(self, t: float) -> float:
        """The quantity at time ``t`` in frames."""
        return self.value + self.amplitude * float(np.sin(2 * np.pi * t / self.period + self.phase))

    @staticmethod
    def draw(rng: np.random.Generator, value: float, speed: float, largest: float = np.inf) -> "Wave":
        """A wave that never changes faster than ``speed`` per frame nor moves further than ``largest``."""
        period = rng.uniform(24, 96)
        amplitude = min(speed * period / (2 * np.pi), largest)
        return Wave(value, amplitude, period, rng.uniform(0, 2 * np.pi))


@dataclass(frozen=True)
class Layer:
    """One shape, or the background (``axes`` is ``None``); local coordinates are pixels at zoom 1."""

    x: tuple[Wave, ...]
    y: tuple[Wave, ...]
    angle: Wave
    log_zoom: Wave
    axes: tuple[float, float] | None
    power: float
    lobes: tuple[int, float, float]
    softness: float
    texture: int
    texture_offset: tuple[float, float]
    texture_zoom: float
    base: np.ndarray
    mix: np.ndarray

    def pose(self, t: float) -> tuple[np.ndarray, np.ndarray]:
        """``(M, c)`` so that the local point u is seen at ``c + M u`` (x, y) in frame ``t``."""
        angle, zoom = self.angle(t), np.exp(self.log_zoom(t))
        cos, sin = zoom * np.cos(angle), zoom * np.sin(angle)
        centre = np.array([sum(w(t) for w in self.x), sum(w(t) for w in self.y)])
        return np.array([[cos, -sin], [sin, cos]]), centre


class Scene:
    """Scene drawn from ``rng``.

    Args:
        rng: Source of everything random; the same generator state gives the same scene.
        height: Rows.
        width: Columns.
        shapes: Number of shapes.
        max_motion: No point moves further than this from one frame to the next, in pixels.
    """

    def __init__(self, rng: np.random.Generator, height: int, width: int, shapes: int, max_motion: float):
        self.height, self.width = height, width
        camera = _walk(rng, 0.5 * max_motion * rng.random())
        self.layers = [_background(rng, height, width, camera, max_motion)]
        self.layers += [_shape(rng, height, width, camera, max_motion) for _ in range(shapes)]
        self._texture_seed = rng.integers(2**63)
        self._textures: Tensor | None = None

    def frame(self, t: float) -> np.ndarray:
        """Frame ``t`` as uint8 ``(H, W, 3)`` RGB."""
        if self._textures is None:
            self._textures = _textures(np.random.default_rng(self._texture_seed))
        picture = torch.zeros(3, self.height, self.width)
        for layer in self.layers:
            box, cover, local = self._cover(layer, t)
            if box is not None:
                picture[box].lerp_(_paint(layer, self._textures[layer.texture], local), cover)
        return (picture.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).contiguous().numpy()

    def flow(self, t: float, reference: float) -> np.ndarray:
        """Flow from every pixel of frame ``t`` to where its point is in frame ``reference``.

        Returns:
            float32 ``(2, H, W)`` in pixels, channel 0 horizontal.
        """
        owner = self._owner(t)
        steps, here, there = [], [], []
        for layer in self.layers:
            (matrix, centre), (matrix_ref, centre_ref) = layer.pose(t), layer.pose(reference)
            steps.append(matrix_ref @ np.linalg.inv(matrix) - np.eye(2))
            here.append(centre)
            there.append(centre_ref - centre)
        points = np.stack(np.meshgrid(np.arange(self.width), np.arange(self.height)), -1)
        offset = points - np.array(here)[owner]
        flow = np.array(there)[owner] + (np.array(steps)[owner] @ offset[..., None])[..., 0]
        return flow.astype(np.float32).transpose(2, 0, 1)

    def occlusion(self, t: float, reference: float) -> np.ndarray:
        """Bool ``(H, W)``: pixels of frame ``t`` whose point is hidden or outside in frame ``reference``."""
        flow, owner, owner_ref = self.flow(t, reference), self._owner(t), self._owner(reference)
        x = np.rint(np.arange(self.width) + flow[0]).astype(int)
        y = np.rint(np.arange(self.height)[:, None] + flow[1]).astype(int)
        inside = (x >= 0) & (x < self.width) & (y >= 0) & (y < self.height)
        found = owner_ref[y.clip(0, self.height - 1), x.clip(0, self.width - 1)]
        return ~(inside & (found == owner))

    def _owner(self, t: float) -> np.ndarray:
        """Number of the visible layer at every pixel."""
        owner = torch.zeros(self.height, self.width, dtype=torch.int64)
        for number, layer in enumerate(self.layers):
            box, cover, _ = self._cover(layer, t)
            if box is not None:
                owner[box[1:]] = torch.where(cover >= 0.5, number, owner[box[1:]])
        return owner.numpy()

    def _cover(self, layer: Layer, t: float):
        """Box of the picture that a layer touches, its opacity there in [0, 1] and local coordinates.

        Returns:
            ``(box, cover (h, w), local (2, h, w))``; ``box`` is ``None`` where the layer is out of sight.
        """
        matrix, (cx, cy) = layer.pose(t)
        zoom = np.hypot(*matrix[:, 0])
        left, top, right, bottom = 0, 0, self.width, self.height
        if layer.axes is not None:
            reach = zoom * np.hypot(*layer.axes) * (1 + layer.lobes[1]) + layer.softness
            left, right = max(0, int(cx - reach)), min(self.width, int(cx + reach) + 2)
            top, bottom = max(0, int(cy - reach)), min(self.height, int(cy + reach) + 2)
            if left >= right or top >= bottom:
                return None, None, None
        x = torch.arange(left, right, dtype=torch.float32) - float(cx)
        y = (torch.arange(top, bottom, dtype=torch.float32) - float(cy))[:, None]
        inverse = np.linalg.inv(matrix)
        local = torch.stack([float(inverse[i, 0]) * x + float(inverse[i, 1]) * y for i in (0, 1)])
        box = (slice(None), slice(top, bottom), slice(left, right))
        if layer.axes is None:
            return box, torch.ones(bottom - top, right - left), local
        return box, _opacity(layer, local, zoom), local


def _opacity(layer: Layer, local: Tensor, zoom: float) -> Tensor:
    """A superellipse with lobes; its edge fades over ``softness`` pixels."""
    (a, b), (count, depth, phase) = layer.axes, layer.lobes
    radius = ((local[0] / a).abs() ** layer.power + (local[1] / b).abs() ** layer.power) ** (1 / layer.power)
    if depth:
        radius = radius / (1 + depth * torch.cos(count * torch.atan2(local[1], local[0]) + phase))
    return (0.5 + (1 - radius) * (min(a, b) * zoom / layer.softness)).clamp(0, 1)


def _paint(layer: Layer, texture: Tensor, local: Tensor) -> Tensor:
    """Colour ``(3, h, w)`` of a layer at local coordinates ``(2, h, w)``, interpolated bilinearly."""
    offset = torch.tensor(layer.texture_offset, dtype=torch.float32)[:, None, None]
    texel = torch.remainder(local * layer.texture_zoom + offset, TEXELS)
    grid = (texel * (2 / TEXELS) - 1).permute(1, 2, 0)[None]
    planes = F.grid_sample(texture[None], grid, align_corners=True)[0]
    colour = torch.from_numpy(layer.mix) @ planes.flatten(1) + torch.from_numpy(layer.base)[:, None]
    return colour.view_as(planes)


def _textures(rng: np.random.Generator) -> Tensor:
    """Two textures ``(2, 3, TEXELS + 1, TEXELS + 1)``: 1/f amplitude, zero mean, unit variance, wrapped."""
    fy, fx = np.fft.fftfreq(TEXELS)[:, None], np.fft.rfftfreq(TEXELS)
    frequency = np.hypot(fy, fx)
    frequency[0, 0] = np.inf
    slopes = np.array([1.0, 1.4])[:, None, None, None]
    shape = (2, 3, *frequency.shape)
    spectrum = (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)) / frequency**slopes
    planes = np.fft.irfft2(spectrum, s=(TEXELS, TEXELS))
    planes /= planes.std((-2, -1), keepdims=True)
    return torch.from_numpy(np.pad(planes, ((0, 0), (0, 0), (0, 1), (0, 1)), mode="wrap").astype(np.float32))


def _walk(rng: np.random.Generator, speed: float) -> tuple[Wave, Wave]:
    """Waves along x and y whose joint speed is at most ``speed``."""
    direction = rng.uniform(0, 2 * np.pi)
    return tuple(Wave.draw(rng, 0.0, speed * abs(part)) for part in (np.cos(direction), np.sin(direction)))


def _look(rng: np.random.Generator) -> dict:
    """Texture and colours: mostly luminance, with a tint that varies less."""
    contrast = 0.1 * np.exp(0.5 * rng.standard_normal())
    tint = 0.15 * rng.standard_normal((3, 2))
    mix = contrast * np.concatenate([np.ones((3, 1)), tint], 1)
    base = rng.uniform(0.15, 0.85) + 0.08 * rng.standard_normal(3)
    return {
        "texture": int(rng.integers(2)),
        "texture_offset": tuple(rng.uniform(0, TEXELS, 2)),
        "texture_zoom": rng.uniform(0.3, 0.8),
        "base": base.astype(np.float32),
        "mix": mix.astype(np.float32),
    }


def _background(rng, height: int, width: int, camera: tuple[Wave, Wave], max_motion: float) -> Layer:
    reach = np.hypot(height, width) / 2 + 40
    return Layer(
        x=(Wave(width / 2), camera[0]),
        y=(Wave(height / 2), camera[1]),
        angle=Wave.draw(rng, rng.uniform(0, 2 * np.pi), 0.08 * max_motion * rng.random() / reach),
        log_zoom=Wave.draw(rng, 0.0, 0.08 * max_motion * rng.random() / reach, 0.3),
        axes=None,
        power=2.0,
        lobes=(0, 0.0, 0.0),
        softness=1.0,
        **_look(rng),
    )


def _shape(rng, height: int, width: int, camera: tuple[Wave, Wave], max_motion: float) -> Layer:
    """A shape whose size has density r^-3, as scale invariance asks."""
    smallest, largest = 0.05 * min(height, width), 0.4 * min(height, width)
    u = rng.random()
    radius = (smallest**-2 + u * (largest**-2 - smallest**-2)) ** -0.5
    own = _walk(rng, 0.3 * max_motion * rng.random())
    lobed = rng.random() < 0.4
    reach = 2 * radius
    return Layer(
        x=(Wave(rng.uniform(0, width)), camera[0], own[0]),
        y=(Wave(rng.uniform(0, height)), camera[1], own[1]),
        angle=Wave.draw(rng, rng.uniform(0, 2 * np.pi), 0.08 * max_motion * rng.random() / reach, 1.0),
        log_zoom=Wave.draw(rng, 0.0, 0.08 * max_motion * rng.random() / reach, 0.2),
        axes=(radius, radius * rng.uniform(0.4, 1.0)),
        power=2.0 if lobed else float(rng.choice([1.0, 2.0, 4.0, 8.0])),
        lobes=(int(rng.integers(2, 7)), rng.uniform(0.1, 0.35) if lobed else 0.0, rng.uniform(0, 2 * np.pi)),
        softness=rng.uniform(1.0, 2.5),
        **_look(rng),
    )
