"""Pans of a real frame: how well the package's flow network sees them at 1, 1/2, 1/4 and 1/8 of the size.

The reference is the frame, moved by so many pixels to the side and a quarter of them (60 at most) down. End-point error
and PSNR of the warped reference, away from the borders.

python benchmarks/pans.py --video bee_576x324.mkv
"""

from pathlib import Path

import torch
from common import arguments, report

from lvc.config.parts import shipped_flow, shipped_widths
from lvc.datasets.frames import to_tensor
from lvc.datasets.video import VideoReader
from lvc.export import load_export
from lvc.layers.quality import psnr
from lvc.motion.resolution import MotionScale
from lvc.motion.warp import warp

FACTORS = (1, 2, 4, 8)
PANS = (2, 4, 8, 16, 32, 64, 96, 128)
BORDER = 16


@torch.no_grad()
def seen(network: torch.nn.Module, scene: torch.Tensor, pan: int) -> dict[str, float]:
    """End-point error in pixels and PSNR in dB by factor."""
    right, down = pan, min(pan // 4, 60)
    height, width = (
        (side - most) // network.stride * network.stride
        for side, most in zip(scene.shape[-2:], (60, max(PANS)), strict=True)
    )
    frame, reference = scene[..., :height, :width], scene[..., down : down + height, right : right + width]
    truth = -torch.tensor([right, down]).view(1, 2, 1, 1)
    inside = (..., slice(down + BORDER, -BORDER), slice(right + BORDER, -BORDER))
    figures = {}
    for factor in FACTORS:
        scale = MotionScale(factor)
        small = [scale.reduce(picture, network.stride) for picture in (frame, reference)]
        flow = scale.enlarge_flow(network(*small), (height, width))
        figures[f"epe 1/{factor}"] = float((flow - truth)[inside].square().sum(1).sqrt().mean())
        warped = warp(reference, flow)
        figures[f"psnr 1/{factor}"] = float(psnr(warped[inside][None], frame[inside][None]))
    return figures


def main() -> None:
    parser = arguments(__doc__.splitlines()[0], repeats=1)
    parser.add_argument("--video", type=Path, required=True, help="video whose first frame pans")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    scene = to_tensor(next(iter(VideoReader(options.video))))
    rows = {}
    for widths in shipped_widths():
        network = load_export(shipped_flow(widths), codec_only=False).codec.float()
        for pan in PANS:
            rows[f"{'_'.join(map(str, widths))}, pan of {pan}"] = seen(network, scene, pan)
    report("pans", rows, {}, options)


if __name__ == "__main__":
    main()
