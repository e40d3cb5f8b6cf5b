"""What a run's folder tells, whatever state the run is in. Nothing here loads torch."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lvc.config.multirun import ERROR
from lvc.errors import UserError
from lvc.provenance import origin
from lvc.training.rows import read_rows


@dataclass(frozen=True)
class RunRecord:
    """A run as its folder shows it.

    Attributes:
        folder: The run's folder.
        config: The composed configuration; empty where the run failed before it was recorded.
        state: ``finished``, ``unfinished`` or ``failed``.
        detail: Of an unfinished run the stage and the step that figures are from, of a failed one the reason.
        step: Batches after which the figures were measured.
        figures: The newest validation figures (``val/psnr``, ``val/bpp``, ...), estimates all of them; empty before
            the first validation that codes frames.
        digest: Of the exported codec, where there is one.
    """

    folder: Path
    config: dict[str, Any]
    state: str
    detail: str = ""
    step: int = 0
    figures: dict[str, float] = field(default_factory=dict)
    digest: str | None = None

    @property
    def name(self) -> str:
        return self.config.get("name") or self.folder.name

    @property
    def lmbda(self) -> float | None:
        """The run's rate point."""
        return self.config.get("loss", {}).get("lmbda")


def validation_cost(folder: Path | str) -> float | None:
    """The cost lambda * D + R on the validation clips after the last finished stage, ``None`` before."""
    stages = _json(Path(folder, "state.json"))["stages"]
    return list(stages.values())[-1].get("after", {}).get("val/loss") if stages else None


def read_runs(folders: Iterable[Path]) -> list[RunRecord]:
    """Every run in and below some folders, in the order of their names.

    Raises:
        UserError: If there is none, or the state of one cannot be read.
    """
    folders = list(folders)
    for folder in folders:
        if not folder.is_dir():
            raise UserError(f"{folder}: no such folder")
    begun = {p.parent.resolve() for f in folders for p in f.rglob("state.json")}
    failed = {p.parent.resolve() for f in folders for p in f.rglob(ERROR)} - begun
    runs = [read_run(path) for path in begun]
    runs += [RunRecord(path, {}, "failed", _reason(path)) for path in failed]
    if not runs:
        raise UserError(f"{', '.join(map(str, folders))}: no run in or below (a run's folder holds state.json)")
    return sorted(runs, key=lambda run: (run.name, run.lmbda or 0))


def read_run(folder: Path) -> RunRecord:
    """The run in ``folder``.

    Raises:
        UserError: If its state cannot be read.
    """
    state = _json(folder / "state.json")
    config, stages = state["config"], state["stages"]
    left = [name for name in _running(config["schedule"]) if name not in stages]
    step, stage, figures = _newest(folder, config, stages)
    where = f"{stage}, step {step}" if figures else "not validated yet"
    if not left:
        return RunRecord(folder, config, "finished", "", step, figures, origin(_export(folder, config)).get("digest"))
    if (folder / ERROR).is_file():
        return RunRecord(folder, config, "failed", _reason(folder), step, figures)
    return RunRecord(folder, config, "unfinished", where, step, figures)


def _export(folder: Path, config: dict[str, Any]) -> Path:
    return Path(config["export"]) if config.get("export") else folder / "codec.safetensors"


def _running(schedule: dict[str, Any]) -> list[str]:
    """The stages that a plan runs, in order."""
    order = schedule["order"]
    first = order.index(schedule["start_at"]) if schedule.get("start_at") else 0
    last = order.index(schedule["stop_after"]) if schedule.get("stop_after") else len(order) - 1
    return order[first : last + 1]


def _newest(folder: Path, config: dict[str, Any], stages: dict[str, Any]) -> tuple[int, str, dict[str, float]]:
    """Step, stage and figures of the last validation that coded whole frames."""
    found: tuple[int, str, dict[str, float]] = (0, "", {})
    step = 0
    for name, record in stages.items():
        for when in ("before", "after"):
            step += record["batches"] if when == "after" else 0
            if record.get(when) and _codes_frames(config, name):
                found = (step, name, record[when])
    for row in read_rows(folder / "metrics.csv"):
        name = row.get("stage_name") or ""
        if row.get("val/psnr") and int(row["step"]) > found[0] and _codes_frames(config, name):
            found = (int(row["step"]), name, {k: float(v) for k, v in row.items() if k.startswith("val/") and v})
    return found


def _codes_frames(config: dict[str, Any], stage: str) -> bool:
    """Whether a stage's validation is a rate-distortion point: a stage of motion alone codes predictions."""
    loss = config["schedule"]["stages"].get(stage, {}).get("loss") or {}
    return bool((loss.get("distortion") or {"frame": 1}).get("frame"))


def _reason(folder: Path) -> str:
    """The last line of what a failed member left behind."""
    lines = (folder / ERROR).read_text().strip().splitlines()
    return lines[-1] if lines else "no reason given"


def _json(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text())
        return {key: data[key] for key in ("config", "stages")}
    except (OSError, ValueError, KeyError, TypeError):
        raise UserError(f"{path}: is not the state of a run, or cannot be read") from None
