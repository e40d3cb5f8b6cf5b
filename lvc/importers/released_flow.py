"""SpyNet weights as others keep them: NumPy files, Torch7 networks, PyTorch checkpoints. None is shipped or fetched.

All hold one network of five 7x7 convolutions per level, the coarsest level first (1 or 0), and differ in names only.
"""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from lvc.errors import UserError
from lvc.importers.checkpoint import check_file, read_checkpoint
from lvc.importers.torch7 import convolutions

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""What the original network subtracts from and divides RGB by."""
LAYERS = 5

_NPY = re.compile(r"modelL(\d+)_\w+-(\d+)-(weight|bias)$")
_T7 = re.compile(r"modelL(\d+)")
_PTH = re.compile(r"(?:^|\.)(\d+)\.(?:.*?\D)?(\d+)\.(?:conv\.)?(weight|bias)$")


def read_spynet(paths: Sequence[Path]) -> dict[str, Tensor]:
    """The network in ``paths``, under the names of :class:`lvc.motion.spynet.SpyNet`'s ``levels``.

    Args:
        paths: ``.npy`` files or folders of them, ``.t7`` files (one per level), or one ``.pth``.

    Raises:
        UserError: Naming the file that is missing, of another kind or of the wrong shape.
    """
    files = [f for path in paths for f in (sorted(path.glob("*.npy")) or [path] if path.is_dir() else [path])]
    for file in files:
        if not file.exists():
            raise UserError(f"{file}: no such file")
        if file.is_file():
            check_file(file)
    kinds = {file.suffix for file in files}
    if kinds == {".npy"}:
        found = _npy(files)
    elif kinds == {".t7"}:
        found = _t7(files)
    elif len(files) == 1 and files[0].is_file():
        found = _pth(files[0])
    else:
        named = ", ".join(sorted(kind or "folder without .npy" for kind in kinds))
        raise UserError(f"{files[0]}: SpyNet is read from .npy files, .t7 files or one .pth; got {named}")
    return _checked(found, str(paths[0]))


def fold_normalisation(weights: dict[str, Tensor], bgr: bool = False) -> dict[str, Tensor]:
    """Weights for pictures in [0, 1] from those for pictures normalised with :data:`MEAN` and :data:`STD`.

    Exact but for the border, where zero padding stands for the mean colour before and for black after.

    Args:
        weights: As :func:`read_spynet` gives them.
        bgr: The pictures were BGR: turned to RGB before they are folded.
    """
    folded = dict(weights)
    mean, std = (torch.tensor(v)[None, :, None, None] for v in (MEAN, STD))
    for name, tensor in weights.items():
        if not re.fullmatch(r"levels\.\d+\.0\.weight", name):
            continue
        pictures, flow = [tensor[:, :3], tensor[:, 3:6]], tensor[:, 6:]
        if bgr:
            pictures = [p.flip(1) for p in pictures]
        bias = name.replace("weight", "bias")
        folded[bias] = weights[bias] - sum((p * mean / std).sum((1, 2, 3)) for p in pictures)
        folded[name] = torch.cat([*(p / std for p in pictures), flow], 1)
    return folded


def swap_colours(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights for RGB from those for BGR."""
    order = [2, 1, 0, 5, 4, 3, 6, 7]
    return {n: t[:, order] if re.fullmatch(r"levels\.\d+\.0\.weight", n) else t for n, t in weights.items()}


def coarsest(weights: dict[str, Tensor], levels: int) -> dict[str, Tensor]:
    """The first ``levels`` networks alone, which DVC and DCVC run on the finest scales."""
    return {name: tensor for name, tensor in weights.items() if int(name.split(".")[1]) < levels}


def _npy(files: list[Path]) -> dict[tuple[int, int, str], Tensor]:
    found = {}
    for file in files:
        match = _NPY.match(file.stem)
        if match is None:
            raise UserError(f"{file}: is not named like 'modelL1_F-1-weight.npy'")
        try:
            array = np.load(file, allow_pickle=False)
        except (OSError, ValueError, EOFError):
            raise UserError(f"{file}: no NumPy array of numbers, or damaged") from None
        found[int(match[1]), int(match[2]), match[3]] = torch.from_numpy(np.asarray(array, np.float32))
    return found


def _t7(files: list[Path]) -> dict[tuple[int, int, str], Tensor]:
    found = {}
    for file in files:
        match = _T7.match(file.stem)
        if match is None:
            raise UserError(f"{file}: is not named like 'modelL1_F.t7'")
        layers = convolutions(file)
        if len(layers) != LAYERS:
            raise UserError(f"{file}: has {len(layers)} convolutions, and a level of SpyNet has {LAYERS}")
        for number, (weight, bias) in enumerate(layers, 1):
            if weight.ndim == 2:  # SpatialConvolutionMM keeps rows of a matrix product
                weight = weight.reshape(len(weight), -1, 7, 7) if weight.shape[1] % 49 == 0 else weight
            found[int(match[1]), number, "weight"] = torch.from_numpy(weight.astype(np.float32))
            found[int(match[1]), number, "bias"] = torch.from_numpy(bias.astype(np.float32))
    return found


def _pth(file: Path) -> dict[tuple[int, int, str], Tensor]:
    found = {}
    for name, tensor in read_checkpoint(file).items():
        match = _PTH.search(name) or re.search(r"(\d+)\.conv(\d+)\.(weight|bias)$", name)
        if match is None and name not in ("mean", "std"):  # kept as buffers by some
            raise UserError(f"{file}: '{name}' is no tensor of SpyNet")
        if match is not None:
            found[int(match[1]), int(match[2]), match[3]] = tensor.float()
    return found


def _checked(found: dict[tuple[int, int, str], Tensor], where: str) -> dict[str, Tensor]:
    """Levels and layers counted from 0, each with the shape that follows from the one before."""
    levels, weights = sorted({level for level, _, _ in found}), {}
    if levels != list(range(levels[0], levels[0] + len(levels))) or levels[0] > 1:
        raise UserError(f"{where}: has levels {levels}, and they should be 1 to {len(levels)}: one is missing")
    for place, level in enumerate(levels):
        layers = sorted({layer for other, layer, _ in found if other == level})
        if len(layers) != LAYERS:
            raise UserError(f"{where}: level {level} has {len(layers)} convolutions, and SpyNet's have {LAYERS}")
        inputs = 8
        for number, layer in enumerate(layers):
            for kind in ("weight", "bias"):
                if (level, layer, kind) not in found:
                    raise UserError(f"{where}: level {level} has no {kind} of convolution {number + 1}")
            weight, bias = found[level, layer, "weight"], found[level, layer, "bias"]
            outputs = len(weight) if number < LAYERS - 1 else 2
            if tuple(weight.shape) != (outputs, inputs, 7, 7) or tuple(bias.shape) != (outputs,):
                shapes = f"{tuple(weight.shape)} and {tuple(bias.shape)}"
                right = f"({'N' if number < LAYERS - 1 else 2}, {inputs}, 7, 7)"
                raise UserError(f"{where}: level {level}, convolution {number + 1}: shapes {shapes}, not {right}")
            weights[f"levels.{place}.{2 * number}.weight"], weights[f"levels.{place}.{2 * number}.bias"] = weight, bias
            inputs = outputs
    return weights
