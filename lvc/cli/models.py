"""List the systems, their variants and their sizes."""

import argparse
import json

SIZES = ("full", "tiny")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``models``."""
    parser.add_argument("models", metavar="MODEL", nargs="*", help="only these (all)")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> None:
    """Print one line per model and size."""
    from lvc.cli.summary import model_config, parameters
    from lvc.config.model import MODELS
    from lvc.errors import UserError
    from lvc.models.build import build_codec

    rows = []
    for name in options.models:
        if name not in MODELS:
            raise UserError(f"{name}: is no model; choices are: {', '.join(MODELS)}")
    for name in options.models or MODELS:
        config = MODELS[name]
        for size in SIZES:
            # conf/model has the defaults of the contract, and composing takes longer than building most codecs
            codec = build_codec(config(name=name) if size == "full" else model_config(name, [f"size={size}"]))
            own, intra, _ = parameters(codec)
            rows.append(
                {
                    "model": name,
                    "size": size,
                    "parameters": own,
                    "intra_parameters": intra,
                    "parts": list(codec.parts),
                    "what": config.SPEC.summary,
                }
            )
    if options.json:
        print(json.dumps(rows, indent=2))
        return
    width = max(len(row["model"]) for row in rows) + 2
    print(f"{'model':<{width}}{'size':<6}{'parameters':>12}{'intra codec':>13}  parts, what it is")
    for row in rows:
        parts = " ".join(row["parts"])
        print(
            f"{row['model']:<{width}}{row['size']:<6}{row['parameters']:>12,}{row['intra_parameters']:>13,}  "
            f"[{parts}] {row['what']}"
        )
