"""What a person sees while a run trains: a bar, a table per stage, and nothing they can do nothing about."""

import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytorch_lightning as pl
from tqdm import tqdm

HUSHED = (
    r".*module\(s\) in eval mode at the start of training.*",  # frozen parts are
    ".*Experiment logs directory .* exists and is not empty.*",  # a resumed run's; its rows are kept
    ".*you defined a `.*_step` but have no `.*_dataloader`.*",
    ".*lower value for log_every_n_steps.*",
    "Total length of .* across ranks is zero.*",  # a stage that was killed between its last batch and its export
    ".*GPU available but not used.*",
    ".*`srun` command is available on your system but is not used.*",  # a SLURM machine, and no job wanted
    r".*isinstance\(treespec, LeafSpec\).*",  # Lightning's own
    ".*torch.jit.script.* is deprecated.*",  # CompressAI's own
)


@contextmanager
def quiet() -> Iterator[None]:
    """Keep Lightning's tips, its hardware report and its advice about choices made here off the screen."""
    talkers = [logging.getLogger(name) for name in ("pytorch_lightning", "lightning_fabric", "lightning.pytorch")]
    levels = [t.level for t in talkers]
    with warnings.catch_warnings():
        for message in HUSHED:
            warnings.filterwarnings("ignore", message=message)
        for talker in talkers:
            talker.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for talker, level in zip(talkers, levels, strict=True):
                talker.setLevel(level)


class Bar(pl.Callback):
    """One progress bar per stage, the first process's, with loss, PSNR and rate of a recent batch.

    Args:
        title: What stands before it.
    """

    def __init__(self, title: str):
        self.title, self.bar = title, None

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        options = {"total": module.total, "initial": module.done, "desc": self.title, "dynamic_ncols": True}
        options["mininterval"] = 0.2 if sys.stderr.isatty() else 30.0  # a log file wants few lines
        self.bar = tqdm(**options, disable=not trainer.is_global_zero)

    def on_train_batch_end(self, trainer: pl.Trainer, module: pl.LightningModule, *_: Any) -> None:
        if self.bar.update():  # drawn just now, so that figures are fetched from the device only now and then
            self._show(module)

    def on_train_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self._show(module)
        self.bar.close()

    def _show(self, module: pl.LightningModule) -> None:
        figures = {k: module.latest.get(f"train/{k}") for k in ("loss", "epe", "psnr", "bpp")}
        self.bar.set_postfix({k: f"{float(v):.4g}" for k, v in figures.items() if v is not None}, refresh=False)

    def on_exception(self, trainer: pl.Trainer, module: pl.LightningModule, exception: BaseException) -> None:
        if self.bar is not None:
            self.bar.close()


def stage_table(records: dict[str, dict[str, Any]]) -> str:
    """Finished stages, one per line: what trained, for how long, and the validation point before and after."""
    coded = all("val/bpp" in r["after"] for r in records.values() if r.get("after"))
    points = ("before: dB @ bpp", "after: dB @ bpp") if coded else ("before", "after")
    head = ("stage", "parts", "trained", "frames", "batches", "minutes", *points)
    rows = [head]
    for name, r in records.items():
        points = [point(p) if p else "-" for p in map(r.get, ("before", "after"))]
        facts = f"{r['parameters']:,}", str(r["frames"]), str(r["batches"]), f"{r['seconds'] / 60:.1f}"
        rows.append((name, "+".join(r["train"]), *facts, *points))
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    return "\n".join("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows)


def point(figures: dict[str, float]) -> str:
    """A validation point.

    Quality and rate of a codec, errors and the warped frame's PSNR of a flow network, what a classifier's choices cost.
    """
    if "val/excess" in figures:
        return f"+{100 * figures['val/excess']:.2f} %"
    if "val/bpp" in figures:
        return f"{figures['val/psnr']:.2f} @ {figures['val/bpp']:.4f}"
    warped = f", {figures['val/psnr']:.2f} dB" if "val/psnr" in figures else ""
    return f"EPE {figures['val/epe']:.3f}{warped}"
