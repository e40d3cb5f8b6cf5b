"""Histograms of gradients and activations, part by part."""

from collections.abc import Iterable
from functools import partial
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.loggers import TensorBoardLogger, WandbLogger
from torch import Tensor, nn

VALUES = 1 << 16
"""Values per layer that a histogram is made of at most; more tell nothing more."""

BINS = 64


class Histograms(pl.Callback):
    """Logs the gradients of each part that trains, before clipping, and the outputs of its layers.

    Args:
        every: Batches between histograms.
    """

    def __init__(self, every: int):
        self.every = every
        self._values: dict[str, list[np.ndarray]] = {}
        self._hooks: list[Any] = []
        self._due = False

    def on_train_batch_start(self, trainer: pl.Trainer, module: pl.LightningModule, *_: Any) -> None:
        self._due = bool(trainer.loggers) and (module.done + 1) % self.every == 0
        for part in module.stage.train if self._due else ():
            for layer in _layers(module.codec.parts[part]):
                self._hooks.append(layer.register_forward_hook(partial(self._see, f"activations/{part}")))

    def on_before_optimizer_step(self, trainer: pl.Trainer, module: pl.LightningModule, *_: Any) -> None:
        for part in module.stage.train if self._due else ():
            for owner in module.codec.parts[part]:
                for parameter in owner.parameters():
                    if parameter.grad is not None:
                        self._keep(f"gradients/{part}", parameter.grad)

    def on_train_batch_end(self, trainer: pl.Trainer, module: pl.LightningModule, *_: Any) -> None:
        if self._due:
            log_histograms(trainer, module, {name: np.concatenate(values) for name, values in self._values.items()})
        for hook in self._hooks:
            hook.remove()
        self._values, self._hooks, self._due = {}, [], False

    def _see(self, name: str, layer: nn.Module, inputs: Any, output: Any) -> None:
        if isinstance(output, Tensor):
            self._keep(name, output)

    def _keep(self, name: str, tensor: Tensor) -> None:
        flat = tensor.detach().flatten()
        values = flat[:: flat.numel() // VALUES + 1].float()
        self._values.setdefault(name, []).append(values[torch.isfinite(values)].cpu().numpy())


def log_histograms(trainer: pl.Trainer, module: pl.LightningModule, values: dict[str, np.ndarray]) -> None:
    """Log a histogram per name to wandb and TensorBoard, from the first process."""
    for logger in trainer.loggers if trainer.is_global_zero else []:
        if isinstance(logger, WandbLogger):
            import wandb

            made = {
                f"histograms/{name}": wandb.Histogram(np_histogram=np.histogram(v, BINS))
                for name, v in values.items()
                if len(v)
            }
            logger.log_metrics({**made, "progress/step": module.step}, step=module.step)
        elif isinstance(logger, TensorBoardLogger):
            for name, v in values.items():
                if len(v):
                    logger.experiment.add_histogram(f"histograms/{name}", v, module.step)


def _layers(modules: Iterable[nn.Module]) -> list[nn.Module]:
    """Every layer with parameters and no layers of its own."""
    inner = (layer for module in modules for layer in module.modules())
    return [layer for layer in inner if not list(layer.children()) and list(layer.parameters())]
