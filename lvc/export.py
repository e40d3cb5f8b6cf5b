"""Exports: one safetensors file with weights, coding tables, model configuration and provenance.

Loading one executes no code. Its digest names it in every bitstream made with it.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from lvc.codec import VideoCodec
from lvc.config.contract import build
from lvc.config.model import MODELS, ModelConfig
from lvc.config.parts import shipped_flow
from lvc.config.spec import ModelSpec
from lvc.entropy.priors import EntropyModel
from lvc.entropy.tables import CodingTables
from lvc.errors import UserError
from lvc.files import replacing
from lvc.layers.layout import to_channels_last
from lvc.models.build import build_codec
from lvc.models.shipped import named, shipped
from lvc.motion.spynet import SpyNet, fit_pyramid

FORMAT = "lvc-export-1"


@dataclass(frozen=True)
class Export:
    """A loaded export.

    Attributes:
        codec: The codec in eval mode, coding tables set.
        config: Its model configuration.
        info: ``model``, ``size``, ``digest`` (hexadecimal SHA-256), ``path`` and the ``provenance`` it was saved with.
    """

    codec: VideoCodec
    config: Any
    info: dict[str, Any]


def save_export(path: Path | str, codec: VideoCodec, config: Any, provenance: dict[str, Any]) -> Path:
    """Write ``codec`` to ``path``, complete or not at all.

    Args:
        path: Target file.
        codec: The codec; its coding tables are made here if they are not set.
        config: Its model configuration (a contract dataclass).
        provenance: Plain containers: run configuration, seed, git revision, versions, metrics.

    Raises:
        UserError: If the path cannot be written.
    """
    header = {"format": FORMAT, "config": asdict(config), "provenance": provenance}
    check_finite(codec.state_dict(), path)  # before tables are made of them
    return write_export(Path(path), export_tensors(codec), header)


def export_tensors(codec: nn.Module) -> dict[str, Tensor]:
    """Weights and coding tables of a codec, by their names in an export; tables are made where there are none."""
    was_training = [m for m in codec.modules() if m.training]
    codec.eval()
    tensors = {f"weights.{n}": t.detach().cpu().contiguous() for n, t in codec.state_dict().items()}
    for name, model in _entropy_models(codec):
        tensors |= {f"tables.{name}.{key}": t for key, t in model.tables.tensors.items()}
    for module in was_training:
        module.training = True
    return tensors


def write_export(path: Path, tensors: dict[str, Tensor], header: dict[str, Any]) -> Path:
    """Write an export from what :func:`read_export` reads, complete or not at all.

    Args:
        path: Target file.
        tensors: All tensors. Those of ``header["parts"]`` are left out of the file, as :func:`read_export` finds them.
        header: Format, configuration, provenance; ``parts`` names the exports of the package that hold single parts.

    Raises:
        UserError: If the path cannot be written, or a tensor is not finite.
    """
    check_finite(tensors, path)
    metadata = {"lvc": json.dumps(header, default=str), "digest": _digest(tensors, header["config"])}
    kept = {name: t for name, t in tensors.items() if _owner(name) not in header.get("parts", {})}
    try:
        with replacing(path) as part:
            part.touch()
            mode = part.stat().st_mode
            save_file(kept, part, metadata)
            part.chmod(mode)  # safetensors 0.8 lets nobody but the owner read its files
    except SafetensorError as error:
        raise UserError(f"{path}: cannot be written ({error})") from None
    return path


def check_finite(tensors: dict[str, Tensor], path: Path | str) -> None:
    """Refuse values that are infinite or no numbers, which no frame can be coded with.

    Raises:
        UserError: Naming the file and the tensor.
    """
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise UserError(f"{path}: tensor {name} holds values that are not finite numbers")


def training_loss(provenance: dict[str, Any]) -> dict[str, Any]:
    """The loss an export was trained with: the outermost mapping of its provenance that has a lambda.

    A run's own loss lies further out than what its stages say in their place.
    """
    level = [provenance]
    while level:
        found = next((mapping for mapping in level if mapping.get("lmbda") is not None), None)
        if found:
            return found
        level = [value for mapping in level for value in mapping.values() if isinstance(value, dict)]
    return {}


def load_export(path: Path | str, device: str = "cpu", codec_only: bool = True) -> Export:
    """Load a codec, ready to code.

    Args:
        path: The export.
        device: Where it goes.
        codec_only: Refuse a network that codes nothing.

    Raises:
        UserError: No such file, not an export, or damaged (names the file), or a device that is not there.
    """
    path = Path(path)
    header, digest, tensors = read_export(path)
    config = build(ModelConfig, header["config"], f"{path}: model")
    if codec_only and config.spec.task != "codec":
        raise UserError(f"{path}: is {config.spec.use}")
    codec = build_codec(config)
    weights = {n.removeprefix("weights."): t for n, t in tensors.items() if n.startswith("weights.")}
    try:
        codec.load_state_dict(weights)
    except RuntimeError as error:
        raise UserError(f"{path}: weights do not fit its model '{config.name}' ({_first_line(error)})") from None
    _move(to_channels_last(codec.eval().requires_grad_(False)), device)
    for name, model in _entropy_models(codec):
        model.tables = CodingTables.from_tensors(
            {k: tensors[f"tables.{name}.{k}"] for k in ("counts", "sizes", "lows")}
        )
    info = {"model": config.name, "size": config.size, "digest": digest, "path": str(path)}
    return Export(codec, config, info | {"provenance": header["provenance"]})


def read_export(path: Path | str) -> tuple[dict[str, Any], str, dict[str, Tensor]]:
    """Header, digest and tensors of an export.

    Raises:
        UserError: No such file, not an export, or one with values that are not finite.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"{path}: no such export")
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            if "lvc" not in metadata:
                raise UserError(
                    f"{path}: a safetensors file, but not an lvc export (see `python -m lvc import --help`)"
                )
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except SafetensorError as error:
        raise UserError(f"{path}: not an lvc export, or damaged ({_first_line(error)})") from None
    header = json.loads(metadata["lvc"])
    if header["format"] != FORMAT:
        raise UserError(f"{path}: export format '{header['format']}', and this build reads '{FORMAT}'")
    for name, source in header.get("parts", {}).items():
        tensors |= _part_of_package(path, name, source)
    if metadata["digest"] != _digest(tensors, header["config"]):
        raise UserError(f"{path}: damaged: its contents do not match its digest")
    check_finite(tensors, path)
    return header, metadata["digest"], tensors


