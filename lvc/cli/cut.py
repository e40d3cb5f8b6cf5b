"""Cut a bitstream to a smaller picture or a lower frame rate; needs no model.

A codec with spatial levels writes a layer of every frame for each, one with temporal levels writes frames level by
level (see `python -m lvc info`). What is left decodes as the whole does under the same levels.
"""

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``cut``."""
    parser.add_argument("source", metavar="IN.lvc", type=Path, help="bitstream")
    parser.add_argument("target", metavar="OUT.lvc", type=Path, help="bitstream to write")
    parser.add_argument("--spatial-level", type=int, default=0, help="halve the picture so often")
    parser.add_argument("--temporal-level", type=int, default=None, help="halve the frame rate so often")


def run(options: argparse.Namespace) -> None:
    """Cut and print a line of figures."""
    from lvc.coding.video import cut_video
    from lvc.errors import UserError

    if options.target.resolve() == options.source.resolve():
        raise UserError(f"{options.target}: is the bitstream itself; name another file")
    cut_video(options.source, options.target, options.spatial_level, options.temporal_level)
    before, after = (path.stat().st_size for path in (options.source, options.target))
    print(f"{options.target}: {after} bytes of {before}")
