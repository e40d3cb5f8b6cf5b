"""VMAF, VMAF-NEG and XPSNR, by the FFmpeg binary on raw planes."""

import json
import re
import tempfile
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from torch import Tensor

from lvc.datasets.frames import to_tensor
from lvc.datasets.planes import PlaneFormat, Planes, planes_from, raw_bytes
from lvc.datasets.sequences import Source
from lvc.evaluation.metrics import PSNR_LIMIT, QualityMeter, weighted

PERCEPTUAL = ("vmaf", "xpsnr")

_MODELS = r"version=vmaf_v0.6.1\\:name=vmaf|version=vmaf_v0.6.1neg\\:name=vmaf_neg"


class PerceptualMeter:
    """Keeps both videos as raw files beside each other and measures them when they are whole.

    Sources that have only RGB are measured as 4:2:0, made alike on both sides.

    Args:
        metrics: Of :data:`PERCEPTUAL`; with none of them nothing is kept.
        source: What is measured.
    """

    def __init__(self, metrics: list[str], source: Source):
        self._metrics, self._source = metrics, source
        self._form = source.form or PlaneFormat("yuv420p", source.sequence.matrix)
        self._open = ExitStack()
        self._folder: Path | None = None

    def __enter__(self) -> "PerceptualMeter":
        if self._metrics:
            self._folder = Path(self._open.enter_context(tempfile.TemporaryDirectory(prefix="lvc-")))
            self._paths = [self._folder / name for name in ("original.yuv", "decoded.yuv")]
            self._files = [self._open.enter_context(path.open("wb")) for path in self._paths]
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def add(self, original: Planes, decoded: Planes) -> None:
        """One frame's planes in the source's format."""
        if self._folder:
            for file, planes in zip(self._files, (original, decoded), strict=True):
                file.writelines(raw_bytes(planes))

    def add_rgb(self, original: np.ndarray, decoded: Tensor) -> None:
        """One frame of a source without planes."""
        if self._folder:
            self.add(*(planes_from(frame, self._form) for frame in (to_tensor(original), decoded)))

    def measure(self, meter: QualityMeter) -> None:
        """Give what was asked for to ``meter``, frame by frame.

        Raises:
            UserError: When the FFmpeg binary is not installed.
        """
        if not self._folder:
            return
        for file in self._files:
            file.flush()
        found = {"vmaf": self._vmaf, "xpsnr": self._xpsnr}
        for metric in self._metrics:
            for values in found[metric]():
                meter.note(values)

    def _vmaf(self) -> list[dict[str, float]]:
        log = self._folder / "vmaf.json"
        self._filter(f"[1:v][0:v]libvmaf=model={_MODELS}:log_fmt=json:log_path={log}")
        frames = json.loads(log.read_text())["frames"]
        return [{name: frame["metrics"][name] for name in ("vmaf", "vmaf_neg")} for frame in frames]

    def _xpsnr(self) -> list[dict[str, float]]:
        """The mean is of frames; the filter's own last line pools their errors instead."""
        log = self._folder / "xpsnr.txt"
        self._filter(f"[0:v][1:v]xpsnr=stats_file={log}")
        rows = re.findall(r"XPSNR y: *(\S+) +XPSNR u: *(\S+) +XPSNR v: *(\S+)", log.read_text())
        named = [{f"xpsnr_{p}": min(PSNR_LIMIT, float(v)) for p, v in zip("yuv", row, strict=True)} for row in rows]
        return [{"xpsnr": weighted(values, "xpsnr")["xpsnr_yuv"], "xpsnr_y": values["xpsnr_y"]} for values in named]

    def _filter(self, graph: str) -> None:
        from lvc.rivals.binary import raw_input, run_ffmpeg

        size, fps = (self._source.height, self._source.width), str(self._source.sequence.fps)
        inputs = [text for path in self._paths for text in raw_input(self._form, size, fps, str(path))]
        run_ffmpeg([*inputs, "-lavfi", graph, "-f", "null", "-"], [], "protocol.metrics")
