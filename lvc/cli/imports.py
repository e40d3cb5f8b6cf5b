"""Import released weights into an export.

    dcvc_tcm                    the released P-frame network (258 tensors, every one used); give its intra codec with
                                --intra
    intra_bmshj2018_hyperprior  CompressAI's bmshj2018_hyperprior, complete
    intra_mbt2018               CompressAI's mbt2018, complete
    intra_cheng2020_anchor      CompressAI's cheng2020_anchor, complete
    intra_cheng2020             the same without its context model. Its hyper-synthesis was trained beside one that this
                                codec does not have: train further before coding

FILE is read without executing anything in it.
"""

import argparse
from pathlib import Path

_COMPRESSAI = {
    "intra_bmshj2018_hyperprior": "bmshj2018_hyperprior",
    "intra_mbt2018": "mbt2018",
    "intra_cheng2020_anchor": "cheng2020_anchor",
    "intra_cheng2020": "cheng2020_anchor",
}
"""Intra codecs by name, and the checkpoints of CompressAI's zoo that fit."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``import``."""
    parser.add_argument("model", metavar="MODEL", choices=["dcvc_tcm", *_COMPRESSAI], help="what FILE holds")
    parser.add_argument("file", metavar="FILE", type=Path, help="checkpoint (.pth, .pth.tar)")
    parser.add_argument("out", metavar="OUT", type=Path, help="export to write (.safetensors)")
    parser.add_argument("--intra", metavar="EXPORT", type=Path, default=None, help="intra codec for dcvc_tcm")
    parser.add_argument(
        "--compat", choices=["official", "lvc"], default="official", help="entropy tables as released, or ours"
    )


def run(options: argparse.Namespace) -> None:
    """Import and say what became of the tensors."""
    from lvc.models.released import read_checkpoint

    released = read_checkpoint(options.file)
    (_dcvc_tcm if options.model == "dcvc_tcm" else _intra)(options, released)


def _dcvc_tcm(options: argparse.Namespace, released: dict) -> None:
    import dataclasses

    from lvc.config.dcvc_tcm import DCVCTCMConfig
    from lvc.models.build import build_codec
    from lvc.models.released import dcvc_tcm_weights
    from lvc.training.export import load_export, load_parts, save_export

    config = DCVCTCMConfig(name="dcvc_tcm", compat=options.compat)
    if options.intra:
        config = dataclasses.replace(config, intra=load_export(options.intra).config)
    codec = build_codec(config)
    _fill(codec, dcvc_tcm_weights(released, options.file), options.file, outside="intra.")
    if options.intra:
        load_parts(codec, options.intra, ("intra",))
    save_export(options.out, codec, config, {"imported_from": options.file.name, "tensors": len(released)})
    print(f"{options.out}: {len(released)} tensors of {options.file.name} imported")
    if not options.intra:
        print("  its intra codec is untrained: give one with --intra, or train with model.intra.weights=EXPORT")


def _intra(options: argparse.Namespace, released: dict) -> None:
    from lvc.config.intra import INTRA_CODECS
    from lvc.errors import UserError
    from lvc.models.build import build_codec
    from lvc.models.released import compressai_weights
    from lvc.training.export import save_export

    contract = INTRA_CODECS[options.model]
    weights = compressai_weights(released, autoregressive=options.model != "intra_cheng2020")
    if "h_a.0.weight" not in weights:
        zoo = _COMPRESSAI[options.model]
        raise UserError(f"{options.file}: no {zoo} checkpoint: it has no tensor 'h_a.0.weight'")
    channels, latent = weights["h_a.0.weight"].shape[:2]
    own = {"latent_channels": latent} if "latent_channels" in contract.__dataclass_fields__ else {}
    config = contract(name=options.model, channels=channels, **own)
    codec = build_codec(config)
    _fill(codec, weights, options.file, outside="-")
    save_export(options.out, codec, config, {"imported_from": options.file.name, "tensors": len(weights)})
    said = f"{options.out}: {len(weights)} tensors of {options.file.name} imported"
    if options.model != "intra_cheng2020":
        print(said)
        return
    print(f"{said}, {len(released) - len(weights)} of its context model left out")
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
