"""Import released weights into an export.

    dcvc_tcm          the released P-frame network (258 tensors, every one used); give its intra codec with --intra
    b_canf            a released B-frame network, without its own intra codec: give ours with --intra
    intra_cheng2020   CompressAI's cheng2020_anchor: transforms and hyperprior. Its hyper-synthesis was trained beside
                      an autoregressive model that this codec does not have: train further before coding

FILE is read without executing anything in it.
"""

import argparse
from pathlib import Path
from typing import Any


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``import``."""
    parser.add_argument(
        "model", metavar="MODEL", choices=["b_canf", "dcvc_tcm", "intra_cheng2020"], help="what FILE holds"
    )
    parser.add_argument("file", metavar="FILE", type=Path, help="checkpoint (.pth, .pth.tar)")
    parser.add_argument("out", metavar="OUT", type=Path, help="export to write (.safetensors)")
    parser.add_argument("--intra", metavar="EXPORT", type=Path, default=None, help="intra codec for the network")
    parser.add_argument(
        "--compat",
        choices=["official", "lvc"],
        default="official",
        help="dcvc_tcm: entropy tables as released, or ours",
    )


def run(options: argparse.Namespace) -> None:
    """Import and say what became of the tensors."""
    from lvc.models.released import read_checkpoint

    released = read_checkpoint(options.file)
    imported = {"b_canf": _b_canf, "dcvc_tcm": _dcvc_tcm, "intra_cheng2020": _intra_cheng2020}[options.model]
    imported(options, released)


def _b_canf(options: argparse.Namespace, released: dict) -> None:
    from lvc.config.b_canf import BCANFConfig
    from lvc.models.released_b_canf import b_canf_weights

    weights = b_canf_weights(released, options.file)
    _inter(options, BCANFConfig(name="b_canf", clamp_references=False), weights, len(weights))


def _dcvc_tcm(options: argparse.Namespace, released: dict) -> None:
    from lvc.config.dcvc_tcm import DCVCTCMConfig
    from lvc.models.released import dcvc_tcm_weights

    config = DCVCTCMConfig(name="dcvc_tcm", compat=options.compat)
    _inter(options, config, dcvc_tcm_weights(released, options.file), len(released))


def _inter(options: argparse.Namespace, config: Any, weights: dict, count: int) -> None:
    """Export a network of inter frames, over the intra codec that is given or an untrained one."""
    import dataclasses

    from lvc.models.build import build_codec
    from lvc.training.export import load_export, load_parts, save_export

    if options.intra:
        config = dataclasses.replace(config, intra=load_export(options.intra).config)
    codec = build_codec(config)
    _fill(codec, weights, options.file, outside="intra.")
    if options.intra:
        load_parts(codec, options.intra, ("intra",))
    save_export(options.out, codec, config, {"imported_from": options.file.name, "tensors": count})
    print(f"{options.out}: {count} tensors of {options.file.name} imported")
    if not options.intra:
        print("  its intra codec is untrained: give one with --intra, or train with model.intra.weights=EXPORT")


def _intra_cheng2020(options: argparse.Namespace, released: dict) -> None:
    from lvc.config.intra import IntraCheng2020Config
    from lvc.errors import UserError
    from lvc.models.build import build_codec
    from lvc.models.released import cheng2020_weights
    from lvc.training.export import save_export

    weights = cheng2020_weights(released)
    if "g_a.6.weight" not in weights:
        raise UserError(f"{options.file}: no cheng2020_anchor checkpoint: it has no tensor 'g_a.6.weight'")
    config = IntraCheng2020Config(name="intra_cheng2020", channels=len(weights["g_a.6.weight"]))
    codec = build_codec(config)
    _fill(codec, weights, options.file, outside="-")
    save_export(options.out, codec, config, {"imported_from": options.file.name, "tensors": len(weights)})
    left = len(released) - len(weights)
    print(
        f"{options.out}: {len(weights)} tensors of {options.file.name} imported, {left} of its context model left out"
    )
    print("  its hyper-synthesis was trained beside an autoregressive model: train it further before coding")


def _fill(codec, weights: dict, path: Path, outside: str) -> None:
    """Copy ``weights`` into ``codec``, every one used and every parameter but those named ``outside...`` filled.

    Raises:
        UserError: On the first tensor that is missing, unknown or of another shape.
    """
    import torch

    from lvc.errors import UserError

    own = codec.state_dict()
    for name, tensor in weights.items():
        if name not in own:
            raise UserError(f"{path}: tensor for '{name}' has no place in the codec")
        if own[name].shape != tensor.shape:
            shapes = f"{tuple(tensor.shape)}, and the codec's is {tuple(own[name].shape)}"
            raise UserError(f"{path}: tensor for '{name}' is of shape {shapes}")
    missing = [n for n, _ in codec.named_parameters() if n not in weights and not n.startswith(outside)]
    if missing:
        raise UserError(f"{path}: has no tensor for '{missing[0]}' ({len(missing)} missing in all)")
    with torch.no_grad():
        for name, tensor in weights.items():
            own[name].copy_(tensor)
