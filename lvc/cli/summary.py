"""Summarise a model: parameters, operations per pixel and latent shapes.

Overrides are those of train.py for the model: `python -m lvc summary dcvc_tcm size=tiny model.contexts=1`. Operations
are multiply-accumulates of convolutions and matrix products, counted by torch.utils.flop_counter for one inter frame
(one intra frame for an intra codec); they are computed on no data, so any size is quick.
"""

import argparse
import json
from contextlib import ExitStack
from typing import Any


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``summary``."""
    parser.add_argument("model", metavar="MODEL", help="name of a model (see `python -m lvc models`)")
    parser.add_argument("overrides", metavar="OVERRIDE", nargs="*", help="such as size=tiny or model.contexts=1")
    parser.add_argument("--frame", metavar="WxH", default="1920x1080", help="frame size")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> None:
    """Print the summary."""
    facts = summarise(options.model, options.overrides, _size(options.frame))
    print(json.dumps(facts, indent=2) if options.json else _page(facts))


def model_config(name: str, overrides: list[str]) -> Any:
    """The contract of a model as composed with ``overrides``."""
    from lvc.config.compose import compose
    from lvc.config.contract import build
    from lvc.config.model import ModelConfig

    # any schedule will do, and this one is short
    composed = compose("train", [f"model={name}", "schedule=intra_short", "dataset=synthetic", *overrides])
    return build(ModelConfig, composed["model"], "model")


def summarise(name: str, overrides: list[str], size: tuple[int, int]) -> dict[str, Any]:
    """Facts of a model for frames of ``size`` ``(H, W)``."""
    config = model_config(name, overrides)  # mistakes are answered before torch is loaded
    from lvc.codec import VideoCodec
    from lvc.layers.padding import padded_size
    from lvc.models.build import build_codec

    codec = build_codec(config).eval()
    own, intra, modules = parameters(codec)
    padded = codec.padded_size(size) if isinstance(codec, VideoCodec) else padded_size(size, codec.stride)
    macs = multiply_accumulates(codec, padded)
    latents = {
        stream: [channels, padded[0] // down, padded[1] // down]
        for stream, (channels, down) in codec.describe().items()
    }
    return {
        "model": name,
        "size": config.size,
        "overrides": overrides,
        "parameters": own,
        "intra_parameters": intra,
        "modules": modules,
        "module_gmac": {name: macs["modules"][name] / 1e9 for name in modules if macs["modules"]},
        "frame": [size[1], size[0]],
        "padded": [padded[1], padded[0]],
        "gmac_per_frame": macs["encoder"] / 1e9,
        "kmac_per_pixel": macs["encoder"] / padded[0] / padded[1] / 1e3,
        "decoder_kmac_per_pixel": macs["decoder"] / padded[0] / padded[1] / 1e3,
        "latents": latents,
    }


def parameters(codec: Any) -> tuple[int, int, dict[str, int]]:
    """Parameters without the intra codec, the intra codec's, and those of every module that has any."""

    def count(module: Any) -> int:
        return sum(p.numel() for p in module.parameters())

    inner = getattr(codec, "intra", None)
    intra = count(inner) if inner is not None else 0
    modules = {name: count(module) for name, module in _modules(codec).items() if count(module)}
    return count(codec) - intra, intra, modules


def _modules(codec: Any) -> dict[str, Any]:
    """A codec's modules by name, its motion codec's one by one, its intra codec's left out."""
    inner = getattr(codec, "intra", None)
    modules: dict[str, Any] = {}
    for name, module in codec.named_children():
        if module is not inner:
            inside = hasattr(module, "code")  # a codec inside the codec
            named = module.named_children() if inside else [("", module)]
            modules |= {f"{name}.{n}".rstrip("."): m for n, m in named}
    return modules


