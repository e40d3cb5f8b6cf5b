"""What other packages bring: models, data sets, metrics, optimisers and config files, found by their entry points.

A package names in its ``pyproject.toml`` what it brings, and nothing of lvc changes for it::

    [project.entry-points."lvc.models"]
    my_codec = "my_package.config:MyCodecConfig"

    [project.entry-points."lvc.conf"]
    my_package = "my_package.conf"
"""

import sys
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, EntryPoints, entry_points
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

from lvc.config.contract import ConfigError


@cache
def _installed() -> EntryPoints:
    return entry_points()  # reads every installed package's


def named(group: str) -> dict[str, EntryPoint]:
    """The entry points of a group, not loaded yet, by name."""
    return {point.name: point for point in sorted(_installed().select(group=f"lvc.{group}"))}


def brought(group: str, kind: type, known: dict[str, Any]) -> dict[str, Any]:
    """What other packages bring to a group by name. What cannot be used is left out, which one line on stderr says.

    Args:
        group: The group's name without ``lvc.``.
        kind: What an entry is: an instance, or a subclass, of it.
        known: What lvc has itself, whose names stay.
    """
    found = {}
    for name, point in named(group).items():
        where = f"lvc.{group}: {name} = {point.value}"
        try:
            value = point.load()
        except Exception as error:  # whatever another package's code makes of being imported
            _leave_out(where, f"{type(error).__name__}: {error}")
            continue
        fits = issubclass(value, kind) if isinstance(value, type) else isinstance(value, kind)
        if name in known:
            _leave_out(where, f"lvc has its own '{name}'")
        elif not fits:
            _leave_out(where, f"is no {kind.__name__}")
        else:
            found[name] = value
    return found


def _leave_out(where: str, why: str) -> None:
    print("warning:", " ".join(f"{where} is left out ({why})".split()), file=sys.stderr)


def load(group: str, name: str, option: str, known: dict[str, Any]) -> Any:
    """What an option names: one of ``known``, an entry point of the group, or ``package.module.Class`` itself.

    Raises:
        ConfigError: Naming the option and its choices, or why it cannot be imported.
    """
    check_name(group, name, option, known)
    if name in known:
        return known[name]
    try:
        return named(group)[name].load() if name in named(group) else resolve_name(name)
    except Exception as error:  # whatever another package's code makes of being imported
        raise ConfigError(option, f"'{name}' cannot be imported ({type(error).__name__}: {error})") from None


def check_name(group: str, name: str, option: str, known: Any) -> None:
    """Refuse a name that :func:`load` cannot know, without importing anything.

    Raises:
        ConfigError: Naming the option and its choices.
    """
    if name not in known and name not in named(group) and "." not in name:
        choices = ", ".join(repr(choice) for choice in (*known, *named(group)))
        raise ConfigError(option, f"{name!r} is not one of {choices}, nor a class of a package (package.module.Class)")


def conf_packages() -> dict[str, str]:
    """Packages of config files that other packages bring, by name."""
    return {name: point.value for name, point in named("conf").items()}


@cache
def conf_folders() -> list[Path]:
    """Their folders."""
    return [Path(folder) for package in conf_packages().values() for folder in import_module(package).__path__]
