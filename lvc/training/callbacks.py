"""Lightning callbacks that a user names: any class, found by its path."""

from pkgutil import resolve_name
from typing import Any

import pytorch_lightning as pl

from lvc.config.contract import ConfigError


def build_callbacks(configs: dict[str, dict[str, Any]]) -> list[pl.Callback]:
    """The callbacks that a run names, made anew for every stage.

    Raises:
        ConfigError: Naming the callback that cannot be made.
    """
    made = []
    for name, options in configs.items():
        arguments = {key: value for key, value in options.items() if key != "_target_"}
        try:
            callback = resolve_name(options["_target_"])(**arguments)
        except Exception as error:  # whatever another package's code makes of being imported and called
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            raise ConfigError(f"callbacks.{name}", f"{options['_target_']} cannot be made ({reason})") from None
        if not isinstance(callback, pl.Callback):
            raise ConfigError(f"callbacks.{name}._target_", f"{options['_target_']} is no Lightning callback")
        made.append(callback)
    return made


def validated(trainer: pl.Trainer, module: pl.LightningModule) -> None:
    """Tell the callbacks that validation figures are in ``trainer.callback_metrics``, as Lightning's own loop would."""
    for callback in trainer.callbacks:
        callback.on_validation_end(trainer, module)
