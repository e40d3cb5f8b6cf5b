"""Train a codec, as `lvc train` does: `python train.py --help` says more."""

from lvc.cli.train import main

if __name__ == "__main__":
    main()
