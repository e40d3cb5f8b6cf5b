"""What entering a stage does to a codec: actions, freezing, a new optimiser, its learning rate."""

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn

from lvc.codec import VideoCodec
from lvc.config.outside import load
from lvc.config.schedule import ActionConfig, StageConfig
from lvc.config.spec import ModelSpec
from lvc.config.trainer import OPTIMIZERS, OptimizerConfig
from lvc.errors import UserError
from lvc.export import load_parts


def learnable(codec: VideoCodec) -> frozenset[str]:
    """Names of the parameters that a codec as built lets train (not, say, fixed quantiles)."""
    return frozenset(name for name, p in codec.named_parameters() if p.requires_grad)


def freeze(codec: VideoCodec, train: Iterable[str], learnable: frozenset[str]) -> None:
    """Let only the named parts train: everything else asks for no gradient and is in eval mode.

    Args:
        codec: The codec.
        train: Parts that train.
        learnable: Parameters that may train at all.
    """
    trained = {id(p) for part in train for module in codec.parts[part] for p in module.parameters()}
    for name, parameter in codec.named_parameters():
        parameter.requires_grad_(name in learnable and id(parameter) in trained)
        parameter.grad = None
    set_modes(codec, train)


def set_modes(codec: VideoCodec, train: Iterable[str]) -> None:
    """Training mode for the named parts alone, so that a frozen part's statistics stay as they are."""
    codec.eval()
    for part in train:
        for module in codec.parts[part]:
            module.train()


def enter(
    codec: VideoCodec, name: str, actions: dict[str, ActionConfig], measure: Callable[[int], None] | None = None
) -> None:
    """Do a stage's actions, in the order of their names.

    Args:
        codec: The codec.
        name: The stage.
        actions: Its actions.
        measure: Gives the codec its classical start from so many training clips.

    Raises:
        UserError: Naming the action that cannot be done.
    """
    for key in sorted(actions):
        action, option = actions[key], f"schedule.stages.{name}.on_enter.{key}"
        if action.do == "copy":
            _copy(codec, action, option)
        elif action.do == "statistics":
            measure(action.clips)
        elif not load_parts(codec, action.path, action.parts):
            raise UserError(
                f"{option}: nothing in {action.path} fits parts {', '.join(action.parts) or 'of this codec'}"
            )


def _copy(codec: VideoCodec, action: ActionConfig, option: str) -> None:
    source, target = (nn.ModuleList(codec.parts[part]) for part in (action.source, action.target))
    try:
        target.load_state_dict(source.state_dict())
    except RuntimeError:
        shapes = f"part '{action.source}' does not have the shapes of part '{action.target}'"
        raise UserError(f"{option}: {shapes}") from None


def motion_only(stage: StageConfig, spec: ModelSpec) -> bool:
    """Whether a stage asks for nothing beyond motion: then frames are not coded, and the prediction stands for them."""
    return spec.motion_only(set(stage.loss.distortion), set(stage.loss.rate))


def build_optimizer(parameters: Iterable[Any], config: OptimizerConfig, lr: float) -> torch.optim.Optimizer:
    """An optimiser over the parameters that train and no other (a frozen weight must not decay either).

    Args:
        parameters: Parameters, or groups of them as :func:`parameter_groups` makes them.
        config: The optimiser.
        lr: Learning rate.

    Raises:
        UserError: If there is no such optimiser, or it does not take the configured arguments.
    """
    known = {name: getattr(torch.optim, name) for name in OPTIMIZERS}
    optimizer = load("optimizers", config.name, "optimizer.name", known)
    given = [p for p in parameters if isinstance(p, dict) or p.requires_grad]
    groups = given if isinstance(given[0], dict) else [{"params": given}]
    if config.decay == "weights":
        groups = [part for group in groups for part in _decayed_and_not(group)]
    try:
        return optimizer(groups, lr=lr, **config.kwargs)
    except (TypeError, ValueError) as error:
        raise UserError(f"optimizer.kwargs: {config.name} refuses {config.kwargs}: {error}") from None


def _decayed_and_not(group: dict[str, Any]) -> list[dict[str, Any]]:
    """A group's weights, and its biases and other vectors, which do not decay."""
    weights = [p for p in group["params"] if p.ndim > 1]
    vectors = [p for p in group["params"] if p.ndim <= 1]
    parts = [{**group, "params": weights}, {**group, "params": vectors, "weight_decay": 0.0}]
    return [part for part in parts if part["params"]]


def parameter_groups(codec: nn.Module, factors: dict[str, float]) -> list[dict[str, Any]]:
    """The parameters that train, grouped by the ``factor`` of the learning rate that their parts have."""
    left = [p for p in codec.parameters() if p.requires_grad]
    groups = []
    for part, factor in factors.items():
        own = {id(p) for module in codec.parts[part] for p in module.parameters()}
        groups.append({"params": [p for p in left if id(p) in own], "factor": factor})
        left = [p for p in left if id(p) not in own]
    return [group for group in [{"params": left, "factor": 1.0}, *groups] if group["params"]]


def learning_rate(stage: StageConfig, batch: int, total: int) -> float:
    """Learning rate of batch number ``batch`` (from 0) of ``total``: linear warm-up, then steps or a cosine down."""
    warmup = min(1.0, (batch + 1) / stage.warmup_steps) if stage.warmup_steps else 1.0
    if stage.lr_end is not None:
        done = max(0.0, batch - stage.warmup_steps) / max(1, total - 1 - stage.warmup_steps)
        done = done * stage.lr_cycles % 1 if done < 1 else 1.0
        return warmup * (stage.lr_end + (stage.lr - stage.lr_end) * (1 + math.cos(math.pi * min(1.0, done))) / 2)
    passed = sum(batch >= milestone * total for milestone in stage.lr_milestones)
    return stage.lr * warmup * stage.lr_factor**passed
