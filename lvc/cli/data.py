"""Check a copy of a test set: which sequences are missing, cut short or of another size.

`python -m lvc data check uvg videos/UVG` looks for files or folders that begin with the sequences' names. Frames are
counted and sizes compared; public checksums of these sets are not known to this program.
"""

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    from lvc.datasets.public_sets import set_names

    parser.add_argument("task", choices=["check", "list"], help="check a folder, or list what a set should hold")
    parser.add_argument("set", help=f"one of {', '.join(set_names())}")
    parser.add_argument("folder", nargs="?", type=Path, help="where the sequences lie")


def run(options: argparse.Namespace) -> None:
    """Print one line per sequence.

    Raises:
        UserError: For an unknown set or folder; and, once all are printed, where something is missing or wrong.
    """
    from lvc.datasets.public_sets import check_set, public_sets
    from lvc.errors import UserError

    if options.task == "list":
        if options.set not in public_sets():
            raise UserError(f"'{options.set}' has no list; choices are: {', '.join(public_sets())}")
        for e in public_sets()[options.set]:
            known = [f"{e.fps} fps" if e.fps else "", f"{e.frames} frames" if e.frames else ""]
            known.append(f"{e.depth} bit" if e.depth else "")
            print(", ".join([f"{e.name:<20} {e.width}x{e.height}", *filter(None, known)]))
        return
    if options.folder is None:
        raise UserError(f"name a folder: python -m lvc data check {options.set} FOLDER")
    found = check_set(options.set, options.folder)
    width = max(len(f.name) for f in found)
    for f in found:
        print(f"{f.name:<{width}}  {'; '.join(f.problems) or 'ok, ' + f.facts}")
    wrong = [f.name for f in found if f.problems]
    if wrong:
        raise UserError(f"{options.folder}: {len(wrong)} of {len(found)} are missing or wrong: {', '.join(wrong)}")
