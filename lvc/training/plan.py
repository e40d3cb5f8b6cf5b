"""The whole plan against the model and the data, before the first step."""

from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.utilities.exceptions import MisconfigurationException

from lvc.codec import VideoCodec
from lvc.config.contract import ConfigError
from lvc.config.data import AugmentConfig
from lvc.config.metrics import METRICS
from lvc.config.run import RunConfig, stage_dataset
from lvc.config.schedule import StageConfig
from lvc.config.trainer import TrainerConfig
from lvc.datasets.clips import need
from lvc.datasets.sources import check_clips, open_source
from lvc.errors import UserError
from lvc.files import check_writable
from lvc.training.batches import process_batch
from lvc.training.callbacks import build_callbacks
from lvc.training.distributed import placement
from lvc.training.stages import build_optimizer


def open_sources(run: RunConfig) -> dict[str, Any]:
    """The clips of every running stage by its name; stages that share a data set share its source.

    Raises:
        UserError: If a data set cannot be opened, or has too many clips that are too short or small for a stage.
    """
    opened: list[tuple[Any, Any]] = []
    sources = {}
    for name in run.schedule.running:
        config, stage = stage_dataset(run, name), run.schedule.stages[name]
        source = next((s for c, s in opened if c == config), None)
        if source is None:
            source = _open(config, f"schedule.stages.{name}.dataset." if stage.dataset else "dataset.")
            opened.append((config, source))
        augment = config.augment if hasattr(config, "augment") else AugmentConfig()
        needed = need(source, stage.frames, stage.distance, stage.crop, augment, stage.batch_size > 1)
        check_clips(source, needed, getattr(config, "corrupt_budget", 0.0))
        sources[name] = source
    return sources


def _open(config: Any, where: str) -> Any:
    """Open clips; a mistake is reported where it was typed, in the data set or in the stage's fields over it."""
    try:
        return open_source(config)
    except UserError as error:
        raise UserError(str(error).replace("dataset.", where, 1)) from None


def check_plan(run: RunConfig, codec: VideoCodec, sources: dict[str, Any]) -> None:
    """Check what only the codec, the data and the machine can tell.

    Raises:
        UserError: Naming the option, or an export's path that cannot be written.
    """
    build_optimizer(codec.parameters(), run.optimizer, lr=1.0)
    build_callbacks(run.callbacks)
    world = _check_hardware(run.trainer)
    if run.export:
        check_writable(Path(run.export))
    if run.init_from and not Path(run.init_from).is_file():
        raise ConfigError("init_from", f"{run.init_from}: no such export")
    made = {Path(run.dir, "stages", f"{name}.safetensors").resolve() for name in run.schedule.order}
    for name in run.schedule.running:
        stage, key = run.schedule.stages[name], f"schedule.stages.{name}"
        if run.model.spec.task == "codec":
            _check_kinds(codec, stage, key)
        _check_trains(codec, stage, key)
        process_batch(stage, run.trainer, world, key)
        metric = METRICS[stage.loss.metric or run.loss.metric]
        if stage.crop is None and metric.smallest_side > 1:
            height, width = sources[name].read(0, 0, 1).shape[1:3]
            if min(height, width) < metric.smallest_side:
                what = f"whole frames of {width}x{height} are too small for {metric.short}"
                raise ConfigError(f"{key}.crop", f"{what}, which needs sides of {metric.smallest_side} or more")
        on_cpu = run.trainer.accelerator == "cpu" or not torch.cuda.is_available()
        if stage.precision == "16-mixed" and on_cpu:
            raise ConfigError(f"{key}.precision", "16-mixed needs a GPU; on a CPU take bf16-mixed or 32-true")
        for label, action in stage.on_enter.items():
            if action.do == "load" and not Path(action.path).is_file() and Path(action.path).resolve() not in made:
                raise ConfigError(f"{key}.on_enter.{label}.path", f"{action.path}: no such export")


def _check_hardware(options: TrainerConfig) -> int:
    """The number of processes, if they can be had."""
    try:
        trainer = pl.Trainer(
            **placement(options), **options.extra, logger=False, enable_checkpointing=False, enable_progress_bar=False
        )
        return trainer.world_size
    except (MisconfigurationException, RuntimeError, TypeError, ValueError) as error:
        listed = f"accelerator={options.accelerator}, devices={options.devices}, strategy={options.strategy}"
        raise ConfigError("trainer", f"cannot have {listed} here: {str(error).splitlines()[0]}") from None


def _check_trains(codec: VideoCodec, stage: StageConfig, key: str) -> None:
    """Refuse a stage whose parts have no parameter: a configuration may have switched off all that they hold."""
    modules = (module for part in stage.train for module in codec.parts[part])
    if not any(p.requires_grad for module in modules for p in module.parameters()):
        parts = ", ".join(stage.train)
        raise ConfigError(f"{key}.train", f"{parts}: has no parameter in this model, so the stage would train nothing")


def _check_kinds(codec: VideoCodec, stage: StageConfig, key: str) -> None:
    kinds = dict.fromkeys(codec.structure.kinds(stage.frames))
    trained = [k for k in kinds if set(codec.spec.kinds[k].parts) & set(stage.train)]
    if not trained:
        parts = ", ".join(stage.train)
        raise ConfigError(f"{key}.frames", f"no frame among {stage.frames} is coded with {parts}: nothing would train")
    for kind in stage.loss.kinds:
        if kind not in codec.spec.kinds:
            raise ConfigError(f"{key}.loss.kinds.{kind}", f"no frame kind; choices are: {', '.join(codec.spec.kinds)}")
    if set(stage.loss.distortion) - {"frame"} and any(codec.spec.kinds[k].intra for k in trained):
        raise ConfigError(
            f"{key}.loss.distortion", "intra frames have no prediction: train intra in a stage of its own"
        )
