"""Signals: save, say so, and leave with an exit code that tells which it was."""

import os
import signal
import subprocess
import sys
import threading
import time
from types import FrameType
from typing import Any, NoReturn

import pytorch_lightning as pl
from pytorch_lightning.utilities import rank_zero_only

from lvc.training.checkpoints import Checkpointer

PATIENCE = 2.0
"""Seconds after which a signal that comes again means now (a terminal may send one to a process more than once)."""


class Interrupted(SystemExit):
    """The run was asked to stop, and has saved. Its exit code is 128 plus the signal's number, as shells count."""

    def __init__(self, signum: int):
        super().__init__(128 + signum)


class Interrupt(pl.Callback):
    """Ends a run that gets a signal: its stage after the batch at hand, with a checkpoint, in all processes together.

    SIGTERM (what a cluster sends before it takes a machine away) ends with exit code 143, SIGINT (Ctrl-C) with 130. In
    a SLURM job SIGUSR1 ends with 138, and the job is queued again: ``sbatch --signal=USR1@120`` sends it 120 seconds
    before the time is up. Outside of stages, and on a second signal, a run ends at once; the checkpoint there was is
    whole. Listens as a context manager, and acts as a callback.
    """

    def __init__(self):
        self.signum, self._since, self._in_stage = 0, 0.0, False
        self._former: dict[int, Any] = {}

    def __enter__(self) -> "Interrupt":
        if threading.current_thread() is threading.main_thread():  # the only one that may listen
            self._former = {signum: signal.getsignal(signum) for signum in _signals()}
            self._listen()
        return self

    def __exit__(self, *_: object) -> None:
        for signum, handler in self._former.items():
            signal.signal(signum, handler)

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self._listen()  # again: Lightning has set handlers that neither save nor agree among processes
        self._in_stage = True

    def on_train_batch_end(self, trainer: pl.Trainer, module: pl.LightningModule, *_: Any) -> None:
        if module.done == module.total:  # a stage that has come to its end is finished first
            return
        signum = self._asked(trainer)
        if signum:
            next(c for c in trainer.callbacks if isinstance(c, Checkpointer)).save(trainer, module)
            self._leave_after(f"batch {module.done} of {module.total} of stage '{module.name}'", trainer, signum)

    def after_stage(self, trainer: pl.Trainer, name: str) -> None:
        """Leave if a signal came while a stage that has been recorded now was being finished."""
        self._in_stage = False
        signum = self._asked(trainer)
        if signum:
            self._leave_after(f"stage '{name}'", trainer, signum)

    def _asked(self, trainer: pl.Trainer) -> int:
        """The signal that the first process got, SIGTERM where another one did, or 0: the same in all processes."""
        if not trainer.strategy.reduce_boolean_decision(bool(self.signum), all=False):
            return 0
        return trainer.strategy.broadcast(self.signum or signal.SIGTERM)

    def _leave_after(self, what: str, trainer: pl.Trainer, signum: int) -> NoReturn:
        if trainer.is_global_zero:
            name = signal.Signals(signum).name
            print(f"stopped by {name} after {what}; the same command continues there", file=sys.stderr, flush=True)
        _leave(signum)

    def on_exception(self, trainer: pl.Trainer, module: pl.LightningModule, exception: BaseException) -> None:
        self._in_stage = False

    def _listen(self) -> None:
        for signum in self._former:
            signal.signal(signum, self._note)

    def _note(self, signum: int, frame: FrameType | None) -> None:
        if not self._in_stage or (self.signum and time.monotonic() - self._since > PATIENCE):
            _leave(signum)
        self.signum, self._since = self.signum or signum, self._since or time.monotonic()


def _leave(signum: int) -> NoReturn:
    if signum == getattr(signal, "SIGUSR1", None) and rank_zero_only.rank == 0:
        requeue()
    raise Interrupted(signum)


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