def _owner(tensor: str) -> str:
    """The part of a codec, or its own layer, that a tensor's name says it is in."""
    return tensor.split(".")[1]


def _part_of_package(path: Path, part: str, source: dict[str, str]) -> dict[str, Tensor]:
    """The tensors of a part that another export of the package holds, under their names in the whole.

    Raises:
        UserError: If the package has no such export.
    """
    other = shipped().get(source["name"])
    digest, tensors = read_export(other)[1:] if other else ("", {})
    if digest != source["digest"]:
        raise UserError(f"{path}: needs {source['name']} ({source['digest'][:16]}), which this package does not have")
    return {".".join([kind, part, name]): t for (kind, name), t in ((n.split(".", 1), t) for n, t in tensors.items())}


def load_parts(codec: VideoCodec, path: Path | str, parts: Sequence[str] = ()) -> list[str]:
    """Load the weights of the named parts from an export into ``codec``.

    Where none is named, all are loaded, with what belongs to no part: a mean that was measured, say.
    A codec's own export is matched by name; an export of a codec's part (its intra codec, its flow network) too.

    Returns:
        The parts that were loaded.

    Raises:
        UserError: If a named part, or any part at all, is not in the export or does not fit.
    """
    header, _, tensors = read_export(path)
    weights = {n.removeprefix("weights."): t for n, t in tensors.items() if n.startswith("weights.")}
    spec = MODELS[header["config"]["name"]].SPEC
    if spec.pyramid:
        weights = _flow_weights(weights, codec)
    weights = _inside(weights, spec, codec)
    loaded = []
    for part in parts or codec.parts:
        if part not in codec.parts:
            raise UserError(f"{path}: the codec has no part '{part}'; choices are: {', '.join(codec.parts)}")
        if _copied(weights, _part_tensors(codec, part)):
            loaded.append(part)
        elif parts:
            raise UserError(f"{path}: part '{part}' of '{header['config']['name']}' is missing or of another shape")
    if not loaded:
        raise UserError(f"{path}: no part of '{header['config']['name']}' fits; the codec has {', '.join(codec.parts)}")
    if not parts:
        held = {name for part in codec.parts for name in _part_tensors(codec, part)}
        _copied(weights, {n: t for n, t in codec.state_dict(keep_vars=True).items() if n not in held})
    for _, model in _entropy_models(codec):
        model.tables = None
    return loaded


def _copied(weights: dict[str, Tensor], own: dict[str, Tensor]) -> bool:
    """Copy ``weights`` into a codec's own tensors of these names, if there are any and all of them fit."""
    if not own or any(n not in weights or weights[n].shape != t.shape for n, t in own.items()):
        return False
    with torch.no_grad():
        for name, tensor in own.items():
            tensor.copy_(weights[name])
    return True


