"""What happens to a clip on its way to a sample: resampling, crop, flips, time reversal, brightness."""

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from lvc.config.data import AugmentConfig
from lvc.errors import UserError


def augmented(
    clip: np.ndarray, crop: int | None, options: AugmentConfig, rng: np.random.Generator, name: str
) -> Tensor:
    """A training sample.

    Args:
        clip: uint8 ``(T, H, W, C)``.
        crop: Side of the sample; ``None`` for whole frames.
        options: What is drawn.
        rng: Where from. Every call takes the same numbers from it in the same order.
        name: Of the clip, for messages.

    Returns:
        uint8 ``(T, C, h, w)``.

    Raises:
        UserError: When the clip is too small for the crop.
    """
    place, mirror, upside, backwards = rng.random(2), rng.random(), rng.random(), rng.random()
    scale, gain = rng.uniform(*options.scale), rng.uniform(-options.brightness, options.brightness)
    filter = options.scale_filters[int(rng.integers(len(options.scale_filters)))]
    if options.resamples and crop is not None:
        clip = _resampled(clip, crop, scale, options.scale[1], filter, place, name)
    else:
        clip = cut(clip, crop, place, name)
    if options.horizontal_flip and mirror < 0.5:
        clip = clip[:, :, ::-1]
    if options.vertical_flip and upside < 0.5:
        clip = clip[:, ::-1]
    if options.time_reversal and backwards < 0.5:
        clip = clip[::-1]
    if options.brightness:
        clip = np.rint(clip * np.float32(1 + gain)).clip(0, 255).astype(np.uint8)
    return to_clip(clip)


def cut(clip: np.ndarray, side: int | None, place: np.ndarray, name: str) -> np.ndarray:
    """Cut a square out of ``(T, H, W, C)``.

    Args:
        clip: Frames.
        side: Side of the square; ``None`` for whole frames.
        place: Row and column, each in [0, 1).
        name: Of the clip, for messages.

    Raises:
        UserError: When the clip is too small.
    """
    if side is None:
        return clip
    height, width = clip.shape[1:3]
    if side > min(height, width):
        raise UserError(f"clip {name}: is {width}x{height}, too small for crops of {side}x{side}")
    top, left = (int(part * (length - side + 1)) for part, length in zip(place, (height, width), strict=True))
    return clip[:, top : top + side, left : left + side]


def to_clip(frames: np.ndarray) -> Tensor:
    """``(T, H, W, C)`` as a tensor ``(T, C, H, W)`` with memory of its own."""
    return torch.from_numpy(np.ascontiguousarray(frames.transpose(0, 3, 1, 2)))


def _resampled(
    clip: np.ndarray, crop: int, scale: float, highest: float, filter: str, place: np.ndarray, name: str
) -> np.ndarray:
    """A crop of the clip resampled by ``scale``: the square that becomes it is cut out first.

    A scale at which the clip would be smaller than the crop is raised to the one at which it is not.
    """
    height, width = clip.shape[1:3]
    if round(crop / highest) > min(height, width):
        what = f"too small for crops of {crop}x{crop} at scales up to {highest:g}"
        raise UserError(f"clip {name}: is {width}x{height}, {what}")
    side = min(round(crop / scale), height, width)
    square = cut(clip, side, place, name)
    if side == crop:
        return square
    kind = Image.Resampling[filter.upper()]
    images = (Image.fromarray(frame[..., 0] if frame.shape[-1] == 1 else frame) for frame in square)
    frames = [np.asarray(image.resize((crop, crop), kind)) for image in images]
    return np.stack(frames).reshape(len(square), crop, crop, -1)
