"""Exports that are not stored: their weights are drawn from the names of their tensors."""

import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor


def drawn(name: str, shape: list[int], kind: str, mean: float, spread: float) -> Tensor:
    """Weights of a tensor: normal, from a seed that is its name. NumPy promises this generator's numbers for good."""
    numbers = np.random.RandomState(zlib.crc32(name.encode())).standard_normal(int(np.prod(shape)))
    return torch.from_numpy((mean + spread * numbers).astype(kind)).reshape(shape)


def export_of(recorded: dict[str, Any], path: Path) -> Path:
    """Write the export that a stream was made with, from its configuration as it was recorded then."""
    from safetensors.torch import save_file

    from lvc.config.contract import build
    from lvc.config.model import ModelConfig
    from lvc.models.build import build_codec

    codec = build_codec(build(ModelConfig, json.loads(recorded["lvc"])["config"])).eval()
    weights = {name: drawn(name, *how) for name, how in recorded["tensors"].items()}
    codec.load_state_dict(weights)
    tensors = {f"weights.{name}": tensor for name, tensor in weights.items()}
    for name, module in codec.named_modules():
        if hasattr(module, "make_tables"):
            tensors |= {f"tables.{name}.{key}": t for key, t in module.tables.tensors.items()}
    save_file(tensors, path, {"lvc": recorded["lvc"], "digest": recorded["digest"]})
    return path
