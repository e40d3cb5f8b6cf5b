"""Encoders that are programs on this machine, such as HM, VTM and JM: raw planes in, a bitstream, raw planes out."""

import re
import shlex
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from lvc.config.evaluate import ProtocolConfig
from lvc.config.programs import ProgramConfig
from lvc.datasets.planes import Planes, raw_bytes
from lvc.datasets.sequences import Source
from lvc.errors import UserError
from lvc.evaluation.frames import FrameFacts
from lvc.evaluation.measure import Measurement, compare_frames
from lvc.rivals.pictures import Pictures
from lvc.timing import Stopwatch

_LOG = re.compile(r"^POC +(\d+) .*?\b([IPB])-SLICE.*?\) +(\d+) bits", re.MULTILINE)
"""How HM and VTM tell of a picture."""


def describe_program(config: ProgramConfig, point: float, protocol: ProtocolConfig) -> dict[str, Any]:
    """All settings that decide the bitstream, as records carry them: the command line without this machine's paths."""
    values = {"point": f"{point:g}", "period": str(protocol.intra_period), "keyint": str(protocol.intra_period)}
    command = _filled(config.encode, {**values, "folder": config.version})
    return {
        "kind": "traditional",
        "encoder": config.version,
        "command": command,
        "decoder": _filled(config.decode, {**values, "folder": config.version}),
        "pixels": config.pixels or "the source's own planes, yuv420p of RGB",
    }


def measure_program(
    config: ProgramConfig, point: float, source: Source, protocol: ProtocolConfig, target: Path
) -> Measurement:
    """Encode a source to ``target`` and decode it, each by one command, and measure what comes back.

    Args:
        config: The program's command lines.
        point: The rate point.
        source: What to code.
        protocol: Metrics and intra period.
        target: The bitstream's path.

    Raises:
        UserError: When a program is missing or fails, with its own last line, or gives fewer frames than were coded.
    """
    pictures, reading = Pictures.of(source, config.pixels), Stopwatch()
    encoding, decoding = Stopwatch(), Stopwatch()
    with tempfile.TemporaryDirectory(prefix="lvc-") as folder:
        raw, output = Path(folder, "input.yuv"), Path(folder, "output.yuv")
        with reading, raw.open("wb") as file:
            for planes in pictures.planes():
                file.writelines(raw_bytes(planes))
        values = _values(config, point, pictures, protocol)
        paths = {"stream": str(target.resolve()), "output": str(output)}
        with encoding:
            said = _run(_filled(config.encode, {**values, **paths, "input": str(raw)}), config)
        raw.unlink()
        with decoding:
            _run(_filled(config.decode, {**values, **paths}), config)
        decoded = pictures.back(_read(output, pictures), pictures.form.depth)
        quality, crop = compare_frames(source, decoded, protocol.metrics, config.version)
    size = target.stat().st_size
    return Measurement(
        bytes=size,
        file_bytes=size,
        stream_bits={},
        seconds={"encode": encoding.seconds, "decode": decoding.seconds},
        quality=quality,
        crop=crop,
        frames=_facts(said, source.count),
    )


def _values(config: ProgramConfig, point: float, pictures: Pictures, protocol: ProtocolConfig) -> dict[str, str]:
    height, width = pictures.size
    rows, columns = pictures.form.sampling()
    return {
        "folder": config.folder or "",
        "width": str(width),
        "height": str(height),
        "frames": str(pictures.source.count),
        "fps": f"{float(pictures.source.sequence.fps):g}",
        "depth": str(pictures.form.depth),
        "chroma": {(2, 2): "420", (1, 2): "422", (1, 1): "444"}[rows, columns],
        "period": str(protocol.intra_period),
        "point": f"{point:g}",
    }


def _filled(command: str, values: dict[str, str]) -> str:
    """A command with what is known in place of its ``{names}``."""
    return re.sub(r"\{(\w+)\}", lambda found: values.get(found[1], found[0]), command)


def _run(command: str, config: ProgramConfig) -> str:
    """What a command prints."""
    arguments = shlex.split(command)
    try:
        done = subprocess.run(arguments, capture_output=True, text=True, errors="replace")
    except OSError as error:
        raise UserError(
            f"programs: cannot run {arguments[0]} ({error.strerror}); binaries.{config.binary} names the folder of "
            f"{config.version}"
        ) from None
    if done.returncode:
        lines = (done.stdout + done.stderr).strip().splitlines()
        about = [line for line in lines if "rror" in line] or lines[-1:] or ["and says nothing"]
        raise UserError(f"programs: {Path(arguments[0]).name} failed: {about[0].strip()}")
    return done.stdout


def _read(path: Path, pictures: Pictures) -> Iterator[Planes]:
    """Frames of a raw file in the coded format; a frame that is cut short ends it."""
    height, width = pictures.size
    rows, columns = pictures.form.sampling()
    shapes = [(height, width), *[(height // rows, width // columns)] * 2]
    kind = np.dtype(np.uint16 if pictures.form.depth > 8 else np.uint8)
    if not path.is_file():
        return
    with path.open("rb") as file:
        while True:
            planes = []
            for shape in shapes:
                data = file.read(shape[0] * shape[1] * kind.itemsize)
                if len(data) < shape[0] * shape[1] * kind.itemsize:
                    return
                planes.append(np.frombuffer(data, kind).reshape(shape))
            yield tuple(planes)


def _facts(said: str, count: int) -> dict[int, FrameFacts]:
    """Kind and bits of each picture, where the encoder tells them of all."""
    found = {int(poc): FrameFacts(kind, int(bits)) for poc, kind, bits in _LOG.findall(said)}
    return found if sorted(found) == list(range(count)) else {}
