"""The light codec on files beside JPEG, WebP, x264, x265 and SVT-AV1: rate and PSNR-RGB, headers included.

    python benchmarks/light.py                     the package's codecs on the clips in LVC_DATA/test
    python benchmarks/light.py --clips FOLDER      on clips of your own
    python benchmarks/light.py --intra A B --inter A    other exports, such as what a run began with

What is measured once is kept in --work, so a second call goes on where the first one stopped.
"""

import argparse
import csv
import io
import json
import os
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import numpy as np
from common import machine
from matplotlib import pyplot as plt
from PIL import Image

from lvc.curves.bdrate import bd_rate
from lvc.datasets.video import open_video
from lvc.models.shipped import shipped

ROOT = Path(__file__).parents[1]
QUALITIES = {"intra": (0, 12, 24, 36, 48, 60), "inter": (4, 20, 36, 52)}
PICTURES = {  # Pillow's options and the qualities of each format
    "JPEG": ({"format": "JPEG", "optimize": True, "progressive": True}, (5, 10, 20, 30, 50, 70, 85, 92, 96)),
    "WebP": ({"format": "WEBP", "method": 6}, (0, 5, 15, 30, 50, 70, 85, 92, 97)),
}
STILLS = {"x265": (14, 20, 26, 32, 38, 44), "svtav1": (10, 20, 30, 40, 50, 60)}
X264 = 'encoder: libx264, points: [20, 24, 28, 32, 36, 40], filter: "filter_units=remove_types=6"'
X264_OPTIONS = 'tune: zerolatency, g: "{keyint}", sc_threshold: 0, bf: 0'
RIVALS = {f"x264_{preset}": f"{{{X264}, options: {{preset: {preset}, {X264_OPTIONS}}}}}" for preset in
          ("ultrafast", "medium", "veryslow")}  # fmt: skip
X265 = ["traditional.x265.points=[20,24,28,32,36,40]", "preset=medium"]

Curve = dict[str, list[tuple[float, float]]]
"""Bits per pixel and PSNR in dB by sequence."""


def evaluate(clips: Path, out: Path, *overrides: str) -> dict[str, Curve]:
    """Run ``evaluate.py``; curves by codec."""
    command = [sys.executable, str(ROOT / "evaluate.py"), f"dataset.path={clips}", f"output={out}", *overrides]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)  # encoders have much to say
    if done.returncode:
        sys.exit(done.stderr[-2000:])
    curves: dict[str, Curve] = defaultdict(lambda: defaultdict(list))
    with (out / "results.csv").open() as file:
        for row in csv.DictReader(file):
            curves[row["codec"]][row["sequence"]].append((float(row["bpp"]), float(row["psnr"])))
    return curves


def pictures(clips: Path) -> dict[str, Curve]:
    """JPEG and WebP files of the first frame of every clip."""
    curves: dict[str, Curve] = defaultdict(lambda: defaultdict(list))
    for clip in sorted(clips.iterdir()):
        frame = next(iter(open_video(clip, "bt601").frames(0, 1, 1)))
        for name, (options, qualities) in PICTURES.items():
            for quality in qualities:
                file = io.BytesIO()
                Image.fromarray(frame).save(file, quality=quality, **options)
                error = np.asarray(Image.open(file).convert("RGB"), float) - frame
                psnr = -10 * np.log10((error**2).mean() / 255**2)
                curves[name][clip.stem].append((8 * file.tell() / frame[..., 0].size, float(psnr)))
    return curves


def against(curves: dict[str, Curve], mine: str, anchor: str) -> dict[str, float | None]:
    """BD-rate (PCHIP, PSNR-RGB) of every sequence and their mean, in percent."""
    rates = {}
    for sequence, points in curves[mine].items():
        rates[sequence] = bd_rate(
            *zip(*points, strict=True), *zip(*curves[anchor][sequence], strict=True), "pchip"
        ).value
    known = [rate for rate in rates.values() if rate is not None]
    return rates | {"mean": sum(known) / len(known) if known else None}


def draw(panels: dict[str, dict[str, Curve]], path: Path) -> None:
    """Curves of means over sequences, a panel for intra and one for inter."""
    figure, axes = plt.subplots(1, len(panels), figsize=(6 * len(panels), 4.5), squeeze=False)
    for axis, (title, curves) in zip(axes[0], panels.items(), strict=True):
        for name, curve in curves.items():
            mean = np.mean([sorted(points) for points in curve.values()], 0)
            ours = name.startswith(("light", "intra_light"))
            axis.plot(*mean.T, marker="o", ms=3, lw=2 if ours else 1, label=name)
        axis.set(title=title, xlabel="bits per pixel (log scale)", ylabel="PSNR of RGB in dB", xscale="log")
        axis.grid(alpha=0.3, which="both")
        axis.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    data = Path(os.environ.get("LVC_DATA", ROOT.parent / "shared" / "data"))
    known = shipped()
    parser.add_argument("--clips", type=Path, default=data / "test", help="folder of clips")
    parser.add_argument("--intra", nargs="*", default=[str(known["intra_light"])], help="exports of intra codecs")
    parser.add_argument(
        "--inter", nargs="*", default=[str(p) for n, p in known.items() if n == "light"], help="of P codecs"
    )
    parser.add_argument("--labels", nargs="*", help="names of all those, in that order")
    parser.add_argument("--frames", type=int, default=33, help="frames of a clip, with an intra period of 32")
    parser.add_argument(
        "--work", type=Path, default=ROOT / "runs" / "light_figures", help="where measurements are kept"
    )
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "light.json")
    parser.add_argument("--plot", type=Path, default=None, help="picture of the curves")
    options = parser.parse_args()
    labels = options.labels or [*("intra_light" for _ in options.intra), *("light" for _ in options.inter)]

    def of(kind: str, exports: list[str], names: list[str]) -> list[str]:
        qualities = ",".join(map(str, QUALITIES[kind]))
        return [f"exports=[{','.join(exports)}]", f"labels=[{','.join(names)}]", f"qualities=[{qualities}]"]

    still = [f"traditional.{name}.points={list(points)}" for name, points in STILLS.items()]
    panels = {}
    if options.intra:
        panels["first frame"] = pictures(options.clips) | evaluate(
            options.clips, options.work / "intra", *of("intra", options.intra, labels[: len(options.intra)]), *still,
            "codecs=[x265,svtav1]", "protocol.frames=1", "protocol.intra_period=1", "protocol.metrics=[psnr]",
        )  # fmt: skip
    if options.inter:
        added = [f"++traditional.{name}={text}" for name, text in RIVALS.items()]
        panels[f"{options.frames} frames, intra period 32"] = evaluate(
            options.clips, options.work / "inter", *of("inter", options.inter, labels[len(options.intra) :]), *X265,
            *added, f"codecs=[{','.join(RIVALS)},x265]", f"protocol.frames={options.frames}", "protocol.metrics=[psnr]",
        )  # fmt: skip
    results = {}
    for title, curves in panels.items():
        rivals = [name for name in curves if name not in labels]
        results[title] = {
            "curves": curves,
            "bd_rate": {
                mine: {rival: against(curves, mine, rival) for rival in rivals} for mine in curves if mine in labels
            },
        }
        for mine, rows in results[title]["bd_rate"].items():
            for rival, rates in rows.items():
                mean = "-" if rates["mean"] is None else f"{rates['mean']:+.1f} %"
                print(f"{title}: {mine} against {rival}: {mean}", flush=True)
    options.out.write_text(json.dumps({"machine": machine(), "results": results}, indent=1) + "\n")
    if options.plot:
        draw(panels, options.plot)


if __name__ == "__main__":
    main()
