"""Imports as the command runs them, in this process."""

import argparse
from pathlib import Path

from lvc.cli import imports
from lvc.export import Export, load_export


def run_import(*arguments) -> None:
    """``python -m lvc import ARGUMENTS``."""
    parser = argparse.ArgumentParser()
    imports.add_arguments(parser)
    imports.run(parser.parse_args([str(a) for a in arguments]))


def imported(model: str, file: Path, out: Path, *arguments) -> Export:
    """The export that a file becomes."""
    run_import(model, file, out, *arguments)
    return load_export(out)
