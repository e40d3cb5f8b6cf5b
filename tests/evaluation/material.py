"""Small videos and settings for these tests."""

from fractions import Fraction

import av
import numpy as np
import torch

from lvc.config.evaluate import ProtocolConfig, TraditionalConfig
from lvc.datasets.sequences import Sequence


def moving_scene(height=64, width=96, frames=6, seed=0):
    """A smooth texture that moves by two pixels a frame."""
    rng = np.random.default_rng(seed)
    coarse = torch.from_numpy(rng.random((1, 3, height // 8 + 2, width // 8 + 8))).float()
    big = torch.nn.functional.interpolate(coarse, scale_factor=8, mode="bicubic").clamp(0, 1)
    picture = (big[0].permute(1, 2, 0) * 255).byte().numpy()
    return [np.ascontiguousarray(picture[:height, 2 * t : 2 * t + width]) for t in range(frames)]


def sequence(frames, name="scene"):
    return Sequence(name, Fraction(25), "bt601", lambda: iter(frames))


def protocol(**changes):
    return ProtocolConfig(**{"name": "test", "intra_period": 4, "frames": 6, **changes})


def encoder(name, **changes):
    """x264 or x265, quick."""
    options = {
        "x264": {"preset": "ultrafast", "tune": "zerolatency", "g": 4, "sc_threshold": 0, "bf": 0},
        "x265": {
            "preset": "ultrafast",
            "tune": "zerolatency",
            "x265-params": {"keyint": 4, "min-keyint": 4, "scenecut": 0, "info": 0, "log-level": "none"},
        },
    }[name]
    given = {"encoder": f"lib{name}", "points": (22, 27, 32, 37), "options": options}
    return TraditionalConfig(**{**given, **changes})


def write_video(path, frames):
    """Lossless RGB."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.height, stream.width, stream.pix_fmt = *frames[0].shape[:2], "bgr0"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24").reformat(format="bgr0")))
        container.mux(stream.encode(None))
