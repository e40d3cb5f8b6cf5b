"""Foreign checkpoints, read without executing anything in them, and unwrapped.

People save a network inside other things: dictionaries (``state_dict`` of Lightning and CompressAI, ``net``,
``params``), averages of weights (``ema``), and wrapper modules that put a prefix before each name (``module.`` of
DataParallel and DDP, ``_orig_mod.`` of torch.compile, ``model.`` of a LightningModule), in any order. Every importer
reads files here. Where a file has both trained weights and their average, the average is taken.
"""

import pickle
import re
import warnings
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from lvc.errors import UserError

AVERAGED = ("ema_state_dict", "state_dict_ema", "model_ema", "ema_model", "params_ema", "ema")
"""Where averages of weights lie, which are what evaluations use."""
WRAPPERS = (*AVERAGED, "state_dict", "model_state_dict", "model", "net", "network", "module", "params", "weights")
"""Names of dictionaries that hold a network's tensors, the ones to prefer first."""

_PREFIX = re.compile(r"^(?:(?:module|_orig_mod|model|net|network|ema|ema_model|model_ema)\.)*")
_COUNTER = "n_averaged"  # of torch's AveragedModel, beside the network
_DEEPEST = 4
_MISTAKEN = [
    (b"version https://git-lfs.github.com", "a Git-LFS pointer, not the file itself; fetch that with `git lfs pull`"),
    (b"<!doctype html", "a web page, not a checkpoint; download the file itself"),
    (b"<html", "a web page, not a checkpoint; download the file itself"),
]


def read_checkpoint(path: Path | str) -> dict[str, Tensor]:
    """The tensors of a checkpoint under the network's own names.

    Args:
        path: Of ``torch.save`` or safetensors.

    Raises:
        UserError: No such file, no plain dictionary of tensors, or one that wants to execute code.
    """
    path = Path(path)
    check_file(path)
    found = _load_safetensors(path) if path.suffix == ".safetensors" else _load_torch(path)
    tensors = unwrapped(found)
    if not tensors:
        raise UserError(f"{path}: holds no dictionary of tensors")
    return tensors


def check_file(path: Path) -> None:
    """Check that there is a file, and that it is not what failed downloads leave.

    Raises:
        UserError: Says what the file is.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such checkpoint")
    with path.open("rb") as file:
        start = file.read(512)
    if not start:
        raise UserError(f"{path}: an empty file")
    for mark, said in _MISTAKEN:
        if start.lstrip().lower().startswith(mark):
            raise UserError(f"{path}: {said}")


def unwrapped(found: Any, depth: int = 0) -> dict[str, Tensor]:
    """The tensors of a network, out of the dictionaries and wrapper modules that it was saved in.

    Args:
        found: What a file holds.
        depth: Dictionaries around it.

    Returns:
        The tensors by name; empty where there are none.
    """
    if not isinstance(found, dict) or depth > _DEEPEST:
        return {}
    for key in WRAPPERS:
        if inner := unwrapped(found.get(key), depth + 1):
            return inner
    tensors = {k: v for k, v in found.items() if isinstance(k, str) and isinstance(v, Tensor) and k != _COUNTER}
    averaged = {name: tensor for name, tensor in tensors.items() if "ema" in _PREFIX.match(name)[0]}
    return {_PREFIX.sub("", name): tensor for name, tensor in (averaged or tensors).items()}


def _load_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except SafetensorError:
        raise UserError(f"{path}: not a safetensors file, or damaged") from None


def _load_torch(path: Path) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Detected pickle protocol")
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        wanted = re.search(r"GLOBAL (\S+)", str(error))
        said = f" (it wants to call '{wanted[1]}'); save its state_dict alone" if wanted else ""
        raise UserError(f"{path}: not a PyTorch checkpoint of plain tensors{said}") from None
    except Exception:  # the unpickler raises whatever the file makes it raise
        raise UserError(f"{path}: not a PyTorch checkpoint of plain tensors") from None
