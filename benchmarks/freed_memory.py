"""What is gained by keeping freed memory for the next tensor (`lvc.startup.keep_freed_memory`).

Other benchmarks, each in processes of their own that keep it and that leave it to the C library, in turn.

python benchmarks/freed_memory.py --threads 1
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from common import arguments, report

RUNS = {
    "B frame of B-CANF": ("b_frame.py", "--repeats", "2"),
    "B frame of MaskCRT-B": ("b_frame.py", "--repeats", "2", "--model", "maskcrt_b"),
    "training step of DCVC-TCM": ("train_step.py", "--repeats", "2"),
}
THEIRS = {"MALLOC_PERTURB_": "0"}
"""A setting that changes nothing, but is one of the user's own: memory is left to the C library."""


def measured(words: tuple[str, ...], env: dict[str, str], threads: int | None) -> dict[str, float]:
    """CPU seconds by row of a benchmark in a process of its own, and its peak memory."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "out.json")
        count = () if threads is None else ("--threads", str(threads))
        command = [sys.executable, "-W", "ignore", Path(__file__).with_name(words[0]), *words[1:], *count, "--out", out]
        process = subprocess.Popen(command, env=os.environ | env, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        if status:
            sys.exit(f"failed: {' '.join(words)}")
        rows = json.loads(out.read_text())["rows"]
    return {name: row["cpu_seconds"] for name, row in rows.items()} | {"peak_mib": usage.ru_maxrss / 1024}


def main() -> None:
    parser = arguments(__doc__.splitlines()[0], repeats=3)
    options = parser.parse_args()
    rows: dict[str, dict[str, float]] = {}
    ratios: dict[str, float] = {}
    for name, words in RUNS.items():
        found: dict[str, list[dict[str, float]]] = {"kept": [], "left": []}
        for _ in range(options.repeats):
            for which, env in (("kept", {}), ("left", THEIRS)):
                found[which].append(measured(words, env, options.threads))
        medians = {
            which: {k: statistics.median(run[k] for run in runs) for k in runs[0]} for which, runs in found.items()
        }
        rows |= {f"{name}, {which}": values for which, values in medians.items()}
        ratios |= {f"{name}, {k}: kept / left": v / medians["left"][k] for k, v in medians["kept"].items()}
    report("freed_memory", rows, ratios, options)


if __name__ == "__main__":
    main()
