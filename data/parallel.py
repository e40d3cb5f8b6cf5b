"""Tasks in processes of their own, so that a decoder that crashes takes only its own source with it."""

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.connection import Connection, wait
from typing import Any

from lvc.errors import UserError


def run_tasks(work: Callable[..., Any], tasks: Iterable[tuple], workers: int) -> Iterator[tuple[tuple, Any, str]]:
    """Run ``work(*task)`` for every task, ``workers`` at a time.

    Yields:
        As they finish: the task, what ``work`` returned, and how it crashed (empty if it did not).

    Raises:
        UserError: When ``work`` raises one, or a process is killed from outside; the others are then ended.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([work.__module__, "data.command"])  # and what the entry points import
    left, running = iter(tasks), {}
    try:
        while True:
            while len(running) < workers and (task := next(left, None)) is not None:
                receiver, sender = context.Pipe(duplex=False)
                process = context.Process(target=_child, args=(work, task, sender), daemon=True)
                process.start()
                sender.close()
                running[receiver] = (process, task)
            if not running:
                return
            for receiver in wait(list(running)):
                process, task = running.pop(receiver)
                yield task, *_result(process, receiver, task)
    finally:
        for process, _ in running.values():
            process.terminate()
        for process, _ in running.values():
            process.join()


def _result(process: Any, receiver: Connection, task: tuple) -> tuple[Any, str]:
    try:
        result, refusal = receiver.recv()
    except EOFError:
        process.join()
        if -process.exitcode in (signal.SIGKILL, signal.SIGTERM):
            what = "was killed, possibly for want of memory; fewer workers need less"
            raise UserError(f"the process working on {task[0]} {what}") from None
        return None, f"the process crashed (exit code {process.exitcode})"
    process.join()
    if refusal:
        raise UserError(refusal)
    return result, ""


def _child(work: Callable[..., Any], task: tuple, sender: Connection) -> None:
    threading.Thread(target=_follow_parent, daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent, which ends this one
    try:
        outcome = (work(*task), "")
    except UserError as error:
        outcome = (None, str(error))
    sender.send(outcome)
    sender.close()
    sys.stdout.flush()


def _follow_parent() -> None:
    """End with the parent, even if that is killed."""
    multiprocessing.parent_process().join()
    os._exit(1)
