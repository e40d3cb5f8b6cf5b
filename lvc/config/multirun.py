"""A multirun: which members it has, where they live, and what becomes of those that fail.

A launcher may run members in other processes and on other machines, so nothing here relies on shared memory.
"""

import importlib.util
import itertools
import os
import re
import shutil
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep
from hydra.types import RunMode
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from lvc.config.contract import ConfigError
from lvc.errors import UserError

ERROR = "error.txt"
"""Why a member failed, in its folder."""

Parse = Callable[[list[str]], list[Override]]


def check_plugins(settings: DictConfig) -> None:
    """Refuse a launcher or sweeper whose package, or whose cluster, is not there.

    Raises:
        ConfigError: Saying what to install.
    """
    for part in ("launcher", "sweeper"):
        module = settings[part]._target_.rpartition(".")[0]
        package = "-".join(
            module.split(".")[:2][-1].split("_")
        )  # hydra_plugins.hydra_x_launcher is in hydra-x-launcher
        if importlib.util.find_spec(module.split(".")[0]) is None or importlib.util.find_spec(module) is None:
            chosen = settings.runtime.choices[f"hydra/{part}"]
            raise ConfigError(f"hydra/{part}", f"{chosen} needs the package {package}: pip install {package}")
    if settings.launcher._target_.endswith("SlurmLauncher") and shutil.which("sbatch") is None:
        chosen = settings.runtime.choices["hydra/launcher"]
        raise ConfigError("hydra/launcher", f"{chosen} needs sbatch, and this machine has none")


def members(settings: DictConfig, parsed: list[Override], parse: Parse) -> Iterator[list[str]]:
    """The overrides of each run of a multirun.

    Of a sweep every combination of its values; of a search, whose values are not known beforehand, the ends of
    each range and every single choice, one at a time.

    Raises:
        ConfigError: If a search would compare what cannot be compared, or a sweep has a range without values.
    """
    axes = _axes(settings, parsed, parse)
    if not _searches(settings):
        yield from map(list, itertools.product(*axes.values()))
        return
    if len(axes.get("loss.lmbda", ())) > 1:
        raise ConfigError("loss.lmbda", "a search compares validation costs, which depend on lambda; sweep it instead")
    first = {key: values[0] for key, values in axes.items()}
    yield list(first.values())
    for key, values in axes.items():
        yield from (list({**first, key: value}.values()) for value in values[1:])


def swept_keys(settings: DictConfig, parsed: list[Override], parse: Parse) -> list[str]:
    """The options in which members of a multirun differ."""
    return list(dict.fromkeys(o.key_or_group for o in parse(_params(settings)) + parsed if o.is_sweep_override()))


def ranges(settings: DictConfig, parsed: list[Override], parse: Parse) -> tuple[dict[str, Any], list[str]]:
    """What is swept as values or as the ends of a range, by key, in the terms of wandb; and what is fixed."""
    swept: dict[str, Any] = {}
    for override in parse(_params(settings)) + parsed:
        key, value = override.get_key_element(), override.value()
        if isinstance(value, IntervalSweep):
            law = "log_uniform_values" if "log" in value.tags else "uniform"
            swept[key] = {"distribution": law, "min": value.start, "max": value.end}
        elif override.is_sweep_override():
            swept[key] = {"values": [_scalar(text) for text in override.sweep_string_iterator()]}
    own = [o for o in parsed if not o.is_sweep_override() and o.key_or_group not in swept]
    # an agent starts single runs
    fixed = [o.input_line for o in own if o.key_or_group != "sweep" and not o.key_or_group.startswith("hydra")]
    return swept, fixed


def _scalar(text: str) -> int | float | str:
    for kind in (int, float):
        with suppress(ValueError):
            return kind(text)
    return text


def _searches(settings: DictConfig) -> bool:
    return not settings.sweeper._target_.endswith(".BasicSweeper")


def _params(settings: DictConfig) -> list[str]:
    """What a file of ``conf/sweep`` sweeps."""
    try:
        return [f"{key}={value}" for key, value in (settings.sweeper.params or {}).items()]
    except OmegaConfBaseException as error:
        reason = str(error).splitlines()[0].rpartition("resolving interpolation: ")[2]
        raise ConfigError("sweep", f"{settings.runtime.choices.get('sweep')}: {reason}") from None


def _axes(settings: DictConfig, parsed: list[Override], parse: Parse) -> dict[str, list[str]]:
    """The overrides that each option takes in turn, by its key."""
    axes: dict[str, list[str]] = {}
    for override in parse(_params(settings)) + parsed:
        key = override.get_key_element()
        if not override.is_sweep_override():
            axes[key] = [override.input_line]
        elif _searches(settings) and isinstance(override.value(), IntervalSweep | RangeSweep):
            value = override.value()
            end = value.end if isinstance(value, IntervalSweep) else value.stop
            axes[key] = [f"{key}={value.start}", f"{key}={end}"]
        elif override.is_discrete_sweep():
            axes[key] = [f"{key}={value}" for value in override.sweep_string_iterator()]
        else:
            raise ConfigError(key, "an interval needs a search: hydra/sweeper=optuna")
    return axes