def multiply_accumulates(codec: Any, size: tuple[int, int]) -> dict[str, Any]:
    """Multiply-accumulates of coding one frame of ``size``.

    Returns:
        ``encoder``: all that an encoder runs; ``decoder``: what a decoder runs; ``modules``: the encoder's by module.
    """
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from lvc.codec import FrameJob, Rate, VideoCodec
    from lvc.entropy.streams import Estimate

    class Reading(Estimate):
        """Decodes zeros: counts what a decoder runs."""

        reads = True

        def code(self, name, y, prior):
            return super().code(name, torch.zeros(prior.shape, device="meta"), prior)

    codec = codec.to("meta")
    frame = torch.zeros(1, 3, *size, device="meta")
    if not isinstance(codec, VideoCodec):  # a flow network, which only an encoder runs
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            codec(frame, frame)
        return {"encoder": counter.get_total_flops() / 2, "decoder": 0.0, "modules": {}}
    kinds = codec.spec.kinds
    alone = next(name for name, kind in kinds.items() if kind.intra)
    kind = list(kinds)[-1]
    found: dict[str, Any] = {"modules": dict.fromkeys(_modules(codec), 0.0)}
    with torch.no_grad():
        first = codec.code_frame(FrameJob(alone, frame, None, Estimate(training=False), Rate(), size)).state
        refer = (lambda state: state) if codec.structure.references == 1 else (lambda state: (state, state))
        # from the second inter frame on the state is complete
        state = first
        if kind != alone:
            state = refer(codec.code_frame(FrameJob(kind, frame, refer(first), Estimate(False), Rate(), size)).state)
        for side, stream, source in (("encoder", Estimate(False), frame), ("decoder", Reading(False), None)):
            with FlopCounterMode(display=False) as counter, ExitStack() as watched:
                if side == "encoder":
                    _watch(codec, counter, found["modules"], watched)
                codec.code_frame(FrameJob(kind, source, state, stream, Rate(), size))
            found[side] = counter.get_total_flops() / 2
    return found


def _watch(codec: Any, counter: Any, spent: dict[str, float], watched: ExitStack) -> None:
    """Add what each module takes, whichever of its layers is called, to ``spent`` until ``watched`` is closed."""
    inside = dict.fromkeys(spent, 0)

    def enter(name: str) -> None:
        spent[name] -= 0 if inside[name] else counter.get_total_flops() / 2
        inside[name] += 1

    def leave(name: str) -> None:
        inside[name] -= 1
        spent[name] += 0 if inside[name] else counter.get_total_flops() / 2

    for name, module in _modules(codec).items():
        for layer in module.modules():
            watched.callback(layer.register_forward_pre_hook(lambda *_, name=name: enter(name)).remove)
            watched.callback(layer.register_forward_hook(lambda *_, name=name: leave(name)).remove)


def _size(text: str) -> tuple[int, int]:
    from lvc.errors import UserError

    width, _, height = text.partition("x")
    if not (width.isdigit() and height.isdigit() and int(width) and int(height)):
        raise UserError(f"--frame: '{text}' is not WIDTHxHEIGHT, such as 1920x1080")
    return int(height), int(width)


def _page(facts: dict[str, Any]) -> str:
    lines = [f"{facts['model']} ({facts['size']}) {' '.join(facts['overrides'])}".rstrip()]
    lines += [f"  {'parameters':<28}{facts['parameters']:>14,}"]
    spent = facts["module_gmac"]
    lines[-1] += f"{'GMAC per frame':>18}" if spent else ""
    lines += [
        f"    {name:<26}{count:>14,}" + (f"{spent[name]:>18,.1f}" if spent else "")
        for name, count in facts["modules"].items()
    ]
    elsewhere = facts["gmac_per_frame"] - sum(spent.values())
    if elsewhere > 0.05:
        lines += [f"    {'(between modules)':<26}{elsewhere:>32,.1f}"]
    if facts["intra_parameters"]:
        lines += [f"  {'intra codec, apart':<28}{facts['intra_parameters']:>14,}"]
    (width, height), (columns, rows) = facts["frame"], facts["padded"]
    lines += [f"  frame {width}x{height}, padded to {columns}x{rows}"]
    lines += [f"    {'GMAC per frame':<26}{facts['gmac_per_frame']:>14,.1f}"]
    lines += [f"    {'kMAC per pixel':<26}{facts['kmac_per_pixel']:>14,.1f}"]
    lines += [f"    {'  of which a decoder runs':<26}{facts['decoder_kmac_per_pixel']:>14,.1f}"]
    lines += [f"    latent {name:<19}{' x '.join(map(str, shape)):>14}" for name, shape in facts["latents"].items()]
    return "\n".join(lines)