def load_starting_weights(codec: VideoCodec, config: Any, trained_flow: bool = False) -> dict[str, str]:
    """Load what ``weights`` and ``pretrained`` of ``model``, ``model.intra`` and ``model.flow`` name.

    The codec that ``model.codec`` names is what a classifier learns from: its digest is told, nothing of it loaded.

    Args:
        codec: The codec.
        config: Its configuration.
        trained_flow: The codec has a flow network that was trained further than the package's; it stays.

    Returns:
        The digest of every export that was loaded, by its option, for the provenance of what becomes of it.
    """
    loaded = {}
    for option, path, parts in starting_weights(config, trained_flow):
        load_parts(codec, path, parts)
        loaded[option] = read_export(path)[1]
    if learned_from := getattr(config, "codec", None):
        loaded["model.codec"] = read_export(learned_from)[1]
    return loaded


def starting_weights(config: Any, trained_flow: bool = False) -> list[tuple[str, Path | str, tuple[str, ...]]]:
    """The options of a model's configuration that name weights to start from: each with their export and parts.

    Args:
        config: The configuration.
        trained_flow: See :func:`load_starting_weights`.
    """
    flow, intra = getattr(config, "flow", None), getattr(config, "intra", None)
    pretrained = getattr(flow, "pretrained", False) and not trained_flow
    named = (
        ("model.weights", getattr(config, "weights", None), ()),
        ("model.pretrained", _of_package(config), ()),
        ("model.intra.weights", getattr(intra, "weights", None), ("intra",)),
        ("model.intra.pretrained", _of_package(intra), ("intra",)),
        ("model.band_weights", getattr(config, "band_weights", None), ("lowpass", "highpass")),
        ("model.flow.weights", getattr(flow, "weights", None), ("flow",)),
        ("model.flow.pretrained", shipped_flow(flow.widths) if pretrained else None, ("flow",)),
    )
    return [(option, path, parts) for option, path, parts in named if path]


def _of_package(config: Any) -> Path | None:
    """The weights that a codec's configuration takes from the package, if it takes any."""
    return named(config.name) if getattr(config, "pretrained", False) else None


def _inside(weights: dict[str, Tensor], spec: ModelSpec, codec: nn.Module) -> dict[str, Tensor]:
    """Weights under the names that they have in a ``codec`` with that network as a part; else as they are."""
    names = codec.state_dict().keys()
    moved = {
        there + name.removeprefix(here): tensor
        for here, there in spec.inside
        for name, tensor in weights.items()
        if name.startswith(here)
    }
    return moved if moved.keys() & names else weights


def _flow_weights(weights: dict[str, Tensor], codec: nn.Module) -> dict[str, Tensor]:
    """A pyramid's weights with as many levels, and in the shapes, that the flow network of ``codec`` has."""
    own = {name.removeprefix("flow."): tensor for name, tensor in weights.items()}
    fitted = dict(weights)
    for at, network in codec.named_modules():
        if isinstance(network, SpyNet):
            fitted |= {f"{at}.{name}": tensor for name, tensor in fit_pyramid(own, network).items()}
    return fitted


def _move(codec: VideoCodec, device: str) -> None:
    try:
        codec.to(device)
    except (RuntimeError, AssertionError) as error:  # no driver, no such device, or a torch built without it
        reason = str(error).splitlines()[0].partition(". ")[0]
        raise UserError(f"device: '{device}' cannot be used here ({reason}); 'cpu' can everywhere") from None


def _part_tensors(codec: VideoCodec, part: str) -> dict[str, Tensor]:
    """Parameters and buffers of a part under their names in the codec's state dict."""
    inside = {id(t) for m in codec.parts[part] for t in (*m.parameters(), *m.buffers())}
    return {n: t for n, t in codec.state_dict(keep_vars=True).items() if id(t) in inside}


def _entropy_models(codec: VideoCodec) -> list[tuple[str, EntropyModel]]:
    return [(name, m) for name, m in codec.named_modules() if isinstance(m, EntropyModel)]


def _digest(tensors: dict[str, Tensor], config: dict[str, Any]) -> str:
    """SHA-256 over names, shapes and bytes of all tensors, and the model's configuration."""
    digest = hashlib.sha256(json.dumps(config, sort_keys=True, default=str).encode())
    for name in sorted(tensors):
        tensor = tensors[name].contiguous()
        digest.update(f"{name}{tuple(tensor.shape)}{tensor.dtype}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[1] if len(lines) > 1 else lines[0]
