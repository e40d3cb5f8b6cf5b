"""Write the sweep.yaml of a wandb sweep that drives the same overrides as train.py.

Overrides are those of `python train.py -m`: `loss.lmbda=256,512` and `range(...)` become values of a grid,
`schedule.all.lr=tag(log,interval(1e-5,1e-3))` a range that is searched for the lowest validation cost; the rest
is fixed. Where nothing is swept, every lambda of loss.choices is. `wandb sweep sweep.yaml` then says how to start
its agents.
"""

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``wandb-sweep``."""
    parser.add_argument("overrides", metavar="OVERRIDE", nargs="*", help="such as model=dcvc_tcm loss.lmbda=256,512")
    parser.add_argument("--out", type=Path, default=Path("sweep.yaml"), help="file to write")


def run(options: argparse.Namespace) -> None:
    """Check every run of the sweep, then write its definition."""
    import yaml

    from lvc.files import replacing
    from lvc.sweeps.agents import sweep_config

    definition = sweep_config(options.overrides)
    with replacing(options.out) as part:
        part.write_text(yaml.safe_dump(definition, sort_keys=False, width=100))
    print(f"{options.out}: a {definition['method']} over {', '.join(definition['parameters'])}")
    print(f"wandb sweep {options.out}")
