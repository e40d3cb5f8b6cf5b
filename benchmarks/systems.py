"""The systems of size=tiny, trained alike from their quick starts, on files beside x264 and the light codec.

    python benchmarks/systems.py videos/train videos/test --minutes 120

Each trains for so many minutes of one thread: a few batches of every stage say how long a batch takes, and the short
plan's stages are made longer in proportion. Systems whose motion has several resolutions are measured with and without
the choice of them (OMRA). Typed again, it goes on where it stopped.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

from lvc.config.compose import compose
from lvc.config.run import build_run

PLANS = {
    "dcvc_tcm": "tcm_short",
    "ssnvc": "ssnvc_short",
    "mastc_vc": "mastc_short",
    "b_canf": "b_canf_short",
    "maskcrt_b": "maskcrt_short",
}
PROBE = 5
"""Batches of each stage that are timed."""
SHIPPED = "lvc/models/weights/light.safetensors"


def run(*command: str) -> None:
    """Run a command of this checkout, and say which."""
    print("$ python", *command, flush=True)
    subprocess.run([sys.executable, *command], check=True)


def lengths(model: str, common: list[str], folder: Path, minutes: float) -> list[str]:
    """Overrides that make the stages of a system's short plan as long as the minutes are."""
    run("train.py", *common, f"schedule.all.steps={PROBE}", f"dir={folder}/probe/{model}")
    timed = json.loads((folder / "probe" / model / "state.json").read_text())["stages"]
    stages = build_run(compose("train", common)).schedule.stages
    seconds = {name: stages[name].steps * record["seconds"] / PROBE for name, record in timed.items()}
    factor = 60 * minutes / sum(seconds.values())
    return [f"schedule.stages.{name}.steps={max(1, round(stages[name].steps * factor))}" for name in seconds]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("clips", help="folder of training videos")
    parser.add_argument("test", help="folder of videos to measure on")
    parser.add_argument("--minutes", type=float, default=120, help="training of each system, one thread")
    parser.add_argument("--systems", nargs="+", choices=PLANS, default=list(PLANS), help="which of them")
    parser.add_argument("--frames", type=int, default=33, help="frames of every test video")
    parser.add_argument("--out", type=Path, default=Path("runs/systems"), help="where runs and results go")
    options = parser.parse_args()
    data = ["dataset=folder", f"dataset.path={options.clips}", "dataset.cache=true"]
    quiet = ["trainer.threads=1", "trainer.workers=0", "trainer.pictures=0", "trainer.validation_clips=2"]
    for model in options.systems:
        common = [f"model={model}", "size=tiny", f"schedule={PLANS[model]}", *data, *quiet]
        plan = options.out / f"{model}.json"
        if not plan.is_file():
            plan.parent.mkdir(parents=True, exist_ok=True)
            plan.write_text(json.dumps(lengths(model, common, options.out, options.minutes)))
        run("train.py", *common, *json.loads(plan.read_text()), f"dir={options.out}/{model}")
    for protocol, wanted in (("ip32", ("dcvc_tcm", "ssnvc", "mastc_vc")), ("ra32", ("b_canf", "maskcrt_b"))):
        exports = [f"{options.out}/{model}/codec.safetensors" for model in wanted if model in options.systems]
        if not exports:
            continue
        test = [f"dataset.path={options.test}", f"protocol={protocol}", f"protocol.frames={options.frames}"]
        beside = ["codecs=[x264_ultrafast]", "bdrate.anchor=x264_ultrafast", "qualities=[10,25,40,55]"]
        plain = f"{options.out}/{protocol}"
        run("evaluate.py", f"exports=[{','.join([SHIPPED, *exports])}]", *test, *beside, f"output={plain}")
        moving = [path for path in exports if "ssnvc" not in path and "mastc_vc" not in path]
        chosen = [*test, "codecs=[]", "motion_resolution.search=ranked", f"output={plain}_omra", f"records=[{plain}]"]
        if moving:
            run("evaluate.py", f"exports=[{','.join(moving)}]", "bdrate.anchor=x264_ultrafast", *chosen)


if __name__ == "__main__":
    main()
