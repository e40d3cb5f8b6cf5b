"""Starting the processes of a run on this machine, where neither torchrun nor SLURM has."""

import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from functools import cache
from typing import Any

from lvc.config.run import RunConfig
from lvc.errors import UserError

PATIENCE = 60
"""Seconds that processes have to save and leave when they are told to stop, or when one of them has failed."""


def start(run: RunConfig, composed: dict[str, Any]) -> None:
    """Train, in as many processes as the run asks for.

    Args:
        run: The checked run.
        composed: The whole composed configuration.

    Raises:
        UserError: If the run cannot be done.
        SystemExit: If a process ended with an exit code of its own, which becomes this one's.
    """
    if multiprocessing.current_process().name != "MainProcess":  # a worker of a sweep
        end_with(os.getppid())
    from lvc.training.distributed import shape, started
    from lvc.training.run import train

    if started(run.trainer):
        train(run, composed)
        return
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    for told in ("torch.distributed.elastic", "torch.multiprocessing.spawn"):
        logging.getLogger(told).setLevel(logging.CRITICAL)  # of every signal passed on; what failed is told below
    multiprocessing.set_forkserver_preload(["lvc.training.run"])  # loaded once for all processes
    settings = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=shape(run.trainer)[0],
        run_id=run.name,
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        max_restarts=0,
        monitor_interval=0.1,
        start_method="forkserver",
        signals_to_handle="SIGTERM,SIGINT,SIGUSR1" if "SLURM_JOB_ID" in os.environ else "SIGTERM,SIGINT",
        shutdown_timeout=PATIENCE,
    )
    try:
        elastic_launch(settings, _process)(run, composed, os.getpid())
    except ChildFailedError as error:
        _, first = error.get_first_failure()
        sys.exit(first.exitcode if first.exitcode > 0 else 128 - first.exitcode)
    except SignalException as stopped:
        sys.exit(128 + stopped.sigval)


@cache
def end_with(other: int) -> None:
    """Have SIGTERM end this process when another, which started it, is gone.

    Whoever kills the command that was typed means all of it. Its processes would train on, unseen, and never end.

    Args:
        other: The other's process id.
    """
    threading.Thread(target=_end_with, args=(other,), daemon=True).start()


def _end_with(other: int) -> None:
    with suppress(ProcessLookupError):
        while True:
            os.kill(other, 0)
            time.sleep(0.5)
    os.kill(os.getpid(), signal.SIGTERM)
    # a run saves and leaves, and what waits for more work does not
    while signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
        time.sleep(0.5)
    os.kill(os.getpid(), signal.SIGTERM)


def _process(run: RunConfig, composed: dict[str, Any], launcher: int) -> None:
    """One process's share of a run."""
    end_with(launcher)
    from pytorch_lightning.utilities import rank_zero_only

    from lvc.training.run import train

    try:
        train(run, composed)
    except UserError as error:
        if rank_zero_only.rank:
            time.sleep(1)  # a mistake that all find is the first process's to tell, and ends the others
        print("error:", " ".join(str(error).split()), file=sys.stderr)
        sys.exit(2)
