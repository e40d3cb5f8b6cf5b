"""Encode a video, with the codec that comes with the package or with one of your own.

IN is a video file or a folder of PNG frames. Memory does not grow with the length of the video, and OUT appears only
when it is complete. --bpp, --kbps and --size name a rate instead of a quality: the video is encoded again, at most
--passes times, until it is met within 3 %.
"""

import argparse
import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lvc.codec import EncodedFrame
    from lvc.coding.rate_control import RateControl
    from lvc.coding.settings import EncodeOptions
    from lvc.config.adaptive_gop import AdaptiveGOPConfig
    from lvc.config.motion_resolution import MotionResolutionConfig
    from lvc.config.spec import ModelSpec


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``encode``."""
    parser.add_argument("source", metavar="IN", type=Path, help="video, folder of PNG frames, or - for y4m from a pipe")
    parser.add_argument("target", metavar="OUT.lvc", type=Path, help="bitstream to write")
    parser.add_argument("--model", metavar="EXPORT", help="export of a codec, or a name: light, which is the default")
    rate = parser.add_mutually_exclusive_group()
    rate.add_argument(
        "--quality",
        metavar="Q",
        type=float,
        help="any number from 0 to the codec's highest (63 of light); higher is better, and larger (the middle one)",
    )
    rate.add_argument("--bpp", metavar="BITS", type=float, help="bits per pixel of the file")
    rate.add_argument("--kbps", metavar="KBITS", type=float, help="kilobits per second of the file")
    rate.add_argument("--size", metavar="BYTES", help="size of the file, such as 250000, 250k or 2.5M")
    parser.add_argument("--passes", metavar="N", type=int, default=5, help="encode at most so often to meet a rate")
    parser.add_argument("--intra-period", type=int, default=None, help="frames between intra frames (the model's)")
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
    from lvc.coding.settings import EncodeOptions
    from lvc.datasets.video import VideoReader
    from lvc.errors import UserError
    from lvc.export import load_export
    from lvc.models.shipped import named

    for name, value in (
        ("--intra-period", options.intra_period),
        ("--frames", options.frames),
        ("--passes", options.passes),
    ):
        if value is not None and value < 1:
            raise UserError(f"{name}: {value} is not a positive number")
    if options.target.resolve() == options.source.resolve():
        raise UserError(f"{options.target}: is the video itself; name another file")
    model = named(options.model)
    resolution, adaptive = _resolution(options), _adaptive(options)
    goal = _goal(options)
    reader = VideoReader(options.source, options.matrix)
    export = load_export(model, options.device)
    settings = EncodeOptions(options.intra_period, options.quality, resolution, adaptive)
    if goal is None:
        video = _encoded(export, reader, options, options.target, settings)
        figures = _Figures(export.config.spec).over(video)
    else:
        figures = _meet(goal, export, reader, options, settings)
    remember(export.info["digest"], model)
    _report(options.target, figures, reader.info, adaptive is not None and adaptive.adaptive)


@dataclass
class _Figures:
    """What a video of a model took."""

    spec: "ModelSpec"
    count: int = 0
    bits: dict[str, float] = field(default_factory=dict)
    factors: Counter[int | None] = field(default_factory=Counter)
    groups: list[int] = field(default_factory=list)

    def over(self, video: "Iterator[EncodedFrame]") -> "_Figures":
        """Encode a video to its end."""
        for encoded in video:
            self.count += 1
            if self.spec.kinds[encoded.packet.kind].intra:
                self.groups.append(0)
            if self.groups:
                self.groups[-1] += 1
            self.factors[encoded.motion_factor] += 1
            for name, value in encoded.bits.items():
                self.bits[name] = self.bits.get(name, 0) + value
        return self


def _encoded(
    export: Any,
    reader: Any,
    options: argparse.Namespace,
    target: Path,
    settings: "EncodeOptions",
    control: "RateControl | None" = None,
    title: str = "",
) -> "Iterator[EncodedFrame]":
    """Encode the video to ``target`` behind a bar that says frames per second."""
    from tqdm import tqdm

    from lvc.coding.video import encode_video
    from lvc.datasets.frames import to_tensor

    info = reader.info
    frames = (to_tensor(frame) for frame in islice(reader, options.frames))
    video = encode_video(export, frames, target, info.fps, info.matrix, settings, control)
    known = [count for count in (info.frames, options.frames) if count is not None]
    yield from tqdm(
        video, title or "encode", min(known, default=None), unit=" frames", disable=None, dynamic_ncols=True
    )


def _meet(goal: "_Goal", export: Any, reader: Any, options: argparse.Namespace, settings: "EncodeOptions") -> _Figures:
    """Encode until the file has the size that is asked for; the nearest one is kept."""
    from lvc.coding.rate_control import RateControl
    from lvc.datasets.video import open_video
    from lvc.errors import UserError

    info, count = reader.info, open_video(options.source).count()
    count = min(count, options.frames or count)
    if export.codec.spec.qualities is None:
        raise UserError(f"{goal.option}: {export.config.name} has a single rate, that of its export")
    target = goal.bytes_of(count, info)
    last, single = export.codec.spec.qualities - 1, options.passes == 1
    control = RateControl(target, count, info.width * info.height, last, single)
    attempt = options.target.with_name(f".{options.target.name}.pass")
    best, nearest = None, float("inf")
    try:
        for number in range(1, options.passes + 1):
            title = f"pass {number}, quality {control.base:.1f}"
            video = _encoded(export, reader, options, attempt, settings, control, title)
            figures = _Figures(export.config.spec).over(video)
            size = attempt.stat().st_size
            if abs(size - target) < nearest:
                best, nearest = figures, abs(size - target)
                os.replace(attempt, options.target)
            if not control.end_pass(size):
                break
    finally:
        attempt.unlink(missing_ok=True)
    size = options.target.stat().st_size
    if not control.meets(size):
        print(f"note: {goal.option} asks for {target} bytes; the nearest found in {number} passes has {size}")
    return best


@dataclass(frozen=True)
class _Goal:
    """A rate that is asked for: the option, and its value."""

    option: str
    value: float

    def bytes_of(self, frames: int, info: Any) -> int:
        """The size of a file of so many frames."""
        if self.option == "--bpp":
            return round(self.value * info.width * info.height * frames / 8)
        if self.option == "--kbps":
            return round(self.value * 1000 / 8 * frames / info.fps)
        return round(self.value)


def _goal(options: argparse.Namespace) -> _Goal | None:
    """The rate that is asked for, ``None`` for a quality."""
    from lvc.errors import UserError

    for name in ("bpp", "kbps", "size"):
        value = getattr(options, name)
        if value is None:
            continue
        if name == "size":
            found = re.fullmatch(r"(\d+(?:\.\d*)?)([kM]?)", value)
            if not found:
                raise UserError(f"--size: '{value}' is no number of bytes, such as 250000, 250k or 2.5M")
            value = float(found[1]) * {"": 1, "k": 1e3, "M": 1e6}[found[2]]
        if not value > 0:
            raise UserError(f"--{name}: {value:g} is not above 0")
        return _Goal(f"--{name}", value)
    return None


def _report(target: Path, figures: _Figures, info: Any, grouped: bool) -> None:
    """Print what a file holds."""
    size, bits, count = target.stat().st_size, figures.bits, figures.count
    pixels = info.width * info.height * count
    shares = ", ".join(f"{name} {100 * value / sum(bits.values()):.0f} %" for name, value in bits.items())
    print(f"{target}: {count} frames {info.width}x{info.height}, {size} bytes, {8 * size / pixels:.4f} bpp")
    print(f"  {shares}")
    chosen = ", ".join(f"1/{factor} {figures.factors[factor]}" for factor in sorted(filter(None, figures.factors)))
    if chosen:
        print(f"  frames by resolution of their motion: {chosen}")
    if grouped:
        print(f"  groups: {' '.join(str(length) for length in figures.groups)}")


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
