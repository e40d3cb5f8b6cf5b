"""What a finished stage leaves in a dashboard: tables of stages, rate points and rate differences, and a picture."""

import tempfile
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.loggers import WandbLogger

from lvc.config.run import AnchorConfig
from lvc.training.report import boards
from lvc.training.stages import motion_only

Table = tuple[list[str], list[list[Any]]]


def log_tables(trainer: pl.Trainer, module: pl.LightningModule, stages: dict[str, Any], anchor: AnchorConfig) -> None:
    """Log what all finished stages came to, after each of them.

    Args:
        trainer: Whose loggers take it.
        module: The stage that has ended.
        stages: Records of all finished stages, as in the run's state.
        anchor: The recorded curve that points are compared with.
    """
    runs = [x for x in trainer.loggers if isinstance(x, WandbLogger)] if trainer.is_global_zero else []
    if not runs and not boards(trainer):
        return
    plan = module.config.schedule.stages
    coded = {
        name: record for name, record in stages.items() if not motion_only(plan[name], module.config.model.spec)
    }  # predictions are no points
    picture = _picture(coded, anchor)
    for board in boards(trainer) if picture is not None else ():
        board.experiment.add_image("tables/rd_curve", picture, module.step, dataformats="HWC")
    for logger in runs:
        import wandb

        tables = {"stages": stage_table(stages), "rd_points": point_table(coded, anchor)}
        if anchor.bpp:
            tables["bd_rate"] = rate_table(coded, anchor)
        made: dict[str, Any] = {f"tables/{k}": wandb.Table(head, rows) for k, (head, rows) in tables.items()}
        if picture is not None:
            made["tables/rd_curve"] = wandb.Image(picture, caption=f"after {module.name}")
        logger.log_metrics({**made, "progress/step": module.step}, step=module.step)


def stage_table(stages: dict[str, Any]) -> Table:
    """Where each stage lies on the axis of steps, and what it did."""
    head = ["stage", "number", "first_step", "last_step", "parts", "frames", "minutes"]
    head += [f"{key}_{when}" for when in ("before", "after") for key in ("psnr", "bpp")]
    rows, step = [], 0
    for number, (name, record) in enumerate(stages.items()):
        facts = [name, number, step, step + record["batches"], "+".join(record["train"]), record["frames"]]
        figures = [record.get(when, {}).get(f"val/{key}") for when in ("before", "after") for key in ("psnr", "bpp")]
        rows.append([*facts, record["seconds"] / 60, *figures])
        step += record["batches"]
    return head, rows


def point_table(stages: dict[str, Any], anchor: AnchorConfig) -> Table:
    """Rate-distortion points after each stage that codes frames (estimates), and the anchor's."""
    rows = [["this run (estimate)", name, p["val/bpp"], p["val/psnr"], p["val/loss"]] for name, p in _points(stages)]
    rows += [[anchor.name, None, *pair, None] for pair in zip(anchor.bpp, anchor.psnr, strict=True)]
    return ["curve", "stage", "bpp", "psnr", "cost"], rows


def rate_table(stages: dict[str, Any], anchor: AnchorConfig) -> Table:
    """Rate difference to the anchor at equal quality after each stage; empty where the anchor does not reach."""
    rows = [[name, anchor.name, p.get("val/bd_rate")] for name, p in _points(stages)]
    return ["stage", "anchor", "bd_rate_percent"], rows


def _points(stages: dict[str, Any]) -> list[tuple[str, dict[str, float]]]:
    return [(name, record["after"]) for name, record in stages.items() if record.get("after")]


def _picture(stages: dict[str, Any], anchor: AnchorConfig) -> Any:
    """The points of the run beside the anchor's curve, as an ``(h, w, 3)`` array of bytes."""
    import numpy as np
    from PIL import Image

    from lvc.curves.curve import Curve
    from lvc.curves.plots import plot_curves

    points = _points(stages)
    if not points:
        return None
    # each stage is a curve of one point, so that no line is drawn between points of one rate
    curves = {f"after {name} (estimate)": Curve.of([(p["val/bpp"], p["val/psnr"], name)]) for name, p in points}
    if anchor.bpp:
        curves[anchor.name] = Curve.of([(*pair, "") for pair in zip(anchor.bpp, anchor.psnr, strict=True)])
    styles = {name: place for place, name in enumerate(curves)}
    with tempfile.TemporaryDirectory() as folder:
        stem = Path(folder, "curve")
        plot_curves(curves, "psnr", "Validation", stem, styles, {anchor.name} if anchor.bpp else set())
        with Image.open(f"{stem}.png") as image:
            return np.asarray(image.convert("RGB"))
