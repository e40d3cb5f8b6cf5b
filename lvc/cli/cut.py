"""Cut layers off a bitstream, for a smaller picture; needs no model.

A codec with spatial levels (see `python -m lvc info`) writes a layer for each. What is left decodes as
`decode --spatial-level` would.
"""

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``cut``."""
    parser.add_argument("source", metavar="IN.lvc", type=Path, help="bitstream")
    parser.add_argument("target", metavar="OUT.lvc", type=Path, help="bitstream to write")
    parser.add_argument("--spatial-level", type=int, required=True, help="halve the picture so often")


def run(options: argparse.Namespace) -> None:
    """Cut and print a line of figures."""
    from lvc.coding import cut_video
    from lvc.errors import UserError

    if options.target.resolve() == options.source.resolve():
        raise UserError(f"{options.target}: is the bitstream itself; name another file")
    cut_video(options.source, options.target, options.spatial_level)
    before, after = (path.stat().st_size for path in (options.source, options.target))
    print(f"{options.target}: {after} bytes of {before}")
