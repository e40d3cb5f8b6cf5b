"""What goes wrong in training without an error: seen, and said once."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from lvc.entropy.priors import EntropyModel, Prior

WINDOW = 100
"""Batches after which parts that nothing reached, and streams that never cost anything, are spoken of."""

NOTHING = 1e-6
"""Bits per pixel, summed over the window, that are nothing."""

ESCAPES = 1e-3
"""Share of symbols outside their coding table that is worth a warning: each costs several bits more than estimated."""


class Watch(pl.Callback):
    """Warns of a part that the loss does not reach, and of a weighed rate that is always zero.

    It speaks once, of the first :data:`WINDOW` batches or of the whole of a shorter stage: one batch says little where
    what trains depends on the frames' distance.
    """

    def __init__(self):
        self._reached: set[str] = set()
        self._spent: dict[str, Tensor | float] = {}
        self._batches = 0

    def on_before_optimizer_step(self, trainer: pl.Trainer, module: pl.LightningModule, optimizer: Any) -> None:
        if self._batches >= WINDOW:
            return
        for part in set(module.stage.train) - self._reached:
            if any(p.grad is not None for m in module.codec.parts[part] for p in m.parameters()):
                self._reached.add(part)

    def on_train_batch_end(self, trainer: pl.Trainer, module: pl.LightningModule, *_: Any) -> None:
        if not module.latest:  # nothing but skipped steps so far
            return
        self._batches += 1
        for name, weight in module.stage.loss.rate.items():
            if weight:
                self._spent[name] = self._spent.get(name, 0.0) + module.latest.get(f"bits/{name}", 0.0)
        if self._batches == min(WINDOW, module.total):
            self._speak(trainer, module)

    def _speak(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        for part in [p for p in module.stage.train if p not in self._reached]:
            warn(trainer, module, f"the loss does not reach part '{part}', so nothing of it trains")
        for name, spent in self._spent.items():
            if float(spent) <= NOTHING:
                cause = (
                    "no trained frame has that stream" if f"bits/{name}" not in module.latest else "nothing is coded"
                )
                warn(trainer, module, f"loss.rate.{name} was 0 in all of {self._batches} batches: {cause}")


def warn(trainer: pl.Trainer, module: pl.LightningModule, what: str) -> None:
    """Tell a person at the terminal, and whoever reads the stage's record later."""
    module.record.setdefault("warnings", []).append(what)
    if trainer.is_global_zero:
        print(f"warning: stage '{module.name}': {what}", file=sys.stderr, flush=True)


class EscapeCount:
    """Symbols coded, and those that lay outside their coding table, by entropy model."""

    def __init__(self):
        self.symbols: dict[str, int] = {}
        self.escapes: dict[str, int] = {}

    def add(self, name: str, prior: Prior, residual: Tensor) -> None:
        """Count the symbols of one latent, rounded residuals of shape ``prior.shape``."""
        tables, index = prior.model.tables, prior.index().astype(np.int64)
        value = residual.detach().round().cpu().numpy() - tables.lows[index]
        outside = (value < 0) | (value >= tables.sizes[index])
        self.symbols[name] = self.symbols.get(name, 0) + outside.size
        self.escapes[name] = self.escapes.get(name, 0) + int(outside.sum())

    @property
    def shares(self) -> dict[str, float]:
        """Share of escapes by entropy model."""
        return {name: self.escapes[name] / count for name, count in self.symbols.items()}


class _Counted(Prior):
    """A prior that counts the symbols whose bits are asked for."""

    def __init__(self, prior: Prior, name: str, count: EscapeCount):
        self.prior, self.name, self.count = prior, name, count
        self.means, self.shape, self.model = prior.means, prior.shape, prior.model

    def bits(self, residual: Tensor) -> Tensor:
        self.count.add(self.name, self.prior, residual)
        return self.prior.bits(residual)

    def index(self) -> np.ndarray:
        return self.prior.index()


@contextmanager
def counting_escapes(codec: nn.Module) -> Iterator[EscapeCount]:
    """Count escapes of all that a codec estimates meanwhile, whatever its structure; it has to be in eval mode."""
    count = EscapeCount()

    def counted(name: str) -> Any:
        return lambda _module, _inputs, prior: _Counted(prior, name, count) if isinstance(prior, Prior) else None

    models = [(name, m) for name, m in codec.named_modules() if isinstance(m, EntropyModel)]
    hooks = [model.register_forward_hook(counted(name)) for name, model in models]
    try:
        with torch.no_grad():
            yield count
    finally:
        for hook in hooks:
            hook.remove()
