"""Whether a run that is killed again and again ends as one that nothing ended, bit for bit.

Run A is left alone. Run B, of the same options, is killed without warning (SIGKILL) at random moments spread over all
its stages, and started anew by the same command each time. What `train.py` would be given stands after `--`:

    python benchmarks/survival.py --kills 6 -- size=tiny schedule=tcm_short trainer.checkpoint_every=5
"""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from common import arguments, report

from lvc.config.compose import compose
from lvc.config.run import build_run
from lvc.training.same import differences, figures

TRAIN = [sys.executable, str(Path(__file__).parents[1] / "train.py")]
KINDS = ("training", "writing", "finishing")
"""When to kill: anywhere after a checkpoint; while one is being written; between a stage's last batch and the next
stage's first, when it is exported, recorded and cleared away."""


PATIENCE = 60
"""Seconds that a command's processes have to follow it."""


@dataclass(frozen=True)
class Moment:
    """When a run is killed.

    Attributes:
        stage: The stage it is in.
        kind: One of :data:`KINDS`.
        batch: Batches of the stage that are behind it at least.
        wait: Seconds after that.
        victim: ``all`` processes at once (a power cut), or the ``command`` alone (whoever typed ``kill -9``).
    """

    stage: str
    kind: str
    batch: int
    wait: float
    victim: str


def moments(folder: Path, every: int, kills: int, draw: random.Random) -> list[Moment]:
    """Moments to kill a run at, in their order; every kind meets every stage, if there are enough.

    Args:
        folder: The finished run that it should become.
        every: Batches between checkpoints.
        kills: How many.
        draw: Where chance comes from.
    """
    stages = json.loads((folder / "state.json").read_text())["stages"]
    names, found = list(stages), []
    for number in range(kills):
        name, kind = names[number % len(names)], KINDS[number // len(names) % len(KINDS)]
        total, seconds = stages[name]["batches"], stages[name]["seconds"]
        batch = total if kind == "finishing" else draw.randrange(0, total, every)
        longest = {"training": every * seconds / total, "writing": 0.05, "finishing": 0.3}[kind]
        victim = "command" if number % 3 == 2 else "all"
        found.append(Moment(name, kind, batch, draw.uniform(0, longest), victim))
    return sorted(found, key=lambda m: (names.index(m.stage), m.batch))


def due(folder: Path, moment: Moment) -> Callable[[], bool]:
    """Whether the moment, without its wait, has come in a run that starts now."""
    checkpoints = folder / "checkpoints" / moment.stage
    known = set(checkpoints.glob("*.ckpt"))

    def ready() -> bool:
        if (folder / "stages" / f"{moment.stage}.safetensors").is_file():
            return True
        pattern = ".*.ckpt.part" if moment.kind == "writing" else "*.ckpt"
        new = (path for path in checkpoints.glob(pattern) if path not in known)
        return any(int(path.name.strip(".").partition(".")[0]) >= moment.batch for path in new)

    return ready


def left_behind(session: int) -> bool:
    """Whether a process of a session is still there."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, _, _, its = stat.read_text().rpartition(") ")[2].split()[:4]
            if int(its) == session and state != "Z":
                return True
    return False


def run_until(command: list[str], ready: Callable[[], bool], moment: Moment) -> tuple[int, float]:
    """Start a command and kill it when the moment comes.

    Returns:
        Its exit code, and the seconds until all of its processes were gone.
    """
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True)
    while process.poll() is None and not ready():
        time.sleep(0.005 if moment.kind == "writing" else 0.02)
    time.sleep(moment.wait)
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL) if moment.victim == "all" else process.kill()
    code, ended = process.wait(), time.perf_counter()
    while left_behind(process.pid):
        if time.perf_counter() - ended > PATIENCE:
            sys.exit(f"session {process.pid}: has processes {PATIENCE} seconds after its command was killed")
        time.sleep(0.1)
    return code, time.perf_counter() - ended


def killed(command: list[str], folder: Path, plan: list[Moment]) -> dict[str, dict]:
    """Kill a run at each of the moments, and let it end; what was there after each kill."""
    rows: dict[str, dict] = {}
    for moment in plan:
        code, seconds = run_until(command, due(folder, moment), moment)
        if code not in (0, -signal.SIGKILL):
            sys.exit(f"{folder}: ended with exit code {code}, though nobody killed it")
        state = folder / "state.json"
        rows[f"{len(rows) + 1}, {moment.stage}, {moment.kind}"] = {
            "killed": moment.victim if code else "too late",
            "batches logged": max((int(row["step"]) for row in figures(folder)), default=0),
            "newest checkpoint": max((p.stem for p in folder.glob("checkpoints/*/[0-9]*.ckpt")), default="none"),
            "torn": len(list(folder.rglob(".*.part"))),
            "seconds to end": seconds,
            "stages finished": len(json.loads(state.read_text())["stages"]) if state.is_file() else 0,
        }
        print(" ", list(rows)[-1], list(rows.values())[-1], flush=True)
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return rows


def main() -> None:
    parser = arguments(__doc__.splitlines()[0], repeats=None)
    parser.add_argument("--kills", type=int, default=6, help="how often run B is killed")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--name", default="survival", help="of the result")
    parser.add_argument("--folder", type=Path, default=None, help="keep both runs here (a temporary folder)")
    parser.add_argument("options", nargs="+", help="what train.py is given")
    options = parser.parse_args()
    options.options += [f"trainer.threads={options.threads or 1}", "trainer.log_every=1", "trainer.progress=false"]
    every = build_run(compose("train", options.options)).trainer.checkpoint_every
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        a, b = folder / "a", folder / "b"
        if a.exists() or b.exists():
            parser.error(f"--folder {folder}: has runs in it")
        started = time.perf_counter()
        subprocess.run([*TRAIN, *options.options, f"dir={a}"], stdout=subprocess.DEVNULL, check=True)
        alone = time.perf_counter() - started
        plan = moments(a, every, options.kills, random.Random(options.seed))
        rows = killed([*TRAIN, *options.options, f"dir={b}"], b, plan)
        different = differences(a, b)
        seconds = {"seconds alone": alone, "seconds killed": time.perf_counter() - started - alone}
        for what, found in different.items():
            print(*(f"differs, {what}: {line}" for line in found[:10]), sep="\n", end="\n" if found else "")
    counts = {f"different {what}": len(found) for what, found in different.items()}
    report(options.name, rows, counts | {"log rows": len(figures(a))} | seconds, options)
    sys.exit(any(different.values()) or sum(row["killed"] != "too late" for row in rows.values()) < options.kills)


if __name__ == "__main__":
    main()
