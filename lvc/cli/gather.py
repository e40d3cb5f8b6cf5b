"""Gather runs into one table, rate-distortion plots and BD-rates.

Finished, unfinished and failed runs are shown alike, each with its state; runs that differ in lambda alone are points
of one curve. Figures from training are estimates and labelled so; results of evaluate.py on a run's export, found in
the same folders, stand beside them. Written are members.csv, bdrate.csv, gathered.md, gathered.html and the plots.
"""

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``gather``."""
    parser.add_argument("folders", metavar="FOLDER", nargs="+", type=Path, help="where runs and evaluations are")
    parser.add_argument("--out", type=Path, help="folder to write to [gathered in the first FOLDER]")
    parser.add_argument("--anchor", help="curve that BD-rates are relative to [the first that is one]")


def run(options: argparse.Namespace) -> None:
    """Gather, and print the table."""
    from lvc.sweeps.gather import gather
    from lvc.sweeps.pages import table

    gathered = gather(options.folders, options.out or options.folders[0] / "gathered", options.anchor)
    print(table(gathered))
    print(f"\n{gathered.folder / 'gathered.html'}")
