"""Signals: save, say so, and leave with an exit code that tells which it was."""

import os
import signal
import subprocess
import sys
import time
from types import FrameType
from typing import Any

import pytorch_lightning as pl

PATIENCE = 2.0
"""Seconds after which a signal that comes again means now (a terminal may send one to a process more than once)."""


class Interrupted(SystemExit):
    """The run was asked to stop, and has saved. Its exit code is 128 plus the signal's number, as shells count."""

    def __init__(self, signum: int):
        super().__init__(128 + signum)


class Interrupt(pl.Callback):
    """Ends a stage after the batch in which a signal came, with a checkpoint, in all processes together.

    SIGTERM (what a cluster sends before it takes a machine away) ends with exit code 143, SIGINT (Ctrl-C) with 130. In
    a SLURM job SIGUSR1 ends with 138, and the job is queued again: ``sbatch --signal=USR1@120`` sends it 120 seconds
    before the time is up. A second signal ends the process at once; the checkpoint there was is whole.

    Args:
        checkpointer: What saves.
    """

    def __init__(self, checkpointer: Any):
        self.checkpointer = checkpointer
        self.signum, self._since = 0, 0.0
        self._former: dict[int, Any] = {}

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        # after Lightning has set its own, which neither save nor agree among processes
        for signum in _signals():
            self._former[signum] = signal.signal(signum, self._note)

    def on_train_batch_end(self, trainer: pl.Trainer, module: pl.LightningModule, *_: Any) -> None:
        asked = trainer.strategy.reduce_boolean_decision(bool(self.signum), all=False)
        if not asked or module.done == module.total:  # a stage that has come to its end is finished first
            return
        self.checkpointer.save(trainer, module)
        # a process that was sent no signal itself stops as the first one does
        signum = trainer.strategy.broadcast(self.signum or signal.SIGTERM)
        if trainer.is_global_zero:
            print(
                f"stopped by {signal.Signals(signum).name} after batch {module.done} of {module.total} of stage "
                f"'{module.name}'; the same command continues there",
                file=sys.stderr,
                flush=True,
            )
            if signum == getattr(signal, "SIGUSR1", None):
                requeue()
        raise Interrupted(signum)

    def on_train_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self._restore()

    def on_exception(self, trainer: pl.Trainer, module: pl.LightningModule, exception: BaseException) -> None:
        self._restore()

    def _note(self, signum: int, frame: FrameType | None) -> None:
        if self.signum and time.monotonic() - self._since > PATIENCE:
            raise Interrupted(signum)
        self.signum, self._since = self.signum or signum, self._since or time.monotonic()

    def _restore(self) -> None:
        for signum, handler in self._former.items():
            signal.signal(signum, handler)
        self._former = {}


def requeue() -> None:
    """Queue this SLURM job again."""
    array, task = os.environ.get("SLURM_ARRAY_JOB_ID"), os.environ.get("SLURM_ARRAY_TASK_ID")
    job = f"{array}_{task}" if array else os.environ["SLURM_JOB_ID"]
    try:
        subprocess.run(["scontrol", "requeue", job], check=True)
        print(f"job {job} is queued again", file=sys.stderr, flush=True)
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"warning: job {job} could not be queued again ({error}); submit it anew", file=sys.stderr, flush=True)


def _signals() -> list[int]:
    """Signals that end a run; SIGUSR1 means something in a SLURM job alone."""
    return [signal.SIGTERM, signal.SIGINT] + ([signal.SIGUSR1] if "SLURM_JOB_ID" in os.environ else [])
