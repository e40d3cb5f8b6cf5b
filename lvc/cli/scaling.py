"""What training on several GPUs exchanges, stage by stage.

Overrides are those of train.py: `python -m lvc scaling dcvc_tcm --gpus 8 schedule=tcm_progressive`. Each optimiser step
averages the gradients of what the stage trains, float32, by a ring: every GPU sends and receives 2 (n - 1) / n times
their bytes. That is an upper bound: parameters that a step leaves unused are not exchanged.
"""

import argparse
import json
from typing import Any

MEGABYTE = 1e6
ADAM_BYTES = 16
"""Bytes that a trained parameter takes: its value, gradient and two moments."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``scaling``."""
    parser.add_argument("model", metavar="MODEL", help="name of a model (see `python -m lvc models`)")
    parser.add_argument("overrides", metavar="OVERRIDE", nargs="*", help="such as size=tiny or schedule=tcm_short")
    parser.add_argument("--gpus", metavar="N", type=int, default=8, help="processes, a GPU each")
    parser.add_argument("--gbps", metavar="G", type=float, default=100.0, help="gigabits per second of each GPU's link")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> None:
    """Print one line per stage."""
    rows = exchanged(options.model, options.overrides, options.gpus, options.gbps)
    print(json.dumps(rows, indent=2) if options.json else _table(rows, options))


def exchanged(name: str, overrides: list[str], gpus: int, gbps: float) -> list[dict[str, Any]]:
    """Facts of every stage of a model's schedule.

    Raises:
        UserError: If the model or its schedule cannot be composed, or there is no such number of GPUs.
    """
    from lvc.config.compose import compose
    from lvc.config.contract import build
    from lvc.config.model import ModelConfig
    from lvc.config.schedule import ScheduleConfig
    from lvc.config.spread import spread_all
    from lvc.errors import UserError

    if gpus < 1 or gbps <= 0:
        raise UserError(f"--gpus {gpus} --gbps {gbps:g}: one GPU or more, and a link that carries something")
    composed = compose("train", [f"model={name}", *overrides])
    model = build(ModelConfig, composed["model"], "model")
    schedule = build(ScheduleConfig, spread_all(composed["schedule"]), "schedule")

    from lvc.models.build import build_codec
    from lvc.training.stages import freeze, learnable

    codec = build_codec(model)
    may_train = learnable(codec)
    rows = []
    for stage_name in schedule.running:
        stage = schedule.stages[stage_name]
        freeze(codec, stage.train, may_train)
        trained = sum(p.numel() for p in codec.parameters() if p.requires_grad)
        steps = 1
        if stage.update == "frame":
            steps = sum(codec.trains(kind) for kind in codec.structure.kinds(stage.frames))
        each = 4 * trained * 2 * (gpus - 1) / gpus
        rows.append(
            {
                "stage": stage_name,
                "parameters": trained,
                "state_mb": ADAM_BYTES * trained / MEGABYTE,
                "steps_per_batch": steps,
                "mb_per_step": each / MEGABYTE,
                "mb_per_batch": steps * each / MEGABYTE,
                "ms_per_batch": steps * each * 8 / gbps / 1e6,
            }
        )
    return rows


def _table(rows: list[dict[str, Any]], options: argparse.Namespace) -> str:
    link = f"ms at {options.gbps:g} Gbit/s"
    head = ("stage", "trained", "state MB", "steps/batch", "MB/step", "MB/batch", link)
    lines = [head]
    for row in rows:
        figures = f"{row['state_mb']:.0f}", str(row["steps_per_batch"]), f"{row['mb_per_step']:.1f}"
        ends = f"{row['mb_per_batch']:.1f}", f"{row['ms_per_batch']:.1f}"
        lines.append((row["stage"], f"{row['parameters']:,}", *figures, *ends))
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    first = f"{options.model} {' '.join(options.overrides)}".rstrip() + f" on {options.gpus} GPUs, sent by each"
    table = [
        "  ".join(c.rjust(w) if i else c.ljust(w) for i, (c, w) in enumerate(zip(line, widths, strict=True)))
        for line in lines
    ]
    return "\n".join([first, *table])
