"""What an encoder decides, as a user asks for it: quality, groups of frames, resolution of motion, and their lambda."""

from dataclasses import dataclass

import torch

from lvc.codec import Choice, CodingStructure, Rate, VideoCodec
from lvc.coding.classifier import load_classifier
from lvc.config.adaptive_gop import AdaptiveGOPConfig
from lvc.config.motion_resolution import MotionResolutionConfig
from lvc.errors import UserError
from lvc.export import Export, training_loss
from lvc.layers.rate import between


@dataclass(frozen=True)
class EncodeOptions:
    """What a user asks an encoder for; ``None`` leaves a choice to the model.

    Attributes:
        intra_period: Frames from one intra frame to the next.
        q: Quality index of a variable-rate model; ``None`` is the middle one.
        resolution: Resolution of motion.
        adaptive: Groups by content.
    """

    intra_period: int | None = None
    q: float | None = None
    resolution: MotionResolutionConfig | None = None
    adaptive: AdaptiveGOPConfig | None = None


def structure_for(export: Export, options: EncodeOptions) -> CodingStructure:
    """The coding structure that an export's codec is to encode with.

    Raises:
        UserError: For what the model does not have.
    """
    structure = export.codec.structure
    if options.adaptive is not None:
        structure = structure.with_choice(options.adaptive, export.config)
    if options.intra_period is not None:
        structure = structure.with_intra_period(options.intra_period)
    if options.resolution is not None:
        structure = structure.with_choice(options.resolution, export.config)
    load_classifier(structure.choice, next(export.codec.parameters()).device)
    return structure


def rate_of(codec: VideoCodec, q: float | None, lmbda: float | None = None) -> Rate:
    """The rate point of a quality index and a lambda, where the codec is."""
    device = next(codec.parameters()).device
    one = {
        name: torch.tensor([value], device=device) for name, value in (("q", q), ("lmbda", lmbda)) if value is not None
    }
    return Rate(**one)


def quality_of(export: Export, q: float | None) -> float | None:
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


def lmbda_of(export: Export, choice: Choice | None, q: float | None) -> float | None:
    """Lambda that an encoder's choices weigh MSE with: their own, or that of the export's training at a quality."""
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
    return float(between(loss["lmbda"], highest, torch.tensor(q), export.codec.spec.qualities - 1))
