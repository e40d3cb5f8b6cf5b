"""What a stage asks of model and data, checked before anything runs."""

from typing import Any

from lvc.config.contract import ConfigError
from lvc.config.schedule import StageConfig

MS_SSIM_SIDE = 161
"""Smallest side that MS-SSIM's five scales of 11x11 windows fit into."""


def check_stage(key: str, stage: StageConfig, model: Any, dataset: Any, metric: str) -> None:
    """Check that a stage can run.

    Args:
        key: The stage's key in the configuration, for messages.
        stage: The stage.
        model: A model's contract.
        dataset: The contract of the stage's data set.
        metric: The run's distortion metric, which holds unless the stage has its own.

    Raises:
        ConfigError: Naming the option that cannot be, and what would be right.
    """
    _check_parts(key, stage, model)
    _check_loss(f"{key}.loss", stage, model)
    _check_clips(key, stage, model, dataset)
    _check_model(key, stage, model)
    if stage.loss.metric is not None:
        metric = stage.loss.metric
    if metric == "ms_ssim" and "frame" in stage.loss.distortion and stage.crop and stage.crop < MS_SSIM_SIDE:
        raise ConfigError(f"{key}.crop", f"{stage.crop} is too small for MS-SSIM; {MS_SSIM_SIDE} or more, or loss=mse")


def _check_parts(key: str, stage: StageConfig, model: Any) -> None:
    named = [(f"{key}.train", part) for part in stage.train]
    for name, action in stage.on_enter.items():
        parts = (*action.parts, action.source, action.target)
        named += [(f"{key}.on_enter.{name}", part) for part in parts if part is not None]
    for option, part in named:
        if part not in model.PARTS:
            choices = ", ".join(model.PARTS)
            raise ConfigError(option, f"{model.name} has no part '{part}'; choices are: {choices}")


def _check_loss(key: str, stage: StageConfig, model: Any) -> None:
    loss = stage.loss
    if not (loss.distortion or loss.rate):
        raise ConfigError(key, "has no term that weighs anything, so the stage would learn nothing")
    if "prediction" in loss.distortion and not {"flow", "motion"} <= set(model.PARTS):
        raise ConfigError(f"{key}.distortion.prediction", f"{model.name} predicts no frame; choices are: frame")
    for stream in loss.rate:
        if stream not in model.STREAMS:
            choices = ", ".join(model.STREAMS)
            raise ConfigError(f"{key}.rate.{stream}", f"{model.name} has no such stream; choices are: {choices}")


def _check_model(key: str, stage: StageConfig, model: Any) -> None:
    """What a model itself asks of a stage: its method ``check_stage``, if it has one."""
    if hasattr(model, "check_stage"):
        try:
            model.check_stage(stage)
        except ConfigError as error:
            raise ConfigError(f"{key}.{error.option}", error.reason) from None


def _check_clips(key: str, stage: StageConfig, model: Any, dataset: Any) -> None:
    if stage.frames == 1 and "intra" not in stage.train:
        parts = ", ".join(stage.train)
        raise ConfigError(f"{key}.frames", f"1 frame is an intra frame, which trains none of {parts}; 2 or more would")
    need = (stage.frames - 1) * stage.distance + 1
    if dataset.clip_frames is not None and need > dataset.clip_frames:
        apart = f" {stage.distance} apart" if stage.distance > 1 else ""
        have = f"{dataset.name} has clips of {dataset.clip_frames}"
        raise ConfigError(f"{key}.frames", f"{stage.frames} frames{apart} need clips of {need} frames, and {have}")
    if stage.crop is None:
        return
    if stage.crop % model.STRIDE:
        below = stage.crop // model.STRIDE * model.STRIDE
        choices = ", ".join(str(c) for c in (below, below + model.STRIDE) if c)
        stride = f"{model.name}'s stride {model.STRIDE}"
        raise ConfigError(f"{key}.crop", f"{stage.crop} is no multiple of {stride}; near ones are: {choices}")
    height, width = getattr(dataset, "height", None), getattr(dataset, "width", None)
    if height is not None and stage.crop > min(height, width):
        raise ConfigError(f"{key}.crop", f"{stage.crop} is more than {dataset.name}'s frames of {width}x{height} have")
