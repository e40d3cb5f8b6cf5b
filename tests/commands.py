"""Commands as a user runs them, each in a process of its own that has the heavy packages loaded already."""

import multiprocessing
import os
import runpy
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
HEAVY = ("lvc.training.run", "lvc.evaluation.run", "lvc.models.dcvc_tcm", "lvc.models.intra_cheng2020")


@dataclass(frozen=True)
class Done:
    """A command that ended: exit code (negative: the signal that killed it), and what it said."""

    code: int
    out: str
    err: str


def processes():
    """Where processes are forked from; the first call decides what is loaded there."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(HEAVY))
    return context


def lvc(*arguments, **options) -> Done:
    """``python -m lvc ...``."""
    return _run("lvc", arguments, **options)


def train(*arguments, **options) -> Done:
    """``python train.py ...``."""
    return _run("train.py", arguments, **options)


def evaluate(*arguments, **options) -> Done:
    """``python evaluate.py ...``."""
    return _run("evaluate.py", arguments, **options)


def _run(
    program: str,
    arguments: tuple,
    cwd: Path,
    env: dict[str, str] | None = None,
    kill_when: Callable[[], bool] | None = None,
    kill_with: int = signal.SIGKILL,
) -> Done:
    log = Path(cwd, ".log")
    environment = {"LVC_CACHE": str(Path(cwd, ".cache")), "OMP_NUM_THREADS": "1", **(env or {})}
    process = processes().Process(
        target=_child, args=(program, [str(a) for a in arguments], str(cwd), environment, str(log))
    )
    process.start()
    end = time.monotonic() + 120
    while kill_when and process.is_alive() and time.monotonic() < end:
        if kill_when():
            os.kill(process.pid, kill_with)
            break
        time.sleep(0.002)
    process.join(max(end - time.monotonic(), 1))
    assert process.exitcode is not None, f"{program} {arguments} does not end"
    said = [Path(f"{log}.{stream}") for stream in ("out", "err")]
    texts = [path.read_text() for path in said]
    for path in said:
        path.unlink()
    return Done(process.exitcode, *texts)


def _child(program: str, arguments: list[str], cwd: str, environment: dict[str, str], log: str) -> None:
    for number, stream in ((1, "out"), (2, "err")):
        with open(f"{log}.{stream}", "wb") as file:
            os.dup2(file.fileno(), number)
    # as at a terminal; what runs in the background of a shell ignores Ctrl-C, and so would all that it starts
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(cwd)
    os.environ.update(environment)
    sys.argv = [program, *arguments]
    if program.endswith(".py"):
        runpy.run_path(str(ROOT / program), run_name="__main__")
    else:
        runpy.run_module(program, run_name="__main__", alter_sys=True)


def assert_refused(done: Done, *said: str) -> None:
    """A mistake: exit code 2, and one line on stderr that says what it is."""
    assert done.code == 2, done
    lines = done.err.splitlines()
    assert len(lines) == 1 and lines[0].startswith("error: "), done.err
    for part in said:
        assert part in lines[0]
