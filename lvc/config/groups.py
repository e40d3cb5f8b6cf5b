"""The config groups in ``conf/``: which there are, what they choose, and their choices."""

import re
from dataclasses import dataclass
from pathlib import Path

from lvc.config.outside import conf_folders

_LINE = re.compile(r"^  - (?P<name>[\w/]+): (?P<default>\w+)(?: +# (?P<meaning>.+))?$", re.MULTILINE)


@dataclass(frozen=True)
class Group:
    """A config group that an entry point offers: ``name=choice`` on the command line."""

    name: str
    default: str
    meaning: str
    choices: list[str]


def conf_dir() -> Path:
    """The folder of config groups: ``conf/`` of a checkout, ``lvc/conf/`` of an installed wheel."""
    installed = Path(__file__).parents[1] / "conf"
    return installed if installed.is_dir() else Path(__file__).parents[2] / "conf"


def offered(config_name: str) -> list[Group]:
    """The groups in the defaults list of ``config_name``, each with the comment beside it."""
    text = (conf_dir() / f"{config_name}.yaml").read_text(encoding="utf-8")
    found = (match.groupdict(default="") for match in _LINE.finditer(text))
    return [Group(**match, choices=choices(match["name"])) for match in found]


def choices(group: str) -> list[str]:
    """The choices of a config group, experiments in folders below it as ``folder/choice``."""
    return list(dict.fromkeys(name for folder in (conf_dir(), *conf_folders()) for name in _choices(folder / group)))


def _choices(folder: Path) -> list[str]:
    below = [p for p in folder.glob("*/*.yaml") if "@package _global_" in p.read_text(encoding="utf-8")]
    files = [*sorted(folder.glob("*.yaml")), *sorted(below)]
    return [path.relative_to(folder).with_suffix("").as_posix() for path in files]
