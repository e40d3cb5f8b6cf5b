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
    intra_cheng2020             DCVC-TCM's own intra codec, IntraNoAR, complete; or CompressAI's cheng2020_anchor
                                without its context model, to train further before coding
    zoo:NAME:QUALITY[:METRIC]   a checkpoint of CompressAI's zoo by name, downloaded: zoo:cheng2020-anchor:3:mse. NAME
                                is bmshj2018-hyperprior, mbt2018 or cheng2020-anchor. Without FILE
    spynet                      the classic flow networks: a folder of .npy files, .t7 files (one per level), or one
                                .pth. They expect normalised RGB, which is folded into their first layers (--normalised
                                no leaves them as they are, as DVC and DCVC use them). A codec takes the finest levels
                                of an export; --levels 4 imports the four coarsest networks alone, which those codecs
                                run on the finest scales. Mind the licence of the files: it goes on to what is trained
                                from them

FILE is read without executing anything in it. What a network was wrapped in is taken off: state_dict, net, ema,
module., _orig_mod., model. and their like. `python -m lvc info OUT` says what became of a file.
"""

import argparse
import hashlib
from pathlib import Path
from typing import Any

_COMPRESSAI = {
    "intra_bmshj2018_hyperprior": "bmshj2018_hyperprior",
    "intra_mbt2018": "mbt2018",
    "intra_cheng2020_anchor": "cheng2020_anchor",
    "intra_cheng2020": "cheng2020_anchor",
}
"""Intra codecs by name, and the checkpoints of CompressAI's zoo that fit."""

_COMPAT = ("dcvc_tcm", "pwave", "pmctf_l")
"""Models that have the option `compat`."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``import``."""
    parser.add_argument("model", metavar="MODEL", help=f"what FILE holds: zoo:... or one of {', '.join(_IMPORTS)}")
    parser.add_argument("files", metavar="FILE", nargs="+", type=Path, help="checkpoint (.pth, .pth.tar, .npy, .t7)")
    parser.add_argument("--out", metavar="OUT", type=Path, help="export to write; without it the last FILE is that")
    parser.add_argument("--intra", metavar="EXPORT", type=Path, default=None, help="intra codec for the network")
    parser.add_argument(
        "--compat",
        choices=["official", "lvc"],
        default="official",
        help=f"{', '.join(_COMPAT)}: rates, tables and padding as released, or ours",
    )
    parser.add_argument("--normalised", choices=["yes", "no"], default="yes", help="spynet: pictures were normalised")
    parser.add_argument("--bgr", action="store_true", help="spynet: pictures were BGR")
    parser.add_argument("--levels", metavar="N", type=int, help="spynet: import the N coarsest networks alone")


def run(options: argparse.Namespace) -> None:
    """Import and say what became of the tensors."""
    from lvc.errors import UserError
    from lvc.importers.zoo import CODECS, SCHEME, fetch, known_file, zoo_entry

    options.entry = None
    if options.out is None:
        options.out = options.files.pop()
    if options.model.startswith(SCHEME):
        options.entry = zoo_entry(options.model)
        if options.files:
            raise UserError(f"{options.files[0]}: {options.model} is downloaded; give OUT alone")
        options.model = CODECS[options.entry.architecture]
    elif options.model not in _IMPORTS:
        raise UserError(f"MODEL: '{options.model}' is not one of {', '.join(_IMPORTS)}, zoo:NAME:QUALITY")
    if options.out.suffix != ".safetensors" or not (options.files or options.entry):
        raise UserError(f"{options.out}: give FILE and then OUT, an export (.safetensors), or --out OUT")
    if options.model != "spynet" and len(options.files) > 1:
        raise UserError(f"{options.files[1]}: {options.model} is imported from one file")
    if options.entry:
        options.files = [fetch(options.entry)]
    options.file = options.files[0]
    options.entry = options.entry or known_file(options.file)
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
    held = len(weights)
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
    facts = {
        "imported_from": [file.name for file in options.files],
        "release": "SpyNet (Ranjan and Black, 2017)",
        "as_released": {"normalised": options.normalised, "bgr": options.bgr},
        "tensors": len(weights),
        "left_out": {"finer levels": held - len(weights)} if held > len(weights) else {},
    }
    save_export(options.out, network, config, facts)
    print(f"{options.out}: {levels} levels with widths {', '.join(map(str, widths))} imported")


def _b_canf(options: argparse.Namespace) -> None:
    from lvc.importers.released_b_canf import b_canf_weights

    _inter(options, b_canf_weights, {"normalise": True, "clamp_references": False}, "B-CANF (NYCU-MAPL/B-CANF)")


