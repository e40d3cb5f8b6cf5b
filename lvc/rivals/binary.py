"""The FFmpeg binary that the package `imageio-ffmpeg` brings: encoders and metrics that PyAV does not have."""

import re
import subprocess
import tempfile
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from lvc.config.evaluate import TraditionalConfig
from lvc.datasets.planes import PlaneFormat, Planes, raw_bytes
from lvc.errors import UserError
from lvc.rivals.pictures import Pictures
from lvc.rivals.stream import Packets, read_packets
from lvc.timing import Stopwatch


@cache
def find_ffmpeg() -> str:
    """Path of the binary.

    Raises:
        UserError: When the package is not installed, or has no binary for this machine.
    """
    try:
        from imageio_ffmpeg import get_ffmpeg_exe

        return get_ffmpeg_exe()
    except (ImportError, RuntimeError):
        raise UserError("the FFmpeg binary is not there: pip install 'lvc[anchors]' brings imageio-ffmpeg") from None


@cache
def ffmpeg_version() -> str:
    """What the binary says it is."""
    done = subprocess.run([find_ffmpeg(), "-hide_banner", "-version"], capture_output=True, text=True, check=True)
    return done.stdout.split()[2]


def raw_input(form: PlaneFormat, size: tuple[int, int], fps: str, path: str = "-") -> list[str]:
    """Arguments that read raw planes from a file, or from standard input."""
    shape = f"{size[1]}x{size[0]}"
    return ["-f", "rawvideo", "-pix_fmt", form.pixels, "-video_size", shape, "-framerate", fps, "-i", path]


def encode(
    config: TraditionalConfig, options: dict[str, str], pictures: Pictures, target: Path, reading: Stopwatch
) -> Packets:
    """Encode into a Matroska file at ``target``; arguments and errors as :func:`lvc.rivals.pyav.encode`."""
    given = [text for name, value in options.items() for text in (f"-{name}", value)]
    strip = ["-bsf:v", config.filter] if config.filter else []
    source = raw_input(pictures.form, pictures.size, str(pictures.source.sequence.fps))
    coder = ["-c:v", config.encoder, *given, "-threads", str(config.threads), *strip]
    tail = ["-fps_mode", "passthrough", "-f", "matroska", "-y", str(target)]
    run_ffmpeg([*source, *coder, *tail], reading.over(pictures.planes()), f"traditional: {config.encoder}")
    return read_packets(target)


def run_ffmpeg(arguments: list[str], planes: Iterable[Planes], what: str) -> None:
    """Run the binary with raw planes as its standard input.

    Raises:
        UserError: With the binary's own first complaint, when it fails.
    """
    command = [find_ffmpeg(), "-hide_banner", "-nostdin", "-loglevel", "error", *arguments]
    with tempfile.TemporaryFile() as said:  # not a pipe, which would block when it is full
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=said)
        try:
            for frame in planes:
                for chunk in raw_bytes(frame):
                    process.stdin.write(chunk)
            process.stdin.close()
        except BrokenPipeError:
            pass  # it stopped reading, and says why
        except BaseException:
            process.kill()
            raise
        finally:
            code = process.wait()
        said.seek(0)
        lines = said.read().decode(errors="replace").strip().splitlines()
    if code or any("not used for any" in line for line in lines):
        raise UserError(f"{what}: {_complaint(lines)}")


def _complaint(lines: list[str]) -> str:
    """The first line, which is the cause of those that follow, without the name of the part that says it."""
    first = re.sub(r"^(\[[^]]*\] *)+", "", lines[0]) if lines else "the FFmpeg binary failed and says nothing"
    return first.rstrip(".: ")
