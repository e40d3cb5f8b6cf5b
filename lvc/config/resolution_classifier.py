"""What a classifier of motion's resolution may be configured to."""

from typing import Any, ClassVar, Literal

from pydantic import Field

from lvc.config.contract import ConfigError, contract
from lvc.config.feasible import check_clips, check_no_loss, check_parts
from lvc.config.motion_resolution import SMALLEST, check_factors
from lvc.config.schedule import StageConfig
from lvc.config.spec import Model, ModelSpec


@contract
class ResolutionClassifierConfig(Model):
    """Says which resolution a frame's motion is best coded at, for one trained codec (after Fast-OMRA)."""

    SPEC: ClassVar[ModelSpec] = ModelSpec(
        network="lvc.models.resolution_classifier:ResolutionClassifier",
        summary="Chooses the resolution of motion in place of a search",
        parts=("classifier",),
        stride=16,
        task="classifier",
        use="a classifier, no codec; an encoder asks it with motion_resolution.classifier",
    )

    name: Literal["resolution_classifier"]
    """Model name."""
    size: Literal["full", "tiny"] = "full"
    """Name of the variant; the widths below decide."""
    codec: str | None = None
    """Export of the codec whose costs are learned; training needs it."""
    factors: tuple[int, ...] = Field((1, 2, 4, 8), min_length=2)
    """What frames may be made smaller by for motion: ascending powers of two."""
    filter: Literal["box", "bilinear", "antialiased"] = "box"
    """How the codec's frames are made smaller."""
    lmbda: float | None = Field(None, gt=0)
    """Weight of the MSE in the costs; null takes that of the codec's training."""
    temperature: float = Field(0.005, gt=0)
    """Softness of the labels: a factor so much (as a share) above the least cost gets 1/e of its weight."""
    views: int | None = Field(None, ge=1)
    """Samples of each clip whose costs are computed once and kept in memory; null draws new ones in every epoch."""
    widths: tuple[int, int, int, int] = (16, 24, 32, 32)
    """Channels of the features at 1/2, 1/4, 1/8 and 1/16 of the size."""
    channels: int = Field(48, ge=4)
    """Channels that comparisons are told in."""

    def __post_init__(self):
        check_factors(self.factors)

    def check_other_stage(self, key: str, stage: StageConfig, dataset: Any) -> None:
        """Check that a stage can run, before anything does.

        Raises:
            ConfigError: Naming the option that cannot be, and what would be right.
        """
        if self.codec is None:
            raise ConfigError("model.codec", "is required: the export of a codec whose costs are learned")
        check_parts(key, stage, self.name, self.spec.parts)
        check_no_loss(key, stage, self.name)
        if any(stage.flow.weights):
            raise ConfigError(f"{key}.flow", f"{self.name} has no such terms; its loss is the labels' cross-entropy")
        if stage.frames != 3:
            raise ConfigError(f"{key}.frames", f"{stage.frames} frames, and a frame stands between 2 references: 3")
        least = SMALLEST * max(self.factors)
        if stage.crop is not None and stage.crop < least:
            what = f"{stage.crop} is too small for motion at 1/{max(self.factors)}"
            raise ConfigError(f"{key}.crop", f"{what}; {least} or more")
        check_clips(key, stage, self.name, self.spec.stride, dataset)
