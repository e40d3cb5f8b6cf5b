"""Measure codecs on real bitstreams and compare them."""

from typing import Any

from lvc.config.compose import run_main
from lvc.config.evaluate import EvaluateConfig, build_evaluation
from lvc.startup import end_when_asked, prepare

COMMON = (
    "exports",
    "labels",
    "dataset.path",
    "dataset.pattern",
    "protocol.frames",
    "protocol.short",
    "codecs",
    "preset",
    "traditional.<name>.points",
    "traditional.<name>.options",
    "records",
    "bdrate.anchor",
    "output",
    "reuse",
    "jobs",
    "keep_streams",
    "device",
)


def run(config: EvaluateConfig, composed: dict[str, Any]) -> None:
    """Evaluate; imported late, so that `--help` and mistakes are answered before torch is loaded."""
    from lvc.evaluation.run import evaluate

    evaluate(config)


def main() -> None:
    """Run the command that `sys.argv` holds."""
    prepare()
    end_when_asked()
    run_main("evaluate", build_evaluation, run, contract=EvaluateConfig, common=COMMON)
