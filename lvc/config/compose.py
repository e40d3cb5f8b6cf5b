"""Composing configurations with Hydra, from Python and from the command line."""

import itertools
import math
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import hydra
from hydra._internal.utils import get_args
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from lvc.config.complaint import complaint
from lvc.config.contract import ConfigError
from lvc.config.groups import conf_dir
from lvc.config.help import help_page
from lvc.errors import UserError


def compose(config_name: str, overrides: Sequence[str] = (), directory: str | Path | None = None) -> dict[str, Any]:
    """Compose a configuration as plain containers, with every interpolation resolved.

    Args:
        config_name: A file of ``conf/`` without its ending, for example ``train``.
        overrides: What would be typed after ``python train.py``.
        directory: Config groups to use instead of :func:`conf_dir`.

    Raises:
        ConfigError: In one line, naming the option and its choices.
    """
    with _hydra(directory):
        return _plain(_compose(config_name, list(overrides)))


def run_main(
    config_name: str,
    build: Callable[[dict[str, Any]], Any],
    run: Callable[[Any, dict[str, Any]], Any],
    contract: type | None = None,
    common: Sequence[str] = (),
) -> None:
    """Run an entry point: parse ``sys.argv``, check every run that it asks for, then run them.

    A mistake of the user, found here or by ``run``, ends as one line on stderr and exit code 2.

    Args:
        config_name: A file of ``conf/`` without its ending.
        build: Makes the contract of the composed configuration, or raises :class:`lvc.errors.UserError`.
        run: Called with what ``build`` made and with the composed configuration.
        contract: The dataclass that ``build`` makes, whose field descriptions ``--help`` shows.
        common: Keys of the fields that ``--help`` shows.
    """
    args = get_args()
    if args.help:
        print(help_page(config_name, contract, common))
        return
    if not (args.hydra_help or args.shell_completion or args.experimental_rerun):
        try:
            _check(args, config_name, build)
        except UserError as error:
            _report(error)
            sys.exit(2)
    failures: list[UserError] = []

    def task(config: DictConfig) -> None:
        try:
            data = _in_its_folder(_plain(config))
            run(build(data), data)
        except UserError as error:
            failures.append(error)
            _report(error)

    hydra.main(version_base="1.3", config_path=str(conf_dir()), config_name=config_name)(task)()
    if failures:
        sys.exit(2)


def _report(error: UserError) -> None:
    """Print a mistake as one line."""
    print("error:", " ".join(str(error).split()), file=sys.stderr)


def _check(args: Any, config_name: str, build: Callable[[dict[str, Any]], Any]) -> None:
    """Compose and build every run that the command line asks for, before any of them starts."""
    name, overrides = args.config_name or config_name, list(args.overrides)
    if args.config_dir:
        overrides.append(f"hydra.searchpath=[file://{Path(args.config_dir).absolute()}]")
    with _hydra(args.config_path):
        parsed = _parse(overrides)
        fixed = [o.input_line for o in parsed if not o.is_sweep_override()]
        settings = _compose(name, fixed, return_hydra_config=True).hydra
        several = args.multirun or settings.mode == RunMode.MULTIRUN
        for member in _members(settings, parsed) if several else [_only(parsed)]:
            data = _plain(_compose(name, member))
            if not (args.cfg or args.info):
                build(data)
        if settings.output_subdir and not (args.cfg or args.info):
            _make_folder(settings.sweep.dir if several else settings.run.dir)


def _make_folder(path: str) -> None:
    """Make the folder that Hydra would make, whose own report of a failure is a traceback."""
    try:
        Path(path).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError("dir", f"{path}: cannot be made ({error.strerror})") from None
    if not os.access(path, os.W_OK):
        raise ConfigError("dir", f"{path}: no permission to write there")


def _only(parsed: list[Override]) -> list[str]:
    """The overrides of a single run."""
    for override in parsed:
        if override.is_sweep_override():
            raise ConfigError(override.key_or_group, "several values need -m; quote a value that holds a comma")
    return [override.input_line for override in parsed]


