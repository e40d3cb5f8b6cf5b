"""The options of a contract, described from its dataclasses."""

from collections.abc import Iterator
from dataclasses import MISSING, dataclass, fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

_ENTRY = {"stages": "stage", "on_enter": "action"}
"""What an entry of a mapping of contracts is called."""


@dataclass(frozen=True)
class Entry:
    """One option of the contract.

    Attributes:
        key: Its full key; ``<stage>`` stands for a name that the user chooses.
        type: What it may be, in words.
        default: Its default as it would be typed; ``None`` where only `conf/` gives one.
        meaning: What it does.
        kind: The member of a union it belongs to (``dcvc_tcm``), or empty.
    """

    key: str
    type: str
    default: str | None
    meaning: str
    kind: str = ""

    @property
    def section(self) -> tuple[str, str]:
        """The first part of its key, empty for an option of the run itself, and its kind."""
        first, dot, _ = self.key.partition(".")
        return (first if dot else "", self.kind)


def entries(contract: type, prefix: str = "", kind: str = "", defaults: Any = None) -> Iterator[Entry]:
    """Every option below a contract dataclass, in its order.

    Args:
        contract: A contract dataclass.
        prefix: Key of the contract in the whole configuration.
        kind: The member of a union it belongs to.
        defaults: An instance of the contract whose values are the defaults, where there is one.
    """
    for field in fields(contract):
        key = f"{prefix}.{field.name}" if prefix else field.name
        info = contract.__pydantic_fields__[field.name]
        value = _default(info) if defaults is None else getattr(defaults, field.name)
        members = _contracts(field.type)
        if kind and len(members) > 1 and all(hasattr(member, "SPEC") for member in members):
            # a codec inside another: what it has is told where it is a model of its own
            listed = " \\| ".join(f"`{_tag(member)}`" for member in members)
            meaning = f"{_meaning(contract, field.name)} Its options are those of `model=NAME`."
            yield Entry(f"{key}.name", listed, typed(value.name), meaning, kind)
            continue
        if not members:
            default = None if value is MISSING else typed(value)
            yield Entry(key, _words(field.type, info.metadata), default, _meaning(contract, field.name), kind)
        if get_origin(field.type) is dict:
            key += f".<{_ENTRY.get(field.name, 'name')}>"
        for member in members:
            known = value if isinstance(value, member) else None
            yield from entries(member, key, _tag(member) if len(members) > 1 else kind, known)


def _contracts(type_: Any) -> list[type]:
    """The contract dataclasses inside a type."""
    if is_dataclass(type_):
        return [type_]
    return [member for arg in get_args(type_) for member in _contracts(arg)]


def _tag(contract: type) -> str:
    return get_args({f.name: f.type for f in fields(contract)}["name"])[0]


def _words(type_: Any, limits: list[Any] = ()) -> str:
    """A type as a person would say it, with its limits."""
    origin, args = get_origin(type_), get_args(type_)
    if origin is Literal:
        return " \\| ".join(f"`{arg}`" for arg in args)
    if origin in (Union, UnionType):
        words = " or ".join(_words(arg) for arg in args if arg is not NoneType) + _bounds(limits)
        null = ", or null" if "," in words else " or null"
        return words + null * (NoneType in args)
    if origin is tuple:
        length = "list of" if args[-1] is Ellipsis else str(len(args))
        word = _words(args[0])
        return f"{length} {word}s" if word in ("integer", "number") else f"{length} {word}"
    if origin is dict:
        return f"mapping of {_words(args[0])} to {_words(args[1])}"
    names = {bool: "true or false", int: "integer", float: "number", str: "text", Any: "anything"}
    return names[type_] + _bounds(limits)


def _bounds(limits: list[Any]) -> str:
    """The limits of a number: ``, at least 1``."""
    words = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below", "multiple_of": "a multiple of"}
    found = [f"{said} {getattr(m, name):g}" for m in limits for name, said in words.items() if hasattr(m, name)]
    return "".join(f", {limit}" for limit in found)


def _default(info: Any) -> Any:
    return MISSING if info.is_required() else info.get_default(call_default_factory=True)


def typed(value: Any) -> str:
    """A value as it would be typed on the command line."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, list | tuple):
        return f"[{','.join(map(typed, value))}]"
    if isinstance(value, dict):
        return "{" + ",".join(f"{k}:{typed(v)}" for k, v in value.items()) + "}"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _meaning(contract: type, name: str) -> str:
    """What a field's docstring says; an inherited field has it where it is declared."""
    declared = (getattr(base, "__pydantic_fields__", {}).get(name) for base in contract.__mro__)
    texts = (info.description for info in declared if info is not None and info.description)
    return " ".join(next(texts, "").split())
