"""`precision=auto`: bfloat16 where this machine computes faster in it, float32 elsewhere."""

import time
from dataclasses import replace
from functools import cache

import torch
from pytorch_lightning.utilities import rank_zero_only
from torch import nn

from lvc.config.run import RunConfig

CHANNELS, SIDE, CLIPS = 64, 32, 4
"""Of the convolution that is timed: enough for a CPU's matrix units, and done in milliseconds where there are none."""

GAIN = 0.8
"""Share of float32's time that bfloat16 may take at most: what else a step does gains nothing."""


def settle(run: RunConfig, known: str | None) -> tuple[RunConfig, str | None]:
    """The run with a precision in place of every ``auto``, and that precision (``None`` where no stage says ``auto``).

    Args:
        run: The checked run.
        known: What ``auto`` was when the run began; measured where it begins now.
    """
    stages = run.schedule.stages
    if all(stages[name].precision != "auto" for name in run.schedule.running):
        return run, known
    found = known or _best(run.trainer.accelerator)
    settled = {n: replace(s, precision=found) if s.precision == "auto" else s for n, s in stages.items()}
    return replace(run, schedule=replace(run.schedule, stages=settled)), found


def _best(accelerator: str) -> str:
    if accelerator != "cpu" and torch.cuda.is_available():
        return "bf16-mixed" if torch.cuda.is_bf16_supported(including_emulation=False) else "32-true"
    share = bfloat16_share()
    if rank_zero_only.rank == 0:
        print(f"precision: bfloat16 takes {share:.2g} of float32's time on this CPU", flush=True)
    return "bf16-mixed" if share < GAIN else "32-true"


@cache
def bfloat16_share() -> float:
    """Time of a convolution's training step in bfloat16 over that in float32, on this CPU; measured once a process."""
    network = nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1).to(memory_format=torch.channels_last)
    batch = torch.ones(CLIPS, CHANNELS, SIDE, SIDE).to(memory_format=torch.channels_last)

    def step(reduced: bool) -> float:
        start = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16, enabled=reduced):
            out = network(batch)
        torch.autograd.grad(out.float().sum(), network.weight)
        return time.perf_counter() - start

    # the first step of each also prepares; the fastest of the others is what no other work has disturbed
    fastest = [min([step(reduced) for _ in range(6)][1:]) for reduced in (True, False)]
    return fastest[0] / fastest[1]
