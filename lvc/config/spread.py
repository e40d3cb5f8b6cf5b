"""`schedule.all`: one override that reaches every stage."""

from typing import Any

from lvc.config.contract import ConfigError
from lvc.config.schedule import StageConfig


def spread_all(schedule: Any) -> Any:
    """Put `schedule.all` over every stage and leave out loss terms of weight 0.

    What has a wrong shape is left as it is, for the contract to name.

    Args:
        schedule: The composed schedule as plain containers.

    Raises:
        ConfigError: When `schedule.all` has a field that stages do not have.
    """
    if not isinstance(schedule, dict) or not isinstance(schedule.get("stages"), dict):
        return schedule
    everywhere = _set_fields(schedule.get("all") or {})
    if not isinstance(everywhere, dict):
        return schedule
    unknown = set(everywhere) - set(StageConfig.__dataclass_fields__)
    if unknown:
        choices = ", ".join(sorted(StageConfig.__dataclass_fields__))
        raise ConfigError(f"schedule.all.{min(unknown)}", f"unknown option; choices are: {choices}")
    length = {"epochs": None, "steps": None} if {"epochs", "steps"} & set(everywhere) else {}
    stages = {
        name: _without_zeros(merged({**stage, **length}, everywhere)) if isinstance(stage, dict) else stage
        for name, stage in schedule["stages"].items()
    }
    return {**schedule, "stages": stages, "all": everywhere}


def _set_fields(data: Any) -> Any:
    """A mapping without what is null or empty, all the way down."""
    if not isinstance(data, dict):
        return data
    inner = {key: _set_fields(value) for key, value in data.items()}
    return {key: value for key, value in inner.items() if value is not None and value != {}}


def merged(under: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """``over`` on top of ``under``, mapping by mapping."""
    both = {k: merged(under[k], v) for k, v in over.items() if isinstance(v, dict) and isinstance(under.get(k), dict)}
    return {**under, **over, **both}


def _without_zeros(stage: dict[str, Any]) -> dict[str, Any]:
    """The stage without loss terms that weigh nothing."""
    loss = stage.get("loss")
    if not isinstance(loss, dict):
        return stage
    terms = {key: loss[key] for key in ("distortion", "rate") if isinstance(loss.get(key), dict)}
    weighing = {key: {n: w for n, w in term.items() if w not in (0, None)} for key, term in terms.items()}
    return {**stage, "loss": {**loss, **weighing}}
