"""What a run's folder remembers, so that the same command continues where it stood."""

import json
import random
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch

from lvc.errors import UserError
from lvc.files import replacing
from lvc.training.identity import contents_of, moved


class RunState:
    """``state.json``: the configuration a run started with, and its finished stages.

    Attributes:
        stages: Record of each finished stage by name: ``export`` (relative path), ``batches`` and figures.
        wandb: Id of the wandb run, kept so that an interrupted run stays one run.
        precision: What `precision=auto` stands for in this run, where a stage says it.
        contents: Digests of the data and exports that the configuration names, by option.
    """

    def __init__(self, folder: Path, composed: dict[str, Any]):
        """Open the folder's state, or start one.

        Raises:
            UserError: If the folder belongs to a run with another configuration, or its state cannot be read.
        """
        self.path, self.composed = folder / "state.json", json.loads(json.dumps(composed, default=str))
        self.stages: dict[str, dict[str, Any]] = {}
        self.wandb: str | None = None
        self.precision: str | None = None
        self.contents = contents_of(self.composed)
        if not self.path.is_file():
            return
        try:
            state = json.loads(self.path.read_text())
            known, self.stages, self.wandb = state["config"], state["stages"], state["wandb"]
            self.precision, contents = state.get("precision"), state.get("contents", {})
        except (OSError, ValueError, KeyError, TypeError):
            raise UserError(f"{self.path}: cannot be read; choose another run folder, or delete this one") from None
        if changed := moved(known, self.composed, contents):
            listed = ", ".join(f"{key} ({old!r} -> {new!r})" for key, (old, new) in changed.items())
            raise UserError(f"{folder}: holds a run with another configuration: {listed}; choose another run folder")

    @property
    def step(self) -> int:
        """Batches of all finished stages."""
        return sum(record["batches"] for record in self.stages.values())

    def save(self) -> None:
        """Write the state, all or nothing, from the first process only."""
        if pl.utilities.rank_zero_only.rank == 0:
            state = {"config": self.composed, "contents": self.contents, "stages": self.stages}
            state |= {"wandb": self.wandb, "precision": self.precision}
            with replacing(self.path) as part:
                part.write_text(json.dumps(state, indent=1))


def seed(*key: int | str) -> None:
    """Seed torch, numpy and python from a key: the run's seed, and whatever sets this use apart from others."""
    words = [zlib.crc32(k.encode()) if isinstance(k, str) else k for k in key]
    number = int(np.random.SeedSequence(words).generate_state(1)[0])
    random.seed(number)
    np.random.seed(number)
    torch.manual_seed(number)


class RandomState(pl.Callback):
    """Seeds a stage before its first batch; on resume puts every generator back where it stood.

    A stage's seed depends on the run's and on its name alone, so it does not matter what ran before it.

    Args:
        run_seed: The run's seed.
        stage: The stage's name.
    """

    def __init__(self, run_seed: int, stage: str):
        self.key = (run_seed, stage)
        self._saved: list[dict[str, Any]] | None = None
        self._started = False

    def on_train_batch_start(self, trainer: pl.Trainer, *_: Any) -> None:
        if self._started:
            return
        self._started = True
        # a resumed run on more processes has no states for the new ones
        if self._saved is not None and len(self._saved) == trainer.world_size:
            _restore(self._saved[trainer.global_rank])
        else:
            seed(*self.key, trainer.global_rank)

    def on_save_checkpoint(self, trainer: pl.Trainer, module: pl.LightningModule, checkpoint: dict[str, Any]) -> None:
        if not self._started:
            return
        states: list[Any] = [_capture()]
        if trainer.world_size > 1:
            states = [None] * trainer.world_size
            torch.distributed.all_gather_object(states, _capture())
        checkpoint["random"] = states

    def on_load_checkpoint(self, trainer: pl.Trainer, module: pl.LightningModule, checkpoint: dict[str, Any]) -> None:
        self._saved = checkpoint.get("random")


def _capture() -> dict[str, Any]:
    name, words, position, has_gauss, gauss = np.random.get_state()
    state = {
        "torch": torch.get_rng_state(),
        "numpy": [name, torch.from_numpy(words.astype(np.int64)), position, has_gauss, gauss],
        "python": random.getstate(),
    }
    if torch.cuda.is_available():
        state["cuda"] = torch.cuda.get_rng_state()
    return state


def _restore(state: dict[str, Any]) -> None:
    torch.set_rng_state(state["torch"].cpu())
    name, words, position, has_gauss, gauss = state["numpy"]
    np.random.set_state((name, words.numpy().astype(np.uint32), position, has_gauss, gauss))
    version, words, gauss = state["python"]
    random.setstate((version, tuple(words), gauss))
    if "cuda" in state and torch.cuda.is_available():
        torch.cuda.set_rng_state(state["cuda"].cpu())
