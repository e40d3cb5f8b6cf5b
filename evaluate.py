"""Encode, decode, measure and compare codecs: `python evaluate.py --help`."""

from typing import Any

from lvc.config.compose import run_main
from lvc.config.evaluate import EvaluateConfig, build_evaluation


def run(config: EvaluateConfig, _: dict[str, Any]) -> None:
    """Evaluate; imports what is heavy only now."""
    from lvc.evaluation.run import evaluate

    evaluate(config)


if __name__ == "__main__":
    run_main("evaluate", build_evaluation, run)
