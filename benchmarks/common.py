"""What the benchmarks share: interleaved timing, the machine's description, JSON and a table."""

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import torch

from lvc.config.contract import build
from lvc.config.model import MODELS, ModelConfig
from lvc.config.parts import HierarchicalBConfig, LowDelayConfig, MCTFConfig
from lvc.startup import keep_freed_memory

RUN = [
    *(
        "size=tiny",
        "model/intra=cheng2020",
        "schedule=single_stage",
        "schedule.order=[joint]",
        "schedule.all.epochs=null",
        "schedule.all.frames=3",
    ),
    *(
        "trainer.accelerator=cpu",
        "trainer.workers=0",
        "trainer.progress=false",
        "trainer.overfit=true",
        "dataset.clips=8",
    ),
]
"""The tiny DCVC-TCM over three frames; one batch again and again, so that nothing is loaded meanwhile."""


def arguments(description: str, repeats: int | None = 5, model: bool = False) -> argparse.ArgumentParser:
    """Arguments every benchmark takes, and how often it repeats and which P-frame codec it builds, if it does."""
    keep_freed_memory()  # as every command does
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    if model:
        parser.add_argument("--model", choices=p_frame_codecs(), default="dcvc_tcm", help="full-size codec to build")
    if repeats:
        parser.add_argument("--repeats", type=int, default=repeats, help="timed repeats after one warm-up")
    parser.add_argument("--threads", type=int, default=None, help="CPU threads (torch's default)")
    parser.add_argument("--out", type=Path, default=None, help="write the results as JSON")
    return parser


def p_frame_codecs() -> list[str]:
    """Models whose frames refer to the one before."""
    return [name for name in MODELS if "frame" in MODELS[name].SPEC.parts and _structure(name) is LowDelayConfig]


def b_frame_codecs() -> list[str]:
    """Models whose frames lie between their references."""
    return [name for name in MODELS if _structure(name) is HierarchicalBConfig]


def group_codecs() -> list[str]:
    """Models that transform groups of frames as a whole."""
    return [name for name in MODELS if _structure(name) is MCTFConfig]


def _structure(model: str) -> type | None:
    return {field.name: field.type for field in fields(MODELS[model])}.get("structure")


def configured(model: str) -> ModelConfig:
    """The full-size model of that name, over a small intra codec if any."""
    intra = {} if model in group_codecs() else {"intra": {"name": "intra_cheng2020", "channels": 32}}
    return build(ModelConfig, {"name": model, **intra})


def full_size(model: str) -> torch.nn.Module:
    """The codec of :func:`configured` with fresh weights, the same each time."""
    from lvc.models.build import build_codec

    torch.manual_seed(0)
    return build_codec(configured(model))


def interleaved(cases: dict[str, Callable[[], object]], repeats: int) -> dict[str, dict[str, float]]:
    """Time cases in turn, so that a noisy moment meets all of them.

    Returns:
        Per case the median, smallest and largest wall-clock seconds, and the median CPU seconds of this process.
    """
    wall: dict[str, list[float]] = {name: [] for name in cases}
    cpu: dict[str, list[float]] = {name: [] for name in cases}
    for turn in range(repeats + 1):
        for name, case in cases.items():
            synchronise()
            started, worked = time.perf_counter(), time.process_time()
            case()
            synchronise()
            if turn:  # the first turn warms up
                wall[name].append(time.perf_counter() - started)
                cpu[name].append(time.process_time() - worked)
    return {
        name: {
            "seconds": statistics.median(wall[name]),
            "fastest": min(wall[name]),
            "slowest": max(wall[name]),
            "cpu_seconds": statistics.median(cpu[name]),
        }
        for name in cases
    }


def synchronise() -> None:
    """Wait for the GPU, where there is one."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def machine() -> dict[str, object]:
    """What the figures were measured on; the load is that of the last minute, and counts other work on the machine."""
    model = next((line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), "")
    return {
        "cpu": model or platform.processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "load": os.getloadavg()[0],
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "python": platform.python_version(),
        "torch": torch.__version__,
    }


def report(name: str, rows: dict[str, dict], ratios: dict[str, float], options: argparse.Namespace) -> None:
    """Print a table and write JSON."""
    facts = machine()
    print(f"{name} on {facts['gpu'] or facts['cpu']}, {facts['threads']} threads, torch {facts['torch']}")
    for row, values in rows.items():
        shown = "  ".join(f"{k} {v:,.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in values.items())
        print(f"  {row:<34} {shown}")
    for ratio, value in ratios.items():
        print(f"  {ratio:<34} {value:.3f}")
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        asked = {key: value for key, value in vars(options).items() if key in ("repeats", "seed", "options")}
        result = {"benchmark": name, "machine": facts, **asked, "rows": rows, "ratios": ratios}
        options.out.write_text(json.dumps(result, indent=2) + "\n")


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines() if Path(path).exists() else []
