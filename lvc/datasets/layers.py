"""What a dead-leaves scene is made of: textured shapes that move, turn and scale in closed form, seen by a camera.

Sizes follow a power law and textures a 1/f spectrum, which together give the statistics of natural pictures
(Ruderman 1997; Lee, Mumford and Huang 2001).
"""

import cmath
import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from lvc.config.data import SyntheticConfig

TEXELS = 256
"""Side of a texture, which repeats."""
TEXTURES = 32
"""Different textures; scenes tell them apart by colour, scale and place as well."""


@dataclass(frozen=True)
class Wave:
    """A quantity that swings slowly: scenes go on for ever without leaving the picture or growing away."""

    value: float
    amplitude: float = 0.0
    period: float = 1.0
    phase: float = 0.0

    def __call__(self, t: float) -> float:
        """The quantity at time ``t`` in frames."""
        return self.value + self.amplitude * math.sin(2 * math.pi * t / self.period + self.phase)

    @staticmethod
    def draw(rng: np.random.Generator, value: float, speed: float, largest: float = math.inf) -> "Wave":
        """A wave that never changes faster than ``speed`` per frame nor moves further than ``largest``."""
        period = rng.uniform(24, 96)
        if speed * period > 2 * math.pi * largest:
            period = 2 * math.pi * largest / speed  # as fast, but turning back sooner
        return Wave(value, speed * period / (2 * math.pi), period, rng.uniform(0, 2 * np.pi))


@dataclass(frozen=True)
class Similarity:
    """Turning, scaling and shifting in time. Points are complex numbers, x + iy, so that a turn is a product."""

    x: Wave
    y: Wave
    angle: Wave
    log_zoom: Wave

    def __call__(self, t: float) -> tuple[complex, complex]:
        """``(turn, shift)``: the point u is mapped to ``shift + turn * u``."""
        return cmath.rect(math.exp(self.log_zoom(t)), self.angle(t)), complex(self.x(t), self.y(t))


@dataclass(frozen=True)
class Layer:
    """One shape, or the background (``axes`` is ``None``); local coordinates are pixels at zoom 1."""

    motion: Similarity
    depth: float
    """How far it follows the camera's shifts: nearer layers do more (parallax)."""
    axes: tuple[float, float] | None
    roundness: int
    """The outline is a superellipse of power ``2^roundness``: 0 a diamond, 1 an ellipse, 3 nearly a box."""
    lobes: tuple[int, float, float]
    softness: float
    texture: int
    texture_offset: Tensor
    texture_zoom: float
    base: Tensor
    mix: Tensor


def draw_layers(rng: np.random.Generator, config: SyntheticConfig) -> tuple[Similarity, list[Layer]]:
    """The camera of a scene and its layers, the furthest first.

    No point of the picture moves further than ``config.max_motion`` from one frame to the next: translation by the
    camera, a shape's own translation, and turning and zooming of both share that out.
    """
    low = config.max_motion if config.min_motion is None else config.min_motion
    fastest = low * (config.max_motion / low) ** rng.random() if low else 0.0
    turn, side = config.turning * fastest * rng.random(), min(config.height, config.width)
    shift = fastest - 3 * turn
    reach = math.hypot(config.height, config.width) / 2 + side / 4
    moving = rng.random() < 0.85  # a camera on a tripod is common
    camera = _motion(rng, (0.0, 0.0), moving * 0.6 * shift, moving * turn / reach, 0.2, side / 4)
    back = _motion(rng, (0.0, 0.0), 0.0, 0.0, 0.0, 0.0)
    layers = [Layer(back, _depth(rng, config, 0.0), None, 1, (0, 0.0, 0.0), 1.0, **_look(rng, config))]
    for number in range(config.shapes):
        layers.append(_shape(rng, config, number / config.shapes, 0.32 * shift, 0.4 * turn))
    return camera, layers