def _dcvc_tcm(options: argparse.Namespace) -> None:
    from lvc.importers.released import dcvc_tcm_weights

    _inter(options, dcvc_tcm_weights, {"compat": options.compat}, "DCVC-TCM (microsoft/DCVC)")


def _wavelet(options: argparse.Namespace) -> None:
    """pWave++ and pMCTF-L, whose checkpoints hold all of them."""
    from lvc.config.contract import build
    from lvc.config.model import ModelConfig
    from lvc.importers.checkpoint import read_checkpoint
    from lvc.importers.released_pmctf_l import pmctf_l_options, pmctf_l_weights, pwave_options, pwave_weights
    from lvc.models.build import build_codec

    named, asked, title = {
        "pwave": (pwave_weights, pwave_options, "pWave++"),
        "pmctf_l": (pmctf_l_weights, pmctf_l_options, "pMCTF-L"),
    }[options.model]
    released = read_checkpoint(options.file)
    imported = named(released, options.file)
    asked = {"compat": options.compat, **asked(imported.weights)}
    config = build(ModelConfig, {"name": options.model, **asked}, str(options.file))
    codec = build_codec(config)
    _fill(codec, imported.weights, options.file, outside="-")
    _save(options, codec, config, imported, len(released), f"{title} (FAU-LMS/Learned-pMCTF)", asked)


def _inter(options: argparse.Namespace, named: Any, asked: dict[str, Any], release: str) -> None:
    """Export a network of inter frames, over the intra codec that is given or an untrained one."""
    import dataclasses

    from lvc.config.contract import build
    from lvc.config.model import ModelConfig
    from lvc.export import load_export, load_parts
    from lvc.importers.checkpoint import read_checkpoint
    from lvc.models.build import build_codec

    released = read_checkpoint(options.file)
    imported = named(released, options.file)
    config = build(ModelConfig, {"name": options.model, **asked}, str(options.file))
    if options.intra:
        config = dataclasses.replace(config, intra=load_export(options.intra).config)
    codec = build_codec(config)
    _fill(codec, imported.weights, options.file, outside="intra.")
    if options.intra:
        load_parts(codec, options.intra, ("intra",))
    _save(options, codec, config, imported, len(released), release, asked)
    if not options.intra:
        print("  its intra codec is untrained: give one with --intra, or train with model.intra.weights=EXPORT")


def _intra(options: argparse.Namespace) -> None:
    from lvc.config.intra import INTRA_CODECS
    from lvc.errors import UserError
    from lvc.importers.checkpoint import read_checkpoint
    from lvc.importers.released import CONTEXT_MODEL, compressai_weights
    from lvc.models.build import build_codec

    released = read_checkpoint(options.file)
    contract = INTRA_CODECS[options.model]
    if "h_a.0.weight" not in released:
        zoo = _COMPRESSAI[options.model]
        raise UserError(f"{options.file}: no {zoo} checkpoint: it has no tensor 'h_a.0.weight'")
    imported = compressai_weights(released, options.file, autoregressive=options.model != "intra_cheng2020")
    channels, latent = imported.weights["h_a.0.weight"].shape[:2]
    own = {"latent_channels": latent} if "latent_channels" in contract.__dataclass_fields__ else {}
    config = contract(name=options.model, channels=channels, **own)
    codec = build_codec(config)
    _fill(codec, imported.weights, options.file, outside="-")
    without = options.model == "intra_cheng2020" and not imported.left_out[CONTEXT_MODEL]
    release = "DCVC-TCM's IntraNoAR (microsoft/DCVC)" if without else f"CompressAI's {_COMPRESSAI[options.model]}"
    _save(options, codec, config, imported, len(released), options.entry.release if options.entry else release, own)
    if imported.left_out[CONTEXT_MODEL]:
        print("  its hyper-synthesis was trained beside an autoregressive model: train it further before coding")


def _save(
    options: argparse.Namespace, codec: Any, config: Any, imported: Any, count: int, release: str, asked: dict[str, Any]
) -> None:
    """Export what was imported, and say so.

    Args:
        options: The command's.
        codec: With the weights.
        config: Its configuration.
        imported: See :class:`lvc.importers.released.Imported`.
        count: Tensors of the file.
        release: What the file is.
        asked: Options that follow the release or its widths.
    """
    from lvc.export import save_export

    left_out = {reason: number for reason, number in imported.left_out.items() if number}
    used = count - sum(left_out.values())
    facts = {
        "imported_from": options.file.name,
        "sha256": hashlib.sha256(options.file.read_bytes()).hexdigest(),
        "release": release,
        "as_released": asked,
        "tensors": used,
        "left_out": left_out,
    }
    save_export(options.out, codec, config, facts)
    print(f"{options.out}: {used} tensors of {options.file.name} imported")
    for reason, number in left_out.items():
        print(f"  {number} left out: {reason}")


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
