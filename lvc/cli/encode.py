"""Encode a video with a trained codec.

IN is a video file or a folder of PNG frames. Memory does not grow with the length of the video, and OUT appears only
when it is complete.
"""

import argparse
from collections import Counter
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lvc.config.adaptive_gop import AdaptiveGOPConfig
    from lvc.config.motion_resolution import MotionResolutionConfig


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``encode``."""
    parser.add_argument("source", metavar="IN", type=Path, help="video file or folder of PNG frames")
    parser.add_argument("target", metavar="OUT.lvc", type=Path, help="bitstream to write")
    parser.add_argument("--model", metavar="EXPORT", type=Path, required=True, help="export of the codec")
    parser.add_argument("--intra-period", type=int, default=None, help="frames between intra frames (the model's)")
    parser.add_argument("--q", type=float, default=None, help="quality of a variable-rate codec (the middle one)")
    parser.add_argument(
        "--motion-resolution",
        metavar="SEARCH",
        choices=["none", "exhaustive", "by_level", "early_stop", "ranked", "classifier"],
        help="how each frame's motion finds its resolution: none, exhaustive, by_level, early_stop, ranked or "
        "classifier",
    )
    parser.add_argument("--classifier", metavar="EXPORT", help="classifier of that choice")
    parser.add_argument(
        "--motion-candidates", metavar="N", type=int, help="likeliest factors that ranked and classifier code (1)"
    )
    parser.add_argument(
        "--motion-factors", metavar="S", type=int, nargs="+", help="what frames may be made smaller by (1 2 4 8)"
    )
    parser.add_argument(
        "--adaptive-gop",
        metavar="SEARCH",
        choices=["none", "early_stop", "exhaustive"],
        help="how each block of frames finds its groups and their motion's resolution: none, early_stop or exhaustive",
    )
    parser.add_argument("--gops", metavar="N", type=int, nargs="+", help="lengths that groups may have (16 8 4)")
    parser.add_argument("--lmbda", type=float, help="lambda of those choices (that of the export's training)")
    parser.add_argument("--frames", type=int, default=None, help="encode only the first so many frames")
    parser.add_argument("--matrix", choices=["bt601", "bt709"], default="bt601", help="YUV matrix of untagged files")
    parser.add_argument("--device", default="cpu", help="device to compute on; decode on the same kind")


def run(options: argparse.Namespace) -> None:
    """Encode and print a line of figures."""
    from lvc.cli.exports import remember
    from lvc.coding import encode_video
    from lvc.datasets.frames import to_tensor
    from lvc.datasets.video import VideoReader
    from lvc.errors import UserError
    from lvc.training.export import load_export

    for name, value in (("--intra-period", options.intra_period), ("--frames", options.frames)):
        if value is not None and value < 1:
            raise UserError(f"{name}: {value} is not a positive number of frames")
    if options.target.resolve() == options.source.resolve():
        raise UserError(f"{options.target}: is the video itself; name another file")
    resolution, adaptive = _resolution(options), _adaptive(options)
    reader = VideoReader(options.source, options.matrix)
    export = load_export(options.model, options.device)
    frames = (to_tensor(frame) for frame in islice(reader, options.frames))
    info = reader.info
    coded = encode_video(
        export, frames, options.target, info.fps, info.matrix, options.intra_period, options.q, resolution, adaptive
    )
    bits: dict[str, float] = {}
    factors: Counter[int | None] = Counter()
    groups: list[int] = []
    count = 0
    for encoded in coded:
        count += 1
        if export.config.spec.kinds[encoded.packet.kind].intra:
            groups.append(0)
        if groups:
            groups[-1] += 1
        factors[encoded.motion_factor] += 1
        for name, value in encoded.bits.items():
            bits[name] = bits.get(name, 0) + value
    remember(export.info["digest"], options.model)
    size = options.target.stat().st_size
    pixels = info.width * info.height * count
    shares = ", ".join(f"{name} {100 * value / sum(bits.values()):.0f} %" for name, value in bits.items())
    print(f"{options.target}: {count} frames {info.width}x{info.height}, {size} bytes, {8 * size / pixels:.4f} bpp")
    print(f"  {shares}")
    chosen = ", ".join(f"1/{factor} {factors[factor]}" for factor in sorted(filter(None, factors)))
    if chosen:
        print(f"  frames by resolution of their motion: {chosen}")
    if adaptive is not None and adaptive.adaptive:
        print(f"  groups: {' '.join(str(length) for length in groups)}")


def _resolution(options: argparse.Namespace) -> "MotionResolutionConfig | None":
    """The resolution of motion that is asked for, ``None`` for the model's."""
    from lvc.config.contract import build
    from lvc.config.motion_resolution import MotionResolutionConfig
    from lvc.errors import UserError

    given = {
        "--motion-factors": ("factors", options.motion_factors),
        "--lmbda": ("lmbda", options.lmbda),
        "--classifier": ("classifier", options.classifier),
        "--motion-candidates": ("candidates", options.motion_candidates),
    }
    if options.motion_resolution is None:
        for name, (_, value) in given.items():
            shared = name in ("--motion-factors", "--lmbda")  # with --adaptive-gop
            if value is not None and not (shared and options.adaptive_gop):
                either = " or --adaptive-gop" if shared else ""
                raise UserError(f"{name}: needs --motion-resolution{either}, such as exhaustive")
        return None
    given = {"search": options.motion_resolution, **dict(given.values())}
    return build(MotionResolutionConfig, _given(given), "motion_resolution")


def _adaptive(options: argparse.Namespace) -> "AdaptiveGOPConfig | None":
    """The choice of groups that is asked for, ``None`` for the model's."""
    from lvc.config.adaptive_gop import AdaptiveGOPConfig
    from lvc.config.contract import build
    from lvc.errors import UserError

    if options.adaptive_gop is None:
        if options.gops is not None:
            raise UserError("--gops: needs --adaptive-gop, such as early_stop")
        return None
    if options.adaptive_gop == "none":
        return AdaptiveGOPConfig()
    given = {"search": options.adaptive_gop, "gops": options.gops}
    given |= {"factors": options.motion_factors, "lmbda": options.lmbda}
    return build(AdaptiveGOPConfig, {"adaptive": True, **_given(given)}, "structure")


def _given(options: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in options.items() if value is not None}