def _members(settings: DictConfig, parsed: list[Override]) -> Iterator[list[str]]:
    """The overrides of each run of a multirun: every combination of its values."""
    basic = settings.sweeper._target_.endswith(".BasicSweeper")
    params = [f"{key}={value}" for key, value in (settings.sweeper.params or {}).items()] if basic else []
    axes: dict[str, list[str]] = {}
    for override in _parse(params) + parsed:
        key = override.get_key_element()
        if not override.is_sweep_override():
            axes[key] = [override.input_line]
        elif override.is_discrete_sweep():
            axes[key] = [f"{key}={value}" for value in override.sweep_string_iterator()]
    _name_by_swept_values(settings, parsed)
    yield from map(list, itertools.product(*axes.values()))


def _name_by_swept_values(settings: DictConfig, parsed: list[Override]) -> None:
    """Let the folders of a multirun's members tell only what differs between them."""
    same = [o.key_or_group for o in parsed if not o.is_sweep_override()]
    named = settings.job.config.override_dirname.exclude_keys  # what the default name says already
    keys = same if {"dir", "name"} & set(same) else [*named, *same]
    listed = ",".join(f"'{key}'" for key in keys)
    # beside the user's own overrides: argparse takes positional arguments in one place only
    typed = [o.input_line for o in parsed if o.input_line in sys.argv]
    place = sys.argv.index(typed[0]) if typed else len(sys.argv)
    sys.argv.insert(place, f"hydra.job.config.override_dirname.exclude_keys=[{listed}]")


def _in_its_folder(data: dict[str, Any]) -> dict[str, Any]:
    """Give a member of a multirun the folder and the name that are its own."""
    settings = HydraConfig.get()
    if settings.mode != RunMode.MULTIRUN or not settings.sweep.subdir:
        return data
    name, own = data.get("name"), str(settings.sweep.subdir)
    return {**data, "dir": os.path.join(settings.sweep.dir, own), "name": f"{name}/{own}"}


@contextmanager
def _hydra(directory: str | Path | None) -> Iterator[None]:
    where = Path(directory or conf_dir()).absolute()
    with hydra.initialize_config_dir(str(where), version_base="1.3"):
        yield


def _compose(name: str, overrides: list[str], return_hydra_config: bool = False) -> DictConfig:
    try:
        return hydra.compose(name, overrides, return_hydra_config)
    except (HydraException, ValueError) as error:
        raise complaint(error, overrides, partial(hydra.compose, name), name) from None


def _parse(overrides: list[str]) -> list[Override]:
    loader = GlobalHydra.instance().config_loader()
    try:
        return OverridesParser.create(loader).parse_overrides(overrides)
    except HydraException as error:
        raise complaint(error, overrides, dict, "") from None


def _plain(config: DictConfig) -> dict[str, Any]:
    """Plain dictionaries and lists, with nothing left to resolve."""
    try:
        return OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    except MissingMandatoryValue as error:
        raise ConfigError(error.full_key, "is required and has no value") from None
    except OmegaConfBaseException as error:
        raise ConfigError(error.full_key or "", str(error).splitlines()[0]) from None


def _nearest(value: Any, table: dict[float, Any]) -> Any:
    """The entry of ``table`` whose key is nearest in ratio: ``${nearest:300,{256: 436, 512: 845}}``."""
    if not isinstance(value, int | float) or value <= 0:
        return value  # wrong already, and reported under its own name
    return table[min(table, key=lambda key: abs(math.log(key / value)))]


def _share(groups: list[int], channels: Any) -> Any:
    """``groups`` in the same proportions, as shares of ``channels``: ``${share:[16,48,64],64}`` is ``[8, 24, 32]``."""
    if not isinstance(channels, int):
        return groups  # wrong already, and reported under its own name
    return [group * channels // sum(groups) for group in groups]


OmegaConf.register_new_resolver("share", _share, replace=True)
OmegaConf.register_new_resolver("nearest", _nearest, replace=True)
OmegaConf.register_new_resolver("join", lambda values: ",".join(map(str, values)), replace=True)
