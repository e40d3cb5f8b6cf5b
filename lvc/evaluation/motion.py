"""A picture of the motion of one frame: the frame, its flow, the reference as it warps it, and the prediction."""

from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor

from lvc.codec import EncodedFrame
from lvc.datasets.frames import to_bytes, to_tensor
from lvc.datasets.sequences import Source
from lvc.evaluation.metrics import psnr
from lvc.motion.warp import warp

WIDEST = 320
"""Columns of one picture; larger ones are made smaller."""


@dataclass(frozen=True)
class MotionPicture:
    """Pictures of one frame's motion side by side.

    Attributes:
        picture: ``(h, w, 3)`` uint8: the frame, its decoded flow, the first reference as it warps it (where the
            prediction is more than that), and the prediction.
        facts: ``frame`` (display index), ``factor``, ``largest`` (length of the longest motion vector in pixels), and
            PSNR in dB of ``warped`` and ``prediction`` against the frame.
    """

    picture: np.ndarray
    facts: dict[str, Any]

    def save(self, stem: Path) -> dict[str, Any]:
        """Write it as a PNG file that begins with ``stem``; returns what records hold of it."""
        name = f"{stem.name}-motion.png"
        Image.fromarray(self.picture).save(stem.parent / name)
        return {"picture": name, **self.facts}


class MiddleFrame:
    """Keeps the coding of the predicted frame nearest to the middle of a sequence.

    Args:
        frames: Length of the sequence.
    """

    def __init__(self, frames: int):
        self._middle = frames // 2
        self._kept: EncodedFrame | None = None

    def see(self, encoded: EncodedFrame) -> None:
        """Look at a frame; of the others nothing is kept."""
        if encoded.coding is None or encoded.coding.flow is None or encoded.coding.prediction is None:
            return
        if self._kept is None or self._distance(encoded) < self._distance(self._kept):
            self._kept = encoded

    def _distance(self, encoded: EncodedFrame) -> int:
        return abs(encoded.packet.index - self._middle)

    def picture(self, source: Source) -> MotionPicture | None:
        """The kept frame's motion, ``None`` where no frame had one to show."""
        if self._kept is None:
            return None
        index, coding = self._kept.packet.index, self._kept.coding
        original = next(islice(source.frames(), index, None))
        shown = (..., slice(original.shape[0]), slice(original.shape[1]))
        pictures = {"prediction": coding.prediction[shown].clamp(0, 1)}
        if coding.reference is not None:
            pictures = {"warped": warp(coding.reference, coding.flow)[shown].clamp(0, 1), **pictures}
        flow = coding.flow[shown].float().cpu()
        facts = {name: psnr(to_tensor(original), picture.float().cpu()) for name, picture in pictures.items()}
        panels = [original, _flow_picture(flow), *(to_bytes(picture) for picture in pictures.values())]
        return MotionPicture(
            np.concatenate([_smaller(panel) for panel in panels], 1),
            {
                "frame": index,
                "factor": self._kept.motion_factor,
                "largest": float(flow.square().sum(1).max().sqrt()),
                **facts,
            },
        )


def _flow_picture(flow: Tensor) -> np.ndarray:
    """Hue is direction, saturation is length relative to the longest: ``(H, W, 3)`` uint8."""
    from torchvision.utils import flow_to_image

    return flow_to_image(flow[0]).permute(1, 2, 0).numpy()


def _smaller(picture: np.ndarray) -> np.ndarray:
    height, width = picture.shape[:2]
    if width <= WIDEST:
        return picture
    size = (WIDEST, round(height * WIDEST / width))
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS))
