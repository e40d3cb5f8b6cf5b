"""What an encoder decides, as a user asks for it: quality, groups of frames, resolution of motion, and their lambda."""

from typing import Any

import torch

from lvc.codec import Rate, VideoCodec
from lvc.config.adaptive_gop import AdaptiveGOPConfig
from lvc.config.motion_resolution import MotionResolutionConfig, check_variant
from lvc.errors import UserError
from lvc.layers.rate import between
from lvc.structures.adaptive_gop import adaptive_gop
from lvc.structures.mctf import MCTF
from lvc.structures.motion_resolution import MotionResolution, motion_resolution
from lvc.training.export import Export, training_loss
from lvc.training.resolution.loading import load_classifier


def settle(
    export: Export,
    intra_period: int | None = None,
    q: float | None = None,
    resolution: MotionResolutionConfig | None = None,
    adaptive: AdaptiveGOPConfig | None = None,
) -> tuple[float | None, Rate]:
    """Set up an export's codec to encode as it is asked to; ``None`` leaves a choice to the model.

    Args:
        export: The codec.
        intra_period: Frames from one intra frame to the next.
        q: Quality index of a variable-rate model; ``None`` is the middle one.
        resolution: Resolution of motion.
        adaptive: Groups by content.

    Returns:
        The quality index, and the rate point: it and the lambda that choices are compared by, if they are.

    Raises:
        UserError: For what the model does not have, or a lambda that it does not say.
    """
    codec = export.codec
    if adaptive is not None:
        codec.structure = _adaptive(export, adaptive)
    if intra_period is not None:
        codec.structure = codec.structure.with_intra_period(intra_period)
    if resolution is not None:
        codec.motion_resolution = _resolution(export, resolution)
    load_classifier(codec.motion_resolution, next(codec.parameters()).device)
    q = _quality(export, q)
    return q, rate_of(codec, q, _lmbda(export, q))


def rate_of(codec: VideoCodec, q: float | None, lmbda: float | None = None) -> Rate:
    """The rate point of a quality index and a lambda, where the codec is."""
    device = next(codec.parameters()).device
    one = {
        name: torch.tensor([value], device=device) for name, value in (("q", q), ("lmbda", lmbda)) if value is not None
    }
    return Rate(**one)


def _quality(export: Export, q: float | None) -> float | None:
    """The quality index to code with."""
    count = export.codec.spec.qualities
    if count is None:
        if q is not None:
            raise UserError(f"quality {q:g}: {export.config.name} has a single rate, that of its export")
        return None
    if q is None:
        return (count - 1) / 2
    if not 0 <= q <= count - 1:
        raise UserError(f"quality {q:g}: {export.config.name} has qualities 0 to {count - 1}")
    return float(q)


def _resolution(export: Export, config: MotionResolutionConfig) -> MotionResolution | None:
    """The choice among resolutions of motion that ``config`` asks for."""
    variants = export.codec.spec.motion_variants
    if config.search != "none" and not variants:
        raise UserError(f"motion_resolution: {export.config.name} has no motion that could be coded at another one")
    check_variant(config, variants or (config.variant,))
    return motion_resolution(config)


def _adaptive(export: Export, config: AdaptiveGOPConfig) -> Any:
    """The export's structure with the choice of groups that ``config`` asks for."""
    structure = export.codec.structure
    if isinstance(structure, MCTF):
        return MCTF(structure.gop, structure.levels, structure.first_level, adaptive_gop(config))
    if config.adaptive:
        raise UserError(f"structure.adaptive: {export.config.name} has no groups that could be split")
    return structure


def _lmbda(export: Export, q: float | None) -> float | None:
    """Lambda that an encoder's choices weigh MSE with: their own, or that of the export's training at a quality."""
    codec = export.codec
    choice = codec.structure.choice if isinstance(codec.structure, MCTF) else codec.motion_resolution
    if choice is None or not choice.compares_costs or choice.lmbda is not None:
        return None
    loss = training_loss(export.info.get("provenance") or {})
    if loss.get("lmbda") is None:
        raise UserError(f"{choice.option}: {export.info['path']} does not say its lambda; {choice.instead}")
    if loss.get("metric", "mse") != "mse":
        raise UserError(
            f"{choice.option}: {export.info['path']} was not trained for MSE, which is compared; {choice.instead}"
        )
    if q is None:
        return loss["lmbda"]
    highest = loss.get("lmbda_max") or loss["lmbda"]
    return float(between(loss["lmbda"], highest, torch.tensor(q), codec.spec.qualities - 1))
