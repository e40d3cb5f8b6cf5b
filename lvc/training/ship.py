"""Put a trained network into the package: ``python -m lvc.training.ship EXPORT [EARLIER ...]``.

The copy is in half precision and keeps the configuration that the network was trained with, and that of the exports
it was started from (EARLIER); of paths only the last part is kept. A codec goes to ``lvc/models/weights``, by its name
(`light`, `light_tiny`); an intra codec that is shipped too is not written twice. A flow network goes to
``lvc/motion/weights``.
"""

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lvc.codec import VideoCodec
from lvc.config.parts import shipped_flow
from lvc.errors import UserError
from lvc.export import export_tensors, load_export, read_export, write_export
from lvc.models.shipped import FOLDER, shipped


def ship(path: Path, earlier: Sequence[Path] = (), out: Path | None = None) -> Path:
    """Write the half-precision copy.

    Args:
        path: An export of a codec, or of ``model=spynet``.
        earlier: Exports that the run which made it was started from, for the record.
        out: Where to; ``None`` for its place in the package.

    Raises:
        UserError: If ``path`` is an export of something else.
    """
    header, digest, tensors = read_export(path)
    config = header["config"]
    made = _without_folders(header["provenance"]) | {"full_precision": digest}
    before = [_without_folders(read_export(e)[0]["provenance"]) for e in earlier]
    header["provenance"] = made | ({"earlier": before} if before else {})
    if config["name"] == "spynet":
        halves = {name: _half(tensor) for name, tensor in tensors.items()}
        return write_export(out or shipped_flow(tuple(config["widths"])), halves, header)
    codec = load_export(path).codec
    with torch.no_grad():  # tables are those of the weights as they are kept
        for tensor in codec.state_dict().values():
            tensor.copy_(_half(tensor))
    halves = {n: _half(t) if n.startswith("weights.") else t for n, t in _with_new_tables(codec).items()}
    header["parts"] = _shipped_parts(halves)
    name = config["name"] + ("" if config["size"] == "full" else f"_{config['size']}")
    return write_export(out or FOLDER / f"{name}.safetensors", halves, header)


def _with_new_tables(codec: VideoCodec) -> dict[str, Tensor]:
    codec.train()  # which drops the tables
    return export_tensors(codec)


def _shipped_parts(tensors: dict[str, Tensor]) -> dict[str, dict[str, str]]:
    """The intra codec's export in the package, if it holds just what ``tensors`` have under ``intra.``."""
    inner = {".".join(n.split(".intra.", 1)): t for n, t in tensors.items() if n.split(".")[1] == "intra"}
    for name, path in shipped().items():
        _, digest, own = read_export(path)
        if inner and own.keys() == inner.keys() and all(torch.equal(own[n], inner[n]) for n in own):
            return {"intra": {"name": name, "digest": digest}}
    return {}


def _half(tensor: Tensor) -> Tensor:
    return tensor.half() if tensor.is_floating_point() else tensor


def _without_folders(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_folders(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_without_folders(inner) for inner in value]
    return re.sub(r"(^|=)/\S*/", r"\1", value) if isinstance(value, str) else value


if __name__ == "__main__":
    try:
        print(ship(Path(sys.argv[1]), [Path(e) for e in sys.argv[2:]]))
    except (UserError, IndexError) as error:
        sys.exit(f"error: {error}" if isinstance(error, UserError) else f"usage: {__doc__}")
