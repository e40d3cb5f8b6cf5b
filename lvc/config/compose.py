"""Composing configurations with Hydra, from Python and from the command line."""

import math
import os
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import hydra
from hydra._internal.utils import get_args
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from lvc.config import multirun
from lvc.config.complaint import complaint
from lvc.config.contract import ConfigError
from lvc.config.defaults import register
from lvc.config.groups import choices, conf_dir
from lvc.config.help import help_page
from lvc.config.model import MODELS
from lvc.config.parts import shipped_flow
from lvc.errors import UserError
from lvc.names import shortened


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


def swept(config_name: str, overrides: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    """What the overrides of a multirun sweep, and what they fix; see :func:`lvc.config.multirun.ranges`.

    Raises:
        ConfigError: If they cannot be read, or composed.
    """
    with _hydra(None):
        parsed = _parse(list(overrides))
        single = [o.input_line for o in parsed if not o.is_sweep_override()]
        return multirun.ranges(_compose(config_name, single, return_hydra_config=True).hydra, parsed, _parse)


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
    _typed_at_home()
    args = get_args()
    if args.help:
        print(help_page(config_name, contract, common))
        return
    group = folder = None
    failures = multirun.Failures(Path())
    if not (args.hydra_help or args.shell_completion or args.experimental_rerun):
        try:
            group, folder = _check(args, config_name, build)
            failures = multirun.Failures(folder)
        except UserError as error:
            if os.environ.get("RANK", "0") == "0" and os.environ.get("SLURM_PROCID", "0") == "0":  # all find the same
                _report(error)
            sys.exit(2)

    def task(config: DictConfig) -> Any:
        data: dict[str, Any] = {}
        try:
            data = multirun.as_member(_plain(config), group)
            if multirun.is_member() and "dir" in data:
                Path(data["dir"], multirun.ERROR).unlink(missing_ok=True)
            return run(build(data), data)
        except UserError as error:
            failures.add(error, data.get("dir"))
        except Exception as error:
            if not multirun.is_member():
                raise
            failures.add(error, data.get("dir"))  # the other members go on
        return None

    register()
    try:
        hydra.main(version_base="1.3", config_path=str(conf_dir()), config_name=config_name)(task)()
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    code = failures.exit_code()
    if folder is not None:
        multirun.discard_record(folder)
    if code:
        sys.exit(code)


def _report(error: UserError) -> None:
    """Print a mistake as one line."""
    print("error:", " ".join(str(error).split()), file=sys.stderr)


def _check(args: Any, config_name: str, build: Callable[[dict[str, Any]], Any]) -> tuple[str | None, Path]:
    """Compose and build every run that the command line asks for, before any of them starts.

    Returns:
        A name for the runs of a multirun together, and the folder of what concerns them all.
    """
    name, overrides = args.config_name or config_name, list(args.overrides)
    if args.config_dir:
        overrides.append(f"hydra.searchpath=[file://{Path(args.config_dir).absolute()}]")
    with _hydra(args.config_path):
        parsed = _parse(overrides)
        fixed = [o.input_line for o in parsed if not o.is_sweep_override()]
        settings = _compose(name, fixed, return_hydra_config=True).hydra
        several = args.multirun or settings.mode == RunMode.MULTIRUN
        if several:
            multirun.check_plugins(settings)
        members = list(multirun.members(settings, parsed, _parse)) if several else [_only(parsed)]
        names = []
        for member in members:
            data = _plain(_compose(name, member))
            names.append(str(data.get("name", "")))
            if not (args.cfg or args.info):
                build(data)
        group = None
        if several:
            group = multirun.group_name(names, multirun.swept_keys(settings, parsed, _parse))
            multirun.name_by_swept_values(settings, parsed, list(zip(names, members, strict=True)))
        folder = settings.sweep.dir if several else settings.run.dir
        if settings.output_subdir and not (args.cfg or args.info):
            _make_folder(folder)
    return group, Path(folder)


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


@contextmanager
def _hydra(directory: str | Path | None) -> Iterator[None]:
    register()
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
        return _at_home(OmegaConf.to_container(config, resolve=True, throw_on_missing=True))
    except MissingMandatoryValue as error:
        raise ConfigError(error.full_key, "is required and has no value") from None
    except OmegaConfBaseException as error:
        raise ConfigError(error.full_key or "", str(error).splitlines()[0]) from None


def _at_home(tree: Any) -> Any:
    """Put the home folder for ``~`` where a text begins with it, as a shell does."""
    if isinstance(tree, dict):
        return {key: _at_home(value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_at_home(value) for value in tree]
    return os.path.expanduser(tree) if isinstance(tree, str) and tree.startswith("~") else tree


def _typed_at_home() -> None:
    """The same on the command line, whose grammar has no ``~``."""
    sys.argv[1:] = [re.sub(r"(?<=[=,\[])~(?=/|$)", os.path.expanduser("~"), word) for word in sys.argv[1:]]


def _nearest(value: Any, table: dict[float, Any]) -> Any:
    """The entry of ``table`` whose key is nearest in ratio: ``${nearest:300,{256: 436, 512: 845}}``."""
    if not isinstance(value, int | float) or value <= 0:
        return value  # wrong already, and reported under its own name
    return table[min(table, key=lambda key: abs(math.log(key / value)))]


def _shipped_flow(network: Any, widths: Any, weights: Any) -> bool:
    """Whether the package has weights of such a flow network, and no others were asked for."""
    return network == "spynet" and weights is None and shipped_flow(tuple(widths)).is_file()


def _share(groups: list[int], channels: Any) -> Any:
    """``groups`` in the same proportions, as shares of ``channels``: ``${share:[16,48,64],64}`` is ``[8, 24, 32]``."""
    if not isinstance(channels, int):
        return groups  # wrong already, and reported under its own name
    return [group * channels // sum(groups) for group in groups]


def _rate_point(model: Any, metric: Any, lmbda: Any) -> str:
    """What a run's name says of its rate: ``-mse-1024`` of a codec, nothing of what codes nothing."""
    return "" if model in MODELS and MODELS[model].SPEC.task != "codec" else f"-{metric}-{lmbda}"


def _ablations(model: str, twice: Sequence[str] = ()) -> str:
    """A system's own experiment and those in its folder of ablations, but for rows that are there twice."""
    rows = [name for name in choices("experiment") if name.startswith(f"{model}_ablation/")]
    if not rows:
        known = {name.partition("_ablation/")[0] for name in choices("experiment") if "_ablation/" in name}
        raise ValueError(f"{model} has no ablations in conf/experiment; models that have: {', '.join(sorted(known))}")
    return ",".join([f"{model}_psnr", *(row for row in rows if row.partition("/")[2] not in twice)])


@lru_cache
def _moment() -> str:
    """A name for what this process does now. Processes that torchrun or a cluster starts together share it."""
    job = os.environ.get("SLURM_JOB_ID") or (os.getppid() if "RANK" in os.environ else os.getpid())
    return f"{time.strftime('%Y%m%d-%H%M%S')}-{job}"


def _variable(name: str, default: str) -> str:
    """An environment variable; one that is empty counts as not set: ``${variable:LVC_RUNS,runs}``."""
    return os.environ.get(name) or default


def _member_folder(name: str) -> str:
    """The name of a member's folder, short enough for a file system: ``${member_folder:${...}}``."""
    return "/".join(shortened(part) for part in name.split("/"))


OmegaConf.register_new_resolver("moment", _moment, replace=True)
OmegaConf.register_new_resolver("variable", _variable, replace=True)
OmegaConf.register_new_resolver("member_folder", _member_folder, replace=True)
OmegaConf.register_new_resolver("shipped_flow", _shipped_flow, replace=True)
OmegaConf.register_new_resolver("share", _share, replace=True)
OmegaConf.register_new_resolver("rate_point", _rate_point, replace=True)
OmegaConf.register_new_resolver("ablations", _ablations, replace=True)
OmegaConf.register_new_resolver("nearest", _nearest, replace=True)
OmegaConf.register_new_resolver("join", lambda values: ",".join(map(str, values)), replace=True)
