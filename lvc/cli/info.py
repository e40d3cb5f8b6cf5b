"""Show what a bitstream or an export says about itself.

Needs no model: header, frames by kind, and bytes of a bitstream; model, size, digest and provenance of an export.
"""

import argparse
import json
from pathlib import Path
from statistics import fmean

from lvc.bitstream.packet import QUALITY_STEPS

IMPORTED = ("release", "imported_from", "sha256", "as_released", "tensors", "left_out")
"""Facts of an import, which are shown apart from the rest of the provenance."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``info``."""
    parser.add_argument("file", metavar="FILE", type=Path, help="bitstream (.lvc) or export (.safetensors)")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> None:
    """Print the facts of a file."""
    facts = _export(options.file) if options.file.suffix == ".safetensors" else _bitstream(options.file)
    if options.json:
        print(json.dumps(facts, indent=2, default=str))
    else:
        for name, value in facts.items():
            print(f"{name:<13} {json.dumps(value) if isinstance(value, dict) else value}")
    if "damage" in facts:
        from lvc.errors import BitstreamError

        raise BitstreamError(facts["damage"])


def _bitstream(path: Path) -> dict[str, object]:
    from lvc.bitstream.container import open_bitstream
    from lvc.bitstream.packet import split_layers
    from lvc.errors import BitstreamError

    kinds: dict[str, list[int]] = {}
    qualities: list[int] = []
    layers: list[list[int]] = []
    facts: dict[str, object] = {}
    with open_bitstream(path) as (header, packets):
        try:
            for packet in packets:
                kinds.setdefault(packet.kind, []).append(len(packet.payload))
                qualities += [] if packet.quality is None else [packet.quality]
                if header.layers > 1:
                    sizes = [len(layer) for layer in split_layers(packet.payload)]
                    needed = len(sizes) - header.layers + 1  # more where motion comes before the smallest picture
                    layers.append([sum(sizes[:needed]), *sizes[needed:]])
        except BitstreamError as error:
            facts["damage"] = f"{path}: {error}"
    frames, size = sum(map(len, kinds.values())), path.stat().st_size
    pixels = header.width * header.height * max(frames, 1)
    return {
        "model": header.model,
        "export": header.digest.hex(),
        "size": f"{header.width}x{header.height}",
        "fps": f"{header.fps} ({float(header.fps):g})",
        "colour": header.colour,
        "structure": ", ".join(f"{k} {v}" for k, v in header.structure.items()),
        "encoder": f"{header.build}, {header.threads} threads",
        "frames": f"{frames} ({', '.join(f'{len(v)} {k}' for k, v in kinds.items())})",
        "bytes": size,
        "payload": f"{sum(map(sum, kinds.values()))} ({', '.join(f'{k} {sum(v)}' for k, v in kinds.items())})",
        "bpp": f"{8 * size / pixels:.5f}",
        "kbit/s": f"{8 * size * float(header.fps) / max(frames, 1) / 1000:.1f}",
        **({"q": header.q} if header.q is not None else {}),
        **({"by frame": _spread(qualities)} if qualities else {}),
        **({"layers": " + ".join(str(sum(sizes)) for sizes in zip(*layers, strict=True)) + " bytes"} if layers else {}),
        **facts,
    }


def _spread(qualities: list[int]) -> str:
    """The lowest, the mean and the highest quality of frames."""
    low, mean, high = (f"{100 * q / QUALITY_STEPS:.0f} %" for q in (min(qualities), fmean(qualities), max(qualities)))
    return f"qualities of {low} to {high} of the highest, {mean} in the mean"


def _export(path: Path) -> dict[str, object]:
    from lvc.export import read_export

    header, digest, tensors = read_export(path)
    weights = [t for n, t in tensors.items() if n.startswith("weights.")]
    origin = header["provenance"]
    imported = {name.replace("_", " "): origin[name] for name in IMPORTED if name in origin}
    return {
        "model": header["config"]["name"],
        "size": header["config"]["size"],
        "digest": digest,
        "parameters": sum(t.numel() for t in weights),
        **imported,
        "config": header["config"],
        "provenance": {name: value for name, value in origin.items() if name not in IMPORTED},
    }
