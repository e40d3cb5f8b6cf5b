"""Frozen dataclasses that check a composed configuration and name the full key of what is wrong."""

import difflib
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar, get_args

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as _dataclass

from lvc.errors import UserError

T = TypeVar("T")

_CONFIG = ConfigDict(
    extra="forbid",
    use_attribute_docstrings=True,
    arbitrary_types_allowed=False,
    allow_inf_nan=False,
    coerce_numbers_to_str=True,  # `name=2024` is read as a number
)


def contract(cls: type[T]) -> type[T]:
    """Make ``cls`` a frozen, keyword-only dataclass that refuses unknown keys and wrong types."""
    return _dataclass(frozen=True, kw_only=True, config=_CONFIG)(cls)


class ConfigError(UserError, ValueError):
    """A configuration that cannot be run. The message starts with the full key of the option."""

    def __init__(self, option: str, message: str):
        super().__init__(f"{option}: {message}" if option else message)
        self.option = option
        self.reason = message


def build(cls: Any, data: Mapping[str, Any], path: str = "") -> Any:
    """Build the contract ``cls`` (a dataclass or a union of them) from plain ``data``.

    Args:
        cls: A contract dataclass, or an ``Annotated`` union of them.
        data: Plain dictionaries, lists, strings and numbers, as composed.
        path: The key of ``data`` in the whole configuration, for messages.

    Raises:
        ConfigError: In one line, naming the option and what would be right.
    """
    _check_finite(data, path)
    try:
        built = TypeAdapter(cls).validate_python(data)
    except ValidationError as error:
        raise _one_line(cls, path, error) from None
    _check_numbers(data, built, path)
    return built


def _check_finite(data: Any, path: str) -> None:
    """Refuse infinite numbers and those that are none, also where anything may be given."""
    for key, value in _entries(data):
        _check_finite(value, f"{path}.{key}" if path else str(key))
    if isinstance(data, float) and not math.isfinite(data):
        raise ConfigError(path, f"is a finite number, got {data}")


def _check_numbers(data: Any, built: Any, path: str) -> None:
    """Refuse true and false where a number is meant, which pydantic takes for 1 and 0."""
    if isinstance(data, bool) and isinstance(built, int | float) and not isinstance(built, bool):
        raise ConfigError(path, f"is a number, got {str(data).lower()}")
    for key, value in _entries(data):
        if is_dataclass(built):
            inner = getattr(built, str(key), None)
        elif isinstance(built, Mapping) or (isinstance(built, list | tuple) and isinstance(key, int)):
            inner = built[key] if isinstance(built, Mapping) or key < len(built) else None
        else:
            continue
        _check_numbers(value, inner, f"{path}.{key}" if path else str(key))


def _entries(data: Any) -> Iterable[tuple[Any, Any]]:
    """Keys and values of a mapping, places and values of a list; nothing of anything else."""
    if isinstance(data, Mapping):
        return data.items()
    return enumerate(data) if isinstance(data, list | tuple) else ()


def _one_line(cls: Any, path: str, error: ValidationError) -> ConfigError:
    first = error.errors()[0]
    parts, members = _walk(cls, [str(p) for p in first["loc"]])
    key = ".".join([p for p in [path] if p] + parts)
    kind, context = first["type"], first.get("ctx", {})
    if kind == "value_error":
        inner = context["error"]
        relative = ".".join(p for p in (key, getattr(inner, "option", "")) if p)
        return ConfigError(relative, getattr(inner, "reason", str(inner)))
    if kind in {"unexpected_keyword_argument", "extra_forbidden"}:
        choices = sorted({f.name for m in members for f in fields(m)})
        close = difflib.get_close_matches(parts[-1], choices, 1)
        hint = f"did you mean '{close[0]}'? " if close else ""
        return ConfigError(key, f"unknown option; {hint}choices are: {', '.join(choices)}")
    if kind in {"missing", "missing_argument"}:
        return ConfigError(key, "is required and has no value")
    if kind in {"literal_error", "enum"}:
        return ConfigError(key, f"{first['input']!r} is not one of {context['expected']}")
    if kind in {"union_tag_invalid", "union_tag_not_found"}:
        tag = f"'{context['tag']}' is not one of " if "tag" in context else "needs one of "
        tags = ", ".join(repr(t) for t in sorted(_tagged(members)))
        return ConfigError(f"{key}.name" if key else "name", tag + tags)
    return ConfigError(key, f"{_in_yaml_words(first['msg'])}, got {first['input']!r}")


def _in_yaml_words(message: str) -> str:
    """A message of pydantic's in the words of a configuration file."""
    message = re.sub(r"dictionary( or an instance of \w+)?", "mapping", message).replace("tuple", "list")
    return message[0].lower() + message[1:]


def _walk(cls: Any, location: list[str]) -> tuple[list[str], list[type]]:
    """The keys in a pydantic location (union tags left out), and the contracts at its last step."""
    members, here, parts = _members(cls), _members(cls), []
    for part in location:
        if len(members) > 1 and part in _tagged(members):
            members = here = [_tagged(members)[part]]
            continue
        parts.append(part)
        here = members or here
        found = {f.name: f for m in members for f in fields(m)}.get(part)
        members = _members(found.type) if found is not None else members
    return parts, members if location and len(members) > 1 else here


def _members(cls: Any) -> list[type]:
    """The contract dataclasses inside a type."""
    if is_dataclass(cls):
        return [cls]
    return [m for arg in get_args(cls) for m in _members(arg)]


def _tagged(members: list[type]) -> dict[str, type]:
    """Members of a union by the value of their ``name``."""
    names = [(get_args(f.type), m) for m in members for f in fields(m) if f.name == "name"]
    return {str(value): member for values, member in names for value in values}
