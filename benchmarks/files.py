"""Frames per second from file to file, encoding and decoding, and the share of the time spent outside the networks.

Outside are reading and writing video, colour, range coding, the container, and python between them.
"""

import tempfile
import time
from itertools import islice
from pathlib import Path

import torch
from common import arguments, interleaved, report

from lvc.codec import VideoCodec
from lvc.coding.settings import EncodeOptions
from lvc.coding.video import decode_video, encode_video
from lvc.datasets.frames import to_bytes, to_tensor
from lvc.datasets.video import VideoReader, VideoWriter
from lvc.entropy import streams
from lvc.export import load_export
from lvc.models.shipped import named
from lvc.structures import frame


class Networks:
    """Seconds in ``code_frame`` without those in symbol streams."""

    seconds = 0.0

    @classmethod
    def watch(cls, codec: VideoCodec) -> None:
        """Take the time of a codec."""
        codec.code_frame = cls._timed(codec.code_frame, 1)

    @classmethod
    def _timed(cls, function, sign: int):
        def timed(*args, **options):
            started = time.perf_counter()
            result = function(*args, **options)
            cls.seconds += sign * (time.perf_counter() - started)
            return result

        return timed


def timed_stream(stream: type) -> type:
    """A stream whose range coding does not count as a network's time."""

    class Timed(stream):
        code = Networks._timed(stream.code, -1)

    return Timed


def main() -> None:
    parser = arguments(__doc__.splitlines()[0])
    parser.add_argument("clip", type=Path, help="video to code")
    parser.add_argument("--model", default=None, help="export, or a codec of the package (light)")
    parser.add_argument("--quality", type=float, default=None, help="of a variable-rate codec (the middle one)")
    parser.add_argument("--frames", type=int, default=33, help="frames coded in a repeat")
    parser.add_argument("--suffix", default=".mp4", help="of the decoded file")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    export = load_export(named(options.model))
    Networks.watch(export.codec)
    frame.Write, frame.Read = timed_stream(streams.Write), timed_stream(streams.Read)
    inside: dict[str, list[float]] = {"encode": [], "decode": []}

    def noted(name: str, work) -> None:
        Networks.seconds = 0.0
        started = time.perf_counter()
        work()
        inside[name].append(Networks.seconds / (time.perf_counter() - started))

    with tempfile.TemporaryDirectory() as folder:
        coded, decoded = Path(folder, "clip.lvc"), Path(folder, f"decoded{options.suffix}")

        def encode() -> None:
            reader = VideoReader(options.clip)
            frames = (to_tensor(picture) for picture in islice(reader, options.frames))
            video = encode_video(
                export, frames, coded, reader.info.fps, reader.info.matrix, options=EncodeOptions(q=options.quality)
            )
            count[0] = sum(1 for _ in video)

        def decode() -> None:
            info = VideoReader(options.clip).info
            with VideoWriter(decoded, (info.height, info.width), info.fps) as writer:
                for picture in decode_video(coded, export):
                    writer.write(to_bytes(picture))

        count = [0]
        cases = {"encode": lambda: noted("encode", encode), "decode": lambda: noted("decode", decode)}
        rows = interleaved(cases, options.repeats)
        info = VideoReader(options.clip).info
        rows["encode"] |= {"bytes": coded.stat().st_size, "size": f"{info.width}x{info.height}", "frames": count[0]}
    for row in rows.values():
        row["frames_per_second"] = count[0] / row["seconds"]
        row["fastest_frames_per_second"] = count[0] / row["fastest"]
    ratios = {f"{name}: outside the networks / all": 1 - sorted(shares[1:])[len(shares[1:]) // 2]
              for name, shares in inside.items()}  # fmt: skip
    report(f"files of {export.info['model']} {export.info['size']}", rows, ratios, options)


if __name__ == "__main__":
    main()
