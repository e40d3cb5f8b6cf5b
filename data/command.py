"""A command line of ``key=value`` options that a contract checks."""

import sys
from collections.abc import Callable, Sequence
from textwrap import fill
from typing import Any, TypeVar

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from lvc.config.contract import ConfigError, build
from lvc.config.describe import entries
from lvc.errors import UserError

T = TypeVar("T")


def run_command(
    name: str, about: str, contract: type[T], positional: Sequence[str], run: Callable[[T], Any], argv: list[str]
) -> int:
    """Parse, check and run; a mistake of the user ends as one line on stderr.

    Args:
        name: What is typed after ``python -m``.
        about: What the command does, for ``--help``.
        contract: Dataclass of its options.
        positional: Options that may be given without their key, in order.
        run: Called with the checked options.
        argv: Arguments.

    Returns:
        Exit code: 0, 2 for a mistake or a full disk, 130 when interrupted.
    """
    if {"-h", "--help"} & set(argv):
        print(help_page(name, about, contract, positional))
        return 0
    try:
        run(parse(contract, positional, argv))
    except UserError as error:
        print("error:", " ".join(str(error).split()), file=sys.stderr)
        return 2
    except ModuleNotFoundError as error:
        print(f"error: {error.name} is not installed: pip install -c constraints.txt '.[data]'", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped; the same command continues", file=sys.stderr)
        return 130
    return 0


def parse(contract: type[T], positional: Sequence[str], argv: Sequence[str]) -> T:
    """The options that a command line gives.

    Raises:
        ConfigError: Naming the option that is unknown, missing or wrong.
    """
    plain = [a for a in argv if "=" not in a and not a.startswith("-")]
    if flag := next((a for a in argv if a.startswith("-")), None):
        raise ConfigError(flag, "is no option; options are typed as key=value, and --help lists them")
    if len(plain) > len(positional):
        raise ConfigError(plain[len(positional)], f"is one argument too many after {' '.join(positional).upper()}")
    data = dict(zip(positional, plain, strict=False))
    try:
        typed = OmegaConf.from_dotlist([a for a in argv if "=" in a])
        data |= OmegaConf.to_container(typed, resolve=True)
    except (OmegaConfBaseException, YAMLError, ValueError) as error:
        raise ConfigError("", f"cannot be read as key=value: {str(error).splitlines()[0]}") from None
    return build(contract, data)


def help_page(name: str, about: str, contract: type, positional: Sequence[str]) -> str:
    """What ``--help`` prints, made from the contract."""
    places = " ".join(p.upper() for p in positional)
    lines = [about.strip(), f"usage: python -m {name} {places} [option=value ...]", "Options:"]
    for entry in entries(contract):
        default = "required" if entry.default is None else f"default {entry.default}"
        text = f"{entry.meaning} [{entry.type}; {default}]".replace("`", "").replace("\\|", "|")
        lines.append(f"  {entry.key:<16} {fill(text, 96, subsequent_indent=' ' * 19)}")
    return "\n\n".join(lines[:2]) + "\n\n" + "\n".join(lines[2:])
