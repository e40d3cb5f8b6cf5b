"""``lvc`` and ``python -m lvc``: train, evaluate, encode, decode and inspect files, list models, import weights."""

import argparse
import sys
from importlib import import_module
from pathlib import Path

from lvc import __version__
from lvc.cli import (
    compare,
    cut,
    dashboard,
    data,
    decode,
    encode,
    gather,
    imports,
    info,
    models,
    scaling,
    summary,
    wandb_sweep,
)
from lvc.errors import UserError
from lvc.startup import end_when_asked, prepare

COMMANDS = {
    "encode": encode,
    "decode": decode,
    "cut": cut,
    "info": info,
    "models": models,
    "summary": summary,
    "scaling": scaling,
    "import": imports,
    "compare": compare,
    "data": data,
    "gather": gather,
    "wandb-sweep": wandb_sweep,
    "dashboard": dashboard,
}


COMPOSED = {
    "train": "Train a codec: compose the configuration, run the schedule, export.",
    "evaluate": "Measure codecs on real bitstreams and compare them.",
}
"""Commands whose options Hydra composes; they have a help of their own."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the process's exit code (2 for a mistake of the user's, said in one line)."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments and arguments[0] in COMPOSED:
        sys.argv = [f"lvc {arguments[0]}", *arguments[1:]]
        import_module(f"lvc.cli.{arguments[0]}").main()
        return 0
    program = "lvc" if Path(sys.argv[0]).name == "lvc" else "python -m lvc"
    parser = argparse.ArgumentParser(prog=program, description="Learned video codecs from the command line.")
    parser.add_argument("--version", action="version", version=f"lvc {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for name, what in COMPOSED.items():
        commands.add_parser(name, help=what)
    for name, module in COMMANDS.items():
        first = module.__doc__.splitlines()[0]
        sub = commands.add_parser(name, help=first, description=module.__doc__, formatter_class=_Formatter)
        module.add_arguments(sub)
        sub.set_defaults(run=module.run)
    options = parser.parse_args(arguments)
    prepare()
    end_when_asked()
    try:
        options.run(options)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return 0
    return 0


class _Formatter(argparse.RawDescriptionHelpFormatter, argparse.ArgumentDefaultsHelpFormatter):
    """Pages keep their line breaks, and options name their defaults where they have one."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        return action.help if action.default is None else super()._get_help_string(action)


if __name__ == "__main__":
    sys.exit(main())
