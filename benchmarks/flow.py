"""Flow: end-point error on held-out scenes by length of motion, PSNR of the warped reference on real clips.

Compares no motion, OpenCV's DIS (medium preset, on luma; where `pip install "opencv-python-headless<4.12"` was done)
and SpyNet exports with all and with their four finest levels. Figures are means over scenes, and over clips.
"""

import argparse
import os
from collections import defaultdict
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from common import arguments, report
from torch import Tensor

from lvc.config.parts import shipped_flow, shipped_widths
from lvc.datasets.flow_pairs import held_out, item
from lvc.datasets.folder import FolderClips
from lvc.export import load_export
from lvc.layers.quality import psnr
from lvc.models.spynet import FlowNetwork, luma
from lvc.motion.spynet import fit_pyramid
from lvc.motion.warp import warp
from lvc.training.flow.validation import errors_by_motion, estimate

DISTANCES = (1, 2, 4, 8)
Method = Callable[[Tensor, Tensor], Tensor]


def nothing(frame: Tensor, reference: Tensor) -> Tensor:
    """Flow ``(2, H, W)`` of ``(3, H, W)`` frames: none."""
    return torch.zeros_like(frame[:2])


def dis() -> Method | None:
    """OpenCV's dense inverse search, or ``None`` without OpenCV."""
    try:
        import cv2
    except ImportError:
        return None
    cv2.setNumThreads(torch.get_num_threads())
    search = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)

    def run(frame: Tensor, reference: Tensor) -> Tensor:
        grey = [(luma(picture)[0] * 255).round().byte().numpy() for picture in (frame, reference)]
        return torch.from_numpy(search.calc(*grey, None)).permute(2, 0, 1)

    return run


def network(path: Path, levels: int) -> Method | None:
    """A SpyNet export with its finest ``levels``, or ``None`` where it has fewer."""
    from dataclasses import replace

    export = load_export(path, codec_only=False)
    if levels > export.config.levels:
        return None
    own = FlowNetwork(replace(export.config, levels=levels)).eval()
    own.flow.load_state_dict(fit_pyramid(export.codec.flow.state_dict(), own.flow))
    return lambda frame, reference: estimate(own, frame[None], reference[None])[0]


def methods(paths: list[Path]) -> dict[str, Method]:
    """Everything that is compared, by name."""
    found = {"no motion": nothing, "DIS": dis()}
    for path in paths:
        for levels in (6, 4):
            found[f"{path.stem}, {levels} levels"] = network(path, levels)
    return {name: method for name, method in found.items() if method is not None}


@torch.no_grad()
def on_scene(paths: list[Path], index: int) -> dict[str, dict[str, float]]:
    """End-point errors on a held-out scene by method, over all pixels and by length of the true flow."""
    scenes = held_out(index + 1)
    t = scenes.length(index) - 1
    pair = scenes.pair(index, t, t - 1)
    sample = item(pair.frames, pair.flow, pair.occluded)
    reference, frame = sample["clip"].float().div(255)
    found = {name: errors_by_motion(run(frame, reference), sample["flow"]) for name, run in methods(paths).items()}
    return {f"scenes, {name}": {k.removeprefix("val/"): v for k, v in f.items()} for name, f in found.items()}


@torch.no_grad()
def on_clip(paths: list[Path], folder: Path, pairs: int, index: int) -> dict[str, dict[str, float]]:
    """PSNR of the warped reference on a clip by method, for every distance, and the same as part of a mean."""
    clips, found = FolderClips(str(folder)), defaultdict(dict)
    for distance in DISTANCES:
        starts = np.linspace(0, clips.length(index) - 1 - distance, pairs + 2)[1:-1].round().astype(int)
        for name, run in methods(paths).items():
            values = []
            for start in starts.tolist():
                reference, frame = _frames(clips, index, start, distance)
                warped = warp(reference[None], run(frame, reference)[None])
                values.append(float(psnr(warped[None], frame[None, None])))
            for key in (f"{clips.name(index)} @{distance}", f"mean @{distance}"):
                found[f"clips, {name}"][key] = float(np.mean(values))
    return dict(found)


def means(parts: Iterable[dict[str, dict[str, float]]]) -> dict[str, dict[str, float]]:
    """Every figure as the mean over the parts that have it."""
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for part in parts:
        for row, figures in part.items():
            for key, value in figures.items():
                found[row][key].append(value)
    return {row: {key: float(np.mean(v)) for key, v in sorted(figures.items())} for row, figures in found.items()}


@torch.no_grad()
def draw(compared: dict[str, Method], folder: Path, out: Path) -> None:
    """Pictures to look at: a frame, then each method's flow over its warped reference's error."""
    from PIL import Image
    from torchvision.utils import flow_to_image

    clips = FolderClips(str(folder))
    out.mkdir(parents=True, exist_ok=True)
    for index in range(len(clips)):
        reference, frame = _frames(clips, index, 0, 2)
        columns = [torch.cat([_bytes(frame), _bytes(reference)], 1)]
        for method in compared.values():
            flow = method(frame, reference)
            error = (warp(reference[None], flow[None])[0] - frame).abs().mean(0, keepdim=True).expand(3, -1, -1)
            columns.append(torch.cat([flow_to_image(flow), _bytes(4 * error)], 1))
        Image.fromarray(torch.cat(columns, 2).permute(1, 2, 0).numpy()).save(out / f"{clips.name(index)}.png")


def _frames(clips: FolderClips, index: int, start: int, distance: int) -> Tensor:
    """Reference and frame, ``(2, 3, H, W)`` in [0, 1]."""
    return torch.from_numpy(clips.read(index, start, 2, distance)).permute(0, 3, 1, 2).float() / 255


def _bytes(picture: Tensor) -> Tensor:
    return (picture.clamp(0, 1) * 255).round().byte()


def main() -> None:
    parser: argparse.ArgumentParser = arguments(__doc__.splitlines()[0], repeats=1)
    parser.add_argument("exports", nargs="*", type=Path, help="exports of model=spynet (the package's own)")
    parser.add_argument("--scenes", type=int, default=32, help="held-out scenes")
    parser.add_argument("--pairs", type=int, default=3, help="pairs per clip and distance")
    parser.add_argument("--workers", type=int, default=2, help="processes")
    parser.add_argument("--pictures", type=Path, default=None, help="draw flow pictures into this folder")
    options = parser.parse_args()
    exports = options.exports or [shipped_flow(widths) for widths in shipped_widths()]
    folder = Path(os.environ.get("LVC_DATA", Path(__file__).parents[2] / "shared" / "data")) / "test"
    clips = range(len(FolderClips(str(folder)))) if folder.is_dir() else ()
    with ProcessPoolExecutor(
        options.workers, get_context("spawn"), torch.set_num_threads, (options.threads or 1,)
    ) as pool:
        jobs = [pool.submit(on_clip, exports, folder, options.pairs, index) for index in clips]
        jobs += [pool.submit(on_scene, exports, index) for index in range(options.scenes)]
        rows = means(job.result() for job in jobs)
    if clips and options.pictures:
        draw({n: m for n, m in methods(exports).items() if m is not nothing}, folder, options.pictures)
    report("flow", rows, {}, options)


if __name__ == "__main__":
    main()
