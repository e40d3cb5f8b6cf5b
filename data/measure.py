"""What is measured of a clip, and what it is left out for."""

from dataclasses import dataclass
from itertools import pairwise

import cv2
import imagehash
import numpy as np
from PIL import Image

from data.options import BuildOptions
from data.shots import Clip

WIDTH = 224
"""Columns of the pictures that motion and differences are measured in."""

PAIRS = 5
"""Neighbouring frames, spread over the clip, whose optical flow is computed."""


@dataclass(frozen=True)
class Measures:
    """Figures of a clip.

    Attributes:
        motion: Mean length of the optical flow (DIS), in pixels of the clip per frame.
        difference: Mean absolute luma difference of neighbouring frames, of 255.
        least: The smallest of these differences as a share of their mean.
        texture: Spatial information of the middle frame: standard deviation of the Sobel gradient of luma, of 255.
        brightness: Mean luma of the darkest frame, of 255.
        fade: Factor by which contrast steadily grows or shrinks; 1 where it goes up and down.
        uneven: Longest time from a frame to the next, as a multiple of the median.
    """

    motion: float
    difference: float
    least: float
    texture: float
    brightness: float
    fade: float
    uneven: float


def measure(clip: Clip) -> Measures:
    """Measure a clip."""
    height, width = clip.frames[0].image.shape[:2]
    size = (WIDTH, max(round(height * WIDTH / width), 16))
    luma = [cv2.cvtColor(frame.image, cv2.COLOR_RGB2GRAY) for frame in clip.frames]
    small = [cv2.resize(y, size, interpolation=cv2.INTER_AREA) for y in luma]
    differences = [float(cv2.absdiff(a, b).mean()) for a, b in pairwise(small)]
    mean = float(np.mean(differences))
    steps = np.diff([frame.seconds for frame in clip.frames])
    figures = {
        "motion": _motion(small) * width / WIDTH,
        "difference": mean,
        "least": min(differences) / mean if mean else 0.0,
        "texture": _spatial_information(luma[len(luma) // 2]),
        "brightness": float(min(y.mean() for y in small)),
        "fade": _fade([float(y.std()) for y in small]),
        "uneven": float(steps.max() / np.median(steps)) if np.median(steps) > 0 else 1.0,
    }
    return Measures(**{name: round(value, 4) for name, value in figures.items()})


def reason(m: Measures, options: BuildOptions) -> str:
    """Why a clip is left out: the first that holds; empty for one to keep."""
    checks = {
        "uneven frame rate": m.uneven >= options.uneven,
        "black": m.brightness < options.black,
        "fade": m.fade >= options.fade,
        "flat": m.texture < options.min_texture,
        "static": m.motion < options.min_motion or m.difference < options.min_difference,
        "repeated frames": m.least < options.repeat,
    }
    return next((name for name, holds in checks.items() if holds), "")


def hashes(clip: Clip) -> list[int]:
    """Perceptual hashes of the first, the middle and the last frame, 64 bits each."""
    chosen = (clip.frames[i].image for i in (0, len(clip.frames) // 2, -1))
    return [int(str(imagehash.phash(Image.fromarray(image))), 16) for image in chosen]


def _motion(small: list[np.ndarray]) -> float:
    flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    starts = np.unique(np.linspace(0, len(small) - 2, PAIRS).round().astype(int))
    fields = (flow.calc(small[i], small[i + 1], None) for i in starts)
    return float(np.mean([np.hypot(f[..., 0], f[..., 1]).mean() for f in fields]))


def _spatial_information(luma: np.ndarray) -> float:
    across, down = (cv2.Sobel(luma, cv2.CV_32F, *order) for order in ((1, 0), (0, 1)))
    return float(np.hypot(across, down).std()) / 4  # the Sobel kernel's gain is 4 per level of a step edge


def _fade(contrast: list[float]) -> float:
    """How much contrast changes if nearly all steps go one way: a fade multiplies every difference in the picture."""
    steps = np.diff(contrast)
    one_way = max((steps > 0).mean(), (steps < 0).mean())
    first, last = max(contrast[0], 0.1), max(contrast[-1], 0.1)
    return max(first / last, last / first) if one_way >= 0.9 else 1.0
