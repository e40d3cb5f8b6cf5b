"""What a stage asks of model and data, checked before anything runs."""

from typing import Any

from lvc.config.contract import ConfigError
from lvc.config.data import colour_of
from lvc.config.metrics import METRICS
from lvc.config.schedule import StageConfig


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
    spec = model.spec
    if spec.task != "codec":
        if stage.accumulate > 1:
            raise ConfigError(f"{key}.accumulate", f"{model.name} takes a batch at once; use 1")
        model.check_other_stage(key, stage, dataset)
        return
    check_parts(key, stage, model.name, spec.parts)
    _check_loss(f"{key}.loss", stage, model)
    if stage.frames == 1 and not set(spec.intra) & set(stage.train):
        parts = ", ".join(stage.train)
        raise ConfigError(f"{key}.frames", f"1 frame is an intra frame, which trains none of {parts}; 2 or more would")
    if any(stage.flow.weights):
        raise ConfigError(f"{key}.flow", f"{model.name} is a codec, and its loss is in {key}.loss; spynet has this one")
    check_clips(key, stage, model.name, spec.stride, dataset)
    _check_model(key, stage, model)
    _check_quality(key, stage, model)
    check_colour("dataset", model, dataset)
    if stage.loss.metric is not None:
        metric = stage.loss.metric
    chosen = METRICS[metric]
    if "frame" in stage.loss.distortion and stage.crop and stage.crop < chosen.smallest_side:
        what = f"{stage.crop} is too small for {chosen.short}"
        raise ConfigError(f"{key}.crop", f"{what}; {chosen.smallest_side} or more, or loss=mse")


def check_colour(key: str, model: Any, dataset: Any) -> None:
    """Check that a data set's samples have the channels that a codec takes.

    Raises:
        ConfigError: When they have others.
    """
    has, codes = colour_of(dataset), model.spec.colour
    if has != codes:
        raise ConfigError(f"{key}.colour", f"{model.name} codes {codes}, and this is {has}")


def check_rates(model: Any, lmbda_max: float | None) -> None:
    """Check that a range of lambdas is given to a variable-rate model, and to no other.

    Raises:
        ConfigError: If not.
    """
    spec = model.spec
    variable = spec.variable_rate
    if variable and lmbda_max is None:
        raise ConfigError("loss.lmbda_max", f"{model.name} has {spec.qualities} qualities; say lambda at the highest")
    if lmbda_max is not None and not variable:
        raise ConfigError("loss.lmbda_max", f"{model.name} has a single rate, that of loss.lmbda; use null")


def check_parts(key: str, stage: StageConfig, model: str, parts: tuple[str, ...]) -> None:
    """Check that a stage names only ``parts`` of the model.

    Raises:
        ConfigError: Naming the option.
    """
    named = [(f"{key}.train", part) for part in stage.train]
    for name, action in stage.on_enter.items():
        wanted = (*action.parts, action.source, action.target)
        named += [(f"{key}.on_enter.{name}", part) for part in wanted if part is not None]
    named += [(f"{key}.lr_parts.{part}", part) for part in stage.lr_parts]
    for option, part in named:
        if part not in parts:
            raise ConfigError(option, f"{model} has no part '{part}'; choices are: {', '.join(parts)}")


def check_no_loss(key: str, stage: StageConfig, model: str, instead: str = "has no terms") -> None:
    """Check that a stage of what codes nothing weighs neither distortion nor rate.

    Raises:
        ConfigError: Saying where its loss is.
    """
    if stage.loss.distortion or stage.loss.rate:
        raise ConfigError(f"{key}.loss", f"{model} codes nothing; its loss {instead}")


def _check_loss(key: str, stage: StageConfig, model: Any) -> None:
    loss, spec = stage.loss, model.spec
    if not (loss.distortion or loss.rate):
        raise ConfigError(key, "has no term that weighs anything, so the stage would learn nothing")
    for term in loss.distortion:
        if term not in spec.terms:
            choices = ", ".join(spec.terms)
            raise ConfigError(
                f"{key}.distortion.{term}", f"{model.name} has no such distortion; choices are: {choices}"
            )
    for stream in loss.rate:
        if stream not in spec.streams:
            choices = ", ".join(spec.streams)
            raise ConfigError(f"{key}.rate.{stream}", f"{model.name} has no such stream; choices are: {choices}")


def _check_model(key: str, stage: StageConfig, model: Any) -> None:
    """What a model itself asks of a stage: its method ``check_stage``, if it has one."""
    if hasattr(model, "check_stage"):
        try:
            model.check_stage(stage)
        except ConfigError as error:
            raise ConfigError(f"{key}.{error.option}", error.reason) from None


def _check_quality(key: str, stage: StageConfig, model: Any) -> None:
    """Fields that need a classical start, several qualities, or frames one after the other."""
    for name, action in stage.on_enter.items():
        if action.do == "statistics" and not model.spec.classical_start:
            raise ConfigError(
                f"{key}.on_enter.{name}.do", f"{model.name} has no classical start; leave `statistics` out"
            )
    if (stage.loss.jitter or stage.loss.real) and not model.spec.variable_rate:
        raise ConfigError(f"{key}.loss", f"{model.name} has a single rate; `jitter` and `real` are for several")
    chained = {
        "first": stage.first != "coded",
        "grad_clip_between": stage.grad_clip_between,
        "loss.jitter": stage.loss.jitter,
    }
    for option, given in chained.items():
        if given and model.structure.name != "low_delay":
            raise ConfigError(
                f"{key}.{option}", f"is for frames that refer to the one before, and {model.name} has groups"
            )
    if stage.first == "original" and "intra" in stage.train:
        raise ConfigError(f"{key}.first", "original leaves the intra codec out, and `intra` trains; use coded")


def check_clips(key: str, stage: StageConfig, model: str, stride: int, dataset: Any) -> None:
    """Check a stage's frames and crop against the clips and the stride of the model.

    Raises:
        ConfigError: Naming the option.
    """
    need = (stage.frames - 1) * stage.distance + 1
    if dataset.clip_frames is not None and need > dataset.clip_frames:
        apart = f" {stage.distance} apart" if stage.distance > 1 else ""
        have = f"{dataset.name} has clips of {dataset.clip_frames}"
        raise ConfigError(f"{key}.frames", f"{stage.frames} frames{apart} need clips of {need} frames, and {have}")
    if stage.crop is None:
        if dataset.augment.resamples:
            raise ConfigError(f"{key}.crop", "is null, and dataset.augment.scale needs a crop to keep samples one size")
        return
    if stage.crop % stride:
        below = stage.crop // stride * stride
        choices = ", ".join(str(c) for c in (below, below + stride) if c)
        what = f"{model}'s stride {stride}"
        raise ConfigError(f"{key}.crop", f"{stage.crop} is no multiple of {what}; near ones are: {choices}")
    height, width = getattr(dataset, "height", None), getattr(dataset, "width", None)
    most = dataset.augment.scale[1]
    if height is not None and round(stage.crop / most) > min(height, width):
        raise ConfigError(f"{key}.crop", f"{stage.crop} is more than {dataset.name}'s frames of {width}x{height} have")
