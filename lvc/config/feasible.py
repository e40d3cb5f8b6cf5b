"""What a stage asks of model and data, checked before anything runs."""

from typing import Any

from lvc.config.contract import ConfigError
from lvc.config.data import colour_of
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
    check_colour("dataset", model, dataset)
    if stage.loss.metric is not None:
        metric = stage.loss.metric
    if metric == "ms_ssim" and "frame" in stage.loss.distortion and stage.crop and stage.crop < MS_SSIM_SIDE:
        raise ConfigError(f"{key}.crop", f"{stage.crop} is too small for MS-SSIM; {MS_SSIM_SIDE} or more, or loss=mse")


def check_colour(key: str, model: Any, dataset: Any) -> None:
    """Check that a data set's samples have the channels that a codec takes: RGB unless its contract's COLOUR says luma.

    Raises:
        ConfigError: When they have others.
    """
    has, codes = colour_of(dataset), getattr(model, "COLOUR", "rgb")
    if has != codes:
        raise ConfigError(f"{key}.colour", f"{model.name} codes {codes}, and this is {has}")


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
    if "prediction" in loss.distortion and "motion" not in model.PARTS:
        raise ConfigError(f"{key}.distortion.prediction", f"{model.name} predicts no frame; choices are: frame")
    for stream in loss.rate:
        if stream not in model.STREAMS:
            choices = ", ".join(model.STREAMS)
            raise ConfigError(f"{key}.rate.{stream}", f"{model.name} has no such stream; choices are: {choices}")


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
        if dataset.augment.resamples:
            raise ConfigError(f"{key}.crop", "is null, and dataset.augment.scale needs a crop to keep samples one size")
        return
    if stage.crop % model.STRIDE:
        below = stage.crop // model.STRIDE * model.STRIDE
        choices = ", ".join(str(c) for c in (below, below + model.STRIDE) if c)
        stride = f"{model.name}'s stride {model.STRIDE}"
        raise ConfigError(f"{key}.crop", f"{stage.crop} is no multiple of {stride}; near ones are: {choices}")
    height, width = getattr(dataset, "height", None), getattr(dataset, "width", None)
    most = dataset.augment.scale[1]
    if height is not None and round(stage.crop / most) > min(height, width):
        raise ConfigError(f"{key}.crop", f"{stage.crop} is more than {dataset.name}'s frames of {width}x{height} have")