def _shape(rng: np.random.Generator, config: SyntheticConfig, nearness: float, shift: float, turn: float) -> Layer:
    """A shape whose size has density r^-3, as scale invariance asks."""
    side = min(config.height, config.width)
    smallest, largest = 0.05 * side, 0.4 * side
    radius = (smallest**-2 + rng.random() * (largest**-2 - smallest**-2)) ** -0.5
    thin, lobed = rng.random() < config.thin, rng.random() < 0.4
    place = rng.uniform(-0.5, 0.5, 2) * (config.width, config.height)
    axes = (radius * rng.uniform(1, 2), rng.uniform(0.5, 2.0)) if thin else (radius, radius * rng.uniform(0.4, 1.0))
    depth, look = lobed and not thin and rng.uniform(0.1, 0.35), _look(rng, config)
    return Layer(
        motion=_motion(rng, tuple(place), shift, turn / (2 * radius), 0.2, side / 4),
        depth=_depth(rng, config, nearness),
        axes=axes,
        roundness=3 if thin else 1 if lobed else int(rng.integers(4)),
        lobes=(int(rng.integers(2, 7)), float(depth), rng.uniform(0, 2 * np.pi)),
        softness=rng.uniform(1.0, 2.5) * (2.5 if look["texture_zoom"] < 0.25 else 1.0),
        **look,
    )


def _motion(rng, place: tuple[float, float], speed: float, turn: float, zoom: float, largest: float) -> Similarity:
    """Waves about ``place``: at most ``speed`` pixels per frame, ``turn`` radians, and ``turn`` in log zoom."""
    speed, spin, growth = speed * rng.random() ** 0.5, turn * rng.random(), turn * rng.random()
    direction, angle = rng.uniform(0, 2 * np.pi, 2)
    return Similarity(
        x=Wave.draw(rng, place[0], speed * abs(math.cos(direction)), largest),
        y=Wave.draw(rng, place[1], speed * abs(math.sin(direction)), largest),
        angle=Wave.draw(rng, angle, spin, 1.0),
        log_zoom=Wave.draw(rng, 0.0, growth, zoom),
    )


def _depth(rng: np.random.Generator, config: SyntheticConfig, nearness: float) -> float:
    return 1 - config.parallax * (1 - 0.5 * (nearness + rng.random()))


def _look(rng: np.random.Generator, config: SyntheticConfig) -> dict:
    """Texture and colours: mostly luminance, with a tint that varies less."""
    contrast = 0.1 * np.exp(0.5 * rng.standard_normal())
    tint = 0.15 * rng.standard_normal((3, 2))
    mix = contrast * np.concatenate([np.ones((3, 1)), tint], 1)
    base = rng.uniform(0.15, 0.85) + 0.08 * rng.standard_normal(3)
    sharp = rng.random() >= config.defocus
    return {
        "texture": int(rng.integers(TEXTURES)),
        "texture_offset": torch.from_numpy(rng.uniform(0, TEXELS, 2).astype(np.float32)),
        "texture_zoom": rng.uniform(0.3, 0.8) if sharp else rng.uniform(0.08, 0.25),
        "base": torch.from_numpy(base.astype(np.float32))[:, None],
        "mix": torch.from_numpy(mix.astype(np.float32)),
    }


@lru_cache(maxsize=TEXTURES)
def texture(number: int) -> Tensor:
    """Texture ``(1, 3, TEXELS + 1, TEXELS + 1)``: 1/f amplitude, zero mean, unit variance, wrapped."""
    rng = np.random.default_rng(number)
    fy, fx = np.fft.fftfreq(TEXELS)[:, None], np.fft.rfftfreq(TEXELS)
    frequency = np.hypot(fy, fx)
    frequency[0, 0] = np.inf
    slope, shape = (1.0, 1.4)[number % 2], (3, *frequency.shape)
    spectrum = (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)) / frequency**slope
    planes = np.fft.irfft2(spectrum, s=(TEXELS, TEXELS))
    planes /= planes.std((-2, -1), keepdims=True)
    return torch.from_numpy(np.pad(planes, ((0, 0), (0, 1), (0, 1)), mode="wrap").astype(np.float32))[None]
