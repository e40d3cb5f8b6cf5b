"""Import released weights into an export.

    dcvc_tcm                    the released P-frame network (258 tensors, every one used); give its intra codec with
                                --intra
    b_canf                      a released B-frame network, without its own intra codec: give ours with --intra
    pwave                       a released pWave++, complete
    pmctf_l                     a released pMCTF-L, complete: motion estimation and both band coders, for as many
                                temporal levels as there are
    intra_bmshj2018_hyperprior  CompressAI's bmshj2018_hyperprior, complete
    intra_mbt2018               CompressAI's mbt2018, complete
    intra_cheng2020_anchor      CompressAI's cheng2020_anchor, complete
    intra_cheng2020             the same without its context model. Its hyper-synthesis was trained beside one that this
                                codec does not have: train further before coding
    spynet                      the classic flow networks: a folder of .npy files, .t7 files (one per level), or one
                                .pth. They expect normalised RGB, which is folded into their first layers (--normalised
                                no leaves them as they are, as DVC and DCVC use them). A codec takes the finest levels
                                of an export; --levels 4 imports the four coarsest networks alone, which those codecs
                                run on the finest scales. Mind the licence of the files: it goes on to what is trained
                                from them

FILE is read without executing anything in it.
"""

import argparse
from pathlib import Path
from typing import Any

_COMPRESSAI = {
    "intra_bmshj2018_hyperprior": "bmshj2018_hyperprior",
    "intra_mbt2018": "mbt2018",
    "intra_cheng2020_anchor": "cheng2020_anchor",
    "intra_cheng2020": "cheng2020_anchor",
}
"""Intra codecs by name, and the checkpoints of CompressAI's zoo that fit."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``import``."""
    parser.add_argument("model", metavar="MODEL", choices=list(_IMPORTS), help="what FILE holds")
    parser.add_argument("files", metavar="FILE", nargs="+", type=Path, help="checkpoint (.pth, .pth.tar, .npy, .t7)")
    parser.add_argument("--out", metavar="OUT", type=Path, help="export to write; without it the last FILE is that")
    parser.add_argument("--intra", metavar="EXPORT", type=Path, default=None, help="intra codec for the network")
    parser.add_argument(
        "--compat",
        choices=["official", "lvc"],
        default="official",
        help="dcvc_tcm: entropy tables as released, or ours",
    )
    parser.add_argument("--normalised", choices=["yes", "no"], default="yes", help="spynet: pictures were normalised")
    parser.add_argument("--bgr", action="store_true", help="spynet: pictures were BGR")
    parser.add_argument("--levels", metavar="N", type=int, help="spynet: import the N coarsest networks alone")


def run(options: argparse.Namespace) -> None:
    """Import and say what became of the tensors."""
    from lvc.errors import UserError

    if options.out is None:
        options.out = options.files.pop()
    if options.out.suffix != ".safetensors" or not options.files:
        raise UserError(f"{options.out}: give FILE and then OUT, an export (.safetensors), or --out OUT")
    if options.model != "spynet" and len(options.files) > 1:
        raise UserError(f"{options.files[1]}: {options.model} is imported from one file")
    options.file = options.files[0]
    _IMPORTS[options.model](options)


def _spynet(options: argparse.Namespace) -> None:
    from lvc.config.contract import build
    from lvc.config.model import ModelConfig
    from lvc.errors import UserError
    from lvc.export import save_export
    from lvc.importers.released_flow import coarsest, fold_normalisation, read_spynet, swap_colours
    from lvc.models.build import build_codec

    weights = read_spynet(options.files)
    levels = 1 + max(int(name.split(".")[1]) for name in weights)
    if options.levels is not None:
        if not 1 <= options.levels <= levels:
            raise UserError(f"--levels: {options.levels}, and there are {levels}")
        weights, levels = coarsest(weights, options.levels), options.levels
    if options.normalised == "yes":
        weights = fold_normalisation(weights, options.bgr)
    elif options.bgr:
        weights = swap_colours(weights)
    widths = [len(weights[f"levels.0.{layer}.weight"]) for layer in (0, 2, 4, 6)]
    config = build(ModelConfig, {"name": "spynet", "levels": levels, "widths": widths}, str(options.file))
    network = build_codec(config)
    _fill(network, {f"flow.{name}": tensor for name, tensor in weights.items()}, options.file, outside="-")
    facts = {"imported_from": [file.name for file in options.files], "normalised": options.normalised}
    save_export(options.out, network, config, facts | {"bgr": options.bgr})
    print(f"{options.out}: {levels} levels with widths {', '.join(map(str, widths))} imported")


def _b_canf(options: argparse.Namespace) -> None:
    from lvc.config.b_canf import BCANFConfig
    from lvc.importers.released import read_checkpoint
    from lvc.importers.released_b_canf import b_canf_weights

    weights = b_canf_weights(read_checkpoint(options.file), options.file)
    _inter(options, BCANFConfig(name="b_canf", normalise=True, clamp_references=False), weights, len(weights))


def _dcvc_tcm(options: argparse.Namespace) -> None:
    from lvc.config.dcvc_tcm import DCVCTCMConfig
    from lvc.importers.released import dcvc_tcm_weights, read_checkpoint

    released = read_checkpoint(options.file)
    config = DCVCTCMConfig(name="dcvc_tcm", compat=options.compat)
    _inter(options, config, dcvc_tcm_weights(released, options.file), len(released))


def _wavelet(options: argparse.Namespace) -> None:
    """pWave++ and pMCTF-L, whose checkpoints hold all of them."""
    from lvc.config.contract import build
    from lvc.config.model import ModelConfig
    from lvc.export import save_export
    from lvc.importers.released import read_checkpoint
    from lvc.importers.released_pmctf_l import left_out, pmctf_l_options, pmctf_l_weights, pwave_options, pwave_weights
    from lvc.models.build import build_codec

    renamed, asked = {"pwave": (pwave_weights, pwave_options), "pmctf_l": (pmctf_l_weights, pmctf_l_options)}[
        options.model
    ]
    released = read_checkpoint(options.file)
    weights = renamed(released, options.file)
    config = build(ModelConfig, {"name": options.model, **asked(weights)}, str(options.file))
    codec, left = build_codec(config), left_out(released)
    _fill(codec, weights, options.file, outside="-")
    count = len(released) - left
    save_export(options.out, codec, config, {"imported_from": options.file.name, "tensors": count})
    print(f"{options.out}: {count} tensors of {options.file.name} imported")
    print(f"  {left} left out: masks, and lift_v, a second name of lift_h")


def _inter(options: argparse.Namespace, config: Any, weights: dict, count: int) -> None:
    """Export a network of inter frames, over the intra codec that is given or an untrained one."""
    import dataclasses

    from lvc.export import load_export, load_parts, save_export
    from lvc.models.build import build_codec

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


def _intra(options: argparse.Namespace) -> None:
    from lvc.config.intra import INTRA_CODECS
    from lvc.errors import UserError
    from lvc.export import save_export
    from lvc.importers.released import compressai_weights, read_checkpoint
    from lvc.models.build import build_codec

    released = read_checkpoint(options.file)
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


_IMPORTS = {
    "b_canf": _b_canf,
    "dcvc_tcm": _dcvc_tcm,
    "pmctf_l": _wavelet,
    "pwave": _wavelet,
    "spynet": _spynet,
    **dict.fromkeys(_COMPRESSAI, _intra),
}
