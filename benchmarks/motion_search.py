"""Searches for the resolution of motion (OMRA): what they cost in time, and what cheaper ones lose.

Without arguments: one B frame of a full-size codec with fresh weights, coded plainly and by every search. With exports
and a video: the video coded by every search, by size, PSNR, cost and seconds on both sides.

python benchmarks/motion_search.py --models b_canf maskcrt_b
python benchmarks/motion_search.py --exports b_canf.safetensors --video clip.mkv --frames 33
"""

from collections.abc import Callable

import torch
from common import interleaved

from lvc.codec import Rate, VideoCodec
from lvc.config.contract import build
from lvc.config.model import ModelConfig
from lvc.config.motion_resolution import MotionResolutionConfig
from lvc.models.build import build_codec
from lvc.structures.frame import read_frame, write_frame
from lvc.structures.motion_resolution import MotionResolution, of_header

SEARCHES = ("exhaustive", "by_level", "early_stop", "ranked")


def picture(size: int) -> torch.Tensor:
    """A smooth random picture ``(1, 3, size, size + 64)``."""
    noise = torch.rand(1, 3, size // 8 + 8, size // 8 + 16, generator=torch.Generator().manual_seed(0))
    large = torch.nn.functional.interpolate(noise, scale_factor=8, mode="bicubic", align_corners=False)
    return large.clamp(0, 1)[..., :size, : size + 64]


def full_size(model: str) -> VideoCodec:
    """The full-size codec with fresh weights, and scales that keep symbols inside the coding tables."""
    torch.manual_seed(0)
    codec = build_codec(build(ModelConfig, {"name": model, "intra": {"name": "intra_cheng2020", "channels": 32}}))
    return codec.eval()


@torch.inference_mode()
def times(model: str, size: int, repeats: int) -> tuple[dict[str, dict], dict[str, float]]:
    """Seconds per B frame of ``size`` squared: plain and by every search, and the decoder's, with ratios to plain."""
    codec, large = full_size(model), picture(size)
    frame, past, future = (large[..., at : at + size] for at in (16, 0, 32))
    state = ({"frame": past, "order": 0}, {"frame": future, "order": 0})
    rate = Rate(lmbda=torch.tensor([1024.0]))

    def coded(choice: MotionResolution | None, distance: int) -> Callable[[], object]:
        def run() -> object:
            codec.motion_resolution = choice
            return write_frame(codec, "B", 1, frame, state, rate, distance)[0]

        return run

    def decoded(encoded: object, choice: MotionResolution | None) -> Callable[[], object]:
        def run() -> None:
            codec.motion_resolution = choice
            read_frame(codec, encoded.packet, state, (size, size), rate)

        return run

    choices = {name: MotionResolution(MotionResolutionConfig(search=name)) for name in SEARCHES}
    cases = {"encode, plain": coded(None, 16)}
    cases |= {f"encode, {name}": coded(choices[name], 16) for name in ("exhaustive", "early_stop", "ranked")}
    cases |= {f"encode, by_level, distance {d}": coded(choices["by_level"], d) for d in (1, 2)}
    plain = coded(None, 16)()
    one = choices["ranked"]
    chosen = coded(one, 16)()
    one = of_header({"motion_resolution": one.describe()}, codec)
    cases |= {"decode, plain": decoded(plain, None), "decode, searched": decoded(chosen, one)}
    rows = interleaved(cases, repeats)
    ratios = {
        f"{model}: {name} / plain": row["cpu_seconds"] / rows[f"{name.partition(',')[0]}, plain"]["cpu_seconds"]
        for name, row in rows.items()
        if not name.endswith("plain")
    }
    return {f"{model}: {name}": row for name, row in rows.items()}, ratios
