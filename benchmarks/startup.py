"""How fast `train.py --help` and a mistake are answered, in fresh processes."""

import subprocess
import sys
from pathlib import Path

from common import arguments, interleaved, report

ROOT = Path(__file__).parents[1]
CASES = {
    "train.py --help": ["train.py", "--help"],
    "train.py, unknown option": ["train.py", "schedule.stages.joint.epoch=2"],
    "evaluate.py --help": ["evaluate.py", "--help"],
    "python -m lvc --help": ["-m", "lvc", "--help"],
}


def main() -> None:
    options = arguments(__doc__).parse_args()

    def run(words: list[str]):
        return lambda: subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, check=False)

    rows = interleaved({name: run(words) for name, words in CASES.items()}, options.repeats)
    report("startup", rows, {}, options)


if __name__ == "__main__":
    main()
