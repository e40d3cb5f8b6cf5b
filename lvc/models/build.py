"""From a model's configuration to the model."""

from collections import Counter
from collections.abc import Iterable
from pkgutil import resolve_name
from typing import Any

from torch import nn

from lvc.codec import VideoCodec
from lvc.config.contract import ConfigError
from lvc.config.spec import Model

LONGEST = 65
"""Frames of a clip in which every kind of frame occurs, whatever the structure."""


def build_codec(config: Any) -> VideoCodec:
    """Build the codec that ``config``, one of :data:`lvc.config.model.MODELS`, describes, with fresh weights.

    Raises:
        ConfigError: If the codec is not what its spec says.
    """
    # a model's own imports are heavy (CompressAI takes seconds), so only the one asked for is imported
    network = resolve_name(config.spec.network)
    intra = getattr(config, "intra", None)
    built = network(config) if intra is None else network(config, build_codec(intra))
    _check_spec(built, config)
    return built


def _check_spec(network: nn.Module, config: Model) -> None:
    """Compare a network with what its configuration says of it.

    Raises:
        ConfigError: In one line, naming what differs.
    """
    spec, name = config.spec, config.name
    if tuple(network.parts) != spec.parts:
        raise ConfigError(
            "model", f"{name} has parts {_listed(network.parts)}, and its spec says {_listed(spec.parts)}"
        )
    if network.stride != spec.stride:
        raise ConfigError("model", f"{name} has stride {network.stride}, and its spec says {spec.stride}")
    for kind, said in spec.kinds.items():
        if unknown := set(said.parts) - set(spec.parts):
            raise ConfigError("model", f"{name}: its spec codes frames of kind {kind} with unknown {_listed(unknown)}")
    if unknown := set(spec.intra if spec.kinds else ()) - set(spec.parts):
        raise ConfigError("model", f"{name}: its spec codes single frames with unknown {_listed(unknown)}")
    if spec.kinds and (unknown := set(network.structure.kinds(LONGEST)) - set(spec.kinds)):
        raise ConfigError("model", f"{name}: its structure has frames of kind {_listed(unknown)}, and its spec none")
    held = Counter(id(p) for modules in network.parts.values() for m in modules for p in m.parameters())
    for parameter, tensor in network.named_parameters():
        if held[id(tensor)] != 1:
            where = "no part" if not held[id(tensor)] else "several parts"
            raise ConfigError("model", f"{name}: parameter {parameter} is in {where}; it belongs in exactly one")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names) if isinstance(names, set) else names)