def name_by_swept_values(
    settings: DictConfig, parsed: list[Override], members: Sequence[tuple[str, list[str]]]
) -> None:
    """Let the folders of a multirun's members, given by name and overrides, tell only what differs between them."""
    same = [o.key_or_group for o in parsed if not o.is_sweep_override()]
    named = settings.job.config.override_dirname.exclude_keys  # what the default name says already
    apart = {(name, *(o for o in overrides if o.partition("=")[0] not in named)) for name, overrides in members}
    # a flow network's name, say, does not tell its lambda
    says_all = len(apart) == len(members) and not {"dir", "name"} & set(same)
    keys = [*named, *same] if says_all else same
    listed = ",".join(f"'{key}'" for key in keys)
    # beside the user's own overrides: argparse takes positional arguments in one place only
    typed = [o.input_line for o in parsed if o.input_line in sys.argv]
    place = sys.argv.index(typed[0]) if typed else len(sys.argv)
    sys.argv.insert(place, f"hydra.job.config.override_dirname.exclude_keys=[{listed}]")


def group_name(names: Sequence[str], keys: Sequence[str]) -> str:
    """A name for the members together: what their names share, and what they differ in."""
    shared = names[0]
    if len(set(names)) > 1:
        same = itertools.takewhile(lambda letters: len(set(letters)) == 1, zip(*names, strict=False))
        shared = re.sub(r"(^|[-_/,=])[^-_/,=]*$", "", "".join(letters[0] for letters in same))
    return " by ".join(filter(None, [shared, ", ".join(keys)]))


def is_member() -> bool:
    """Whether the running task is one of a multirun's."""
    return HydraConfig.get().mode == RunMode.MULTIRUN


def as_member(data: dict[str, Any], group: str | None) -> dict[str, Any]:
    """Give a member of a multirun the folder and the name that are its own, and the group that it belongs to."""
    settings = HydraConfig.get()
    if not is_member():
        return data
    os.chdir(settings.runtime.cwd)  # a launcher may have begun elsewhere
    logger = data.get("logger")
    if logger and logger.get("group") is None:
        data = {**data, "logger": {**logger, "group": group}}
    if not settings.sweep.subdir or "dir" not in data:
        return data
    name, own = data.get("name"), str(settings.sweep.subdir)
    return {**data, "dir": os.path.join(settings.sweep.dir, own), "name": f"{name}/{own}"}


def discard_record(folder: Path) -> None:
    """Remove Hydra's record of a multirun from a folder that no member has made its own."""
    record = Path(folder, "multirun.yaml")
    if record.is_file() and not [entry for entry in folder.iterdir() if entry != record]:
        record.unlink()
        folder.rmdir()


class Failures:
    """What failed, told by the process that was started by the user, wherever it happened.

    A member that fails elsewhere leaves a note in ``folder``, which :meth:`exit_code` reads.

    Args:
        folder: Reached by all members.
    """

    def __init__(self, folder: Path):
        self.folder, self.codes, self._here = folder.absolute() / ".failed", [], True
        self._notes()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_here": False}

    def add(self, error: Exception, where: str | None) -> None:
        """Note an error of the run in folder ``where``; of a member, its folder keeps the reason too."""
        line = _one_line(error if isinstance(error, UserError) else f"{type(error).__name__}: {error}")
        code = 2 if isinstance(error, UserError) else 1
        if is_member() and where:
            text = line if code == 2 else "".join(traceback.format_exception(error))
            Path(where).mkdir(parents=True, exist_ok=True)
            Path(where, ERROR).write_text(f"{text}\n")
            line += "" if code == 2 else f" (see {Path(where, ERROR)})"
        if self._here:
            self._tell(code, line)
        else:
            self.folder.mkdir(parents=True, exist_ok=True)
            name = f"{HydraConfig.get().job.num:05d}"
            (self.folder / name).write_text(f"{code}{where or name}: {line}")

    def exit_code(self) -> int:
        """Tell of what failed elsewhere; 0 where nothing did, 1 after an error that is nobody's mistake, else 2."""
        for note in self._notes():
            self._tell(int(note[0]), note[1:])
        return min(self.codes, default=0)

    def _notes(self) -> list[str]:
        """The notes there are, which are then removed."""
        notes = []
        for path in sorted(self.folder.glob("[0-9]*")):
            notes.append(path.read_text())
            path.unlink()
        if self.folder.is_dir():
            self.folder.rmdir()
        return notes

    def _tell(self, code: int, line: str) -> None:
        self.codes.append(code)
        print("error:", line, file=sys.stderr, flush=True)


def _one_line(text: object) -> str:
    return " ".join(str(text).split())
