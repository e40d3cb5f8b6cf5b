"""Coding structures by the names that bitstreams call them."""

from collections.abc import Mapping
from pkgutil import resolve_name
from typing import Any

from lvc.codec import CodingStructure
from lvc.config.outside import named
from lvc.errors import BitstreamError

STRUCTURES = {
    "low_delay": "lvc.structures.low_delay:LowDelay",
    "hierarchical_b": "lvc.structures.hierarchical_b:HierarchicalB",
    "mctf": "lvc.structures.mctf:MCTF",
}


def structure_named(described: Mapping[str, Any]) -> type[CodingStructure]:
    """The structure of a bitstream whose header describes it so.

    Raises:
        BitstreamError: If there is none of that name.
    """
    known = STRUCTURES | {name: point.value for name, point in named("structures").items()}
    name = described.get("name")
    if name not in known:
        raise BitstreamError(f"coding structure '{name}' is unknown to this build; known are {', '.join(known)}")
    return resolve_name(known[name])
