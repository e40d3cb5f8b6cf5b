"""The defaults of the contracts as Hydra's config group ``contract``: YAML in ``conf/`` says only what differs.

Hydra lets a key be overridden from the shell only where a config has it, so every field of a contract has one here.
"""

from dataclasses import asdict, fields, is_dataclass
from functools import cache
from typing import Any, get_args

from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins
from hydra.plugins.search_path_plugin import SearchPathPlugin

from lvc.config.adaptive_gop import AdaptiveGOPConfig
from lvc.config.data import DATASETS
from lvc.config.model import MODELS
from lvc.config.motion_resolution import MotionResolutionConfig
from lvc.config.outside import conf_packages
from lvc.config.schedule import StageConfig
from lvc.config.trainer import LoggerConfig, TrainerConfig


class OutsideConfigs(SearchPathPlugin):
    """Lets Hydra find config files of other packages after lvc's own."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Append them."""
        for name, package in conf_packages().items():
            search_path.append(f"lvc.conf: {name}", f"pkg://{package}")


OTHERS: dict[str, type] = {
    "trainer": TrainerConfig,
    "logger": LoggerConfig,
    "motion_resolution": MotionResolutionConfig,
    "adaptive_gop": AdaptiveGOPConfig,
}


@cache
def register() -> None:
    """Tell Hydra, once, of other packages' config files, and of the defaults of every contract.

    ``- /contract@_here_: NAME`` takes them into a config.
    """
    if conf_packages():
        Plugins.instance().register(OutsideConfigs)
    store = ConfigStore.instance()
    for name, contract in {**MODELS, **DATASETS, **OTHERS}.items():
        store.store(group="contract", name=name, node=defaults_of(contract))
    stage = stage_defaults()
    store.store(group="stage", name="base", node=stage)
    store.store(group="stage", name="unset", node=_unset(stage))


def defaults_of(contract: type) -> dict[str, Any]:
    """The defaults of a contract as plain containers, without fields that have none.

    A codec inside a codec is left out: it is a choice of its own, with the options of what is chosen.
    """
    found = {}
    for field in fields(contract):
        info = contract.__pydantic_fields__[field.name]
        if field.name == "name":
            found["name"] = get_args(field.type)[0] if get_args(field.type) else info.default
        elif not info.is_required():
            value = info.get_default(call_default_factory=True)
            if not hasattr(value, "SPEC"):
                found[field.name] = _plain(value)
    return found


def stage_defaults() -> dict[str, Any]:
    """Every field of a stage, so that any of them can be overridden from the shell; it trains and weighs nothing."""
    found = {field.name: None for field in fields(StageConfig)} | {"train": []} | defaults_of(StageConfig)
    loss = defaults_of(StageConfig.__annotations__["loss"])
    return found | {"loss": loss | {"distortion": {"frame": 0.0, "prediction": 0.0}}}


def _unset(value: Any) -> Any:
    """The same keys with nothing said: what ``schedule.all`` leaves as the stages have it."""
    return {key: _unset(inner) for key, inner in value.items()} if isinstance(value, dict) else None


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        value = asdict(value)
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list | tuple) else value
