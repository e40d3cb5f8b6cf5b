"""Measure codecs on real bitstreams, as `lvc evaluate` does: `python evaluate.py --help` says more."""

from lvc.cli.evaluate import main

if __name__ == "__main__":
    main()
