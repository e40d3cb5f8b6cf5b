"""Decode a bitstream to a video file or a folder of PNG frames.

OUT's suffix decides: .mkv is lossless (FFV1), .mp4 plays anywhere, .y4m is raw 4:4:4, anything else is a folder of PNG
frames. The export is looked for where it was last used, beside the bitstream and in the package; --model names it. Of
a damaged bitstream the frames that do not need what is damaged are still written.
"""

import argparse
from itertools import chain
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``decode``."""
    parser.add_argument("source", metavar="IN.lvc", type=Path, help="bitstream")
    parser.add_argument("target", metavar="OUT", type=Path, help=".mkv, .mp4, .y4m or a folder for PNG frames")
    parser.add_argument("--model", metavar="EXPORT", help="export that encoded it, or its name in the package")
    parser.add_argument("--spatial-level", type=int, default=None, help="halve the picture so often (layered streams)")
    parser.add_argument(
        "--temporal-level", type=int, default=None, help="halve the frame rate so often (temporal levels)"
    )
    parser.add_argument("--device", default="cpu", help="device to compute on; the kind that encoded")


def run(options: argparse.Namespace) -> None:
    """Decode and print a line of figures."""
    from tqdm import tqdm

    from lvc.bitstream.container import file_header
    from lvc.cli.exports import find
    from lvc.coding.video import decode_video, temporal_levels
    from lvc.datasets.frames import to_bytes
    from lvc.datasets.video import VideoWriter
    from lvc.errors import BitstreamError
    from lvc.export import load_export
    from lvc.models.shipped import named

    header = file_header(options.source)
    path = named(options.model) if options.model else find(header.digest, options.source)
    export = load_export(path, options.device)
    levels = temporal_levels(header, options.temporal_level)
    fps = header.fps / 2 ** (levels - header.structure.get("temporal_level", 0))
    frames = decode_video(options.source, export, options.spatial_level, levels)
    first = next(frames)
    height, width = first.shape[-2:]
    count, damage = 0, None
    with VideoWriter(options.target, (height, width), fps, header.colour) as writer:
        try:
            bar = tqdm(chain([first], frames), "decode", unit=" frames", disable=None, dynamic_ncols=True)
            for frame in bar:
                writer.write(to_bytes(frame))
                count += 1
        except BitstreamError as error:
            damage = error
    print(f"{options.target}: {count} frames {width}x{height} at {float(fps):g} fps")
    if damage:
        raise BitstreamError(f"{damage}; the {count} frames that can be decoded are in {options.target}")
