"""What SpyNet may be configured to where it is trained by itself."""

from dataclasses import replace
from typing import Any, ClassVar, Literal

from pydantic import Field

from lvc.config.contract import ConfigError, contract
from lvc.config.feasible import check_clips, check_no_loss, check_parts
from lvc.config.schedule import StageConfig
from lvc.config.spec import Model, ModelSpec


@contract
class SpyNetModelConfig(Model):
    """SpyNet: an optical flow network (Ranjan and Black, CVPR 2017), trained for use in codecs."""

    SPEC: ClassVar[ModelSpec] = ModelSpec(
        network="lvc.models.spynet:FlowNetwork",
        summary="Optical flow network, to start codecs from",
        parts=tuple(f"level{n}" for n in range(6)),
        stride=1,
        task="flow",
        use="a flow network, no codec; codecs start from it with flow.weights",
        pyramid=True,
    )

    name: Literal["spynet"]
    """Model name."""
    size: Literal["full", "tiny"] = "full"
    """Name of the variant; the widths below decide."""
    levels: int = Field(6, ge=1, le=6)
    """Levels of the pyramid: parts `level0` (the finest) to `level5`."""
    widths: tuple[int, int, int, int] = (32, 64, 32, 16)
    """Channels between the five 7x7 convolutions of a level."""
    colour: Literal["rgb", "luma"] = "rgb"
    """What the network sees: RGB pictures, or their BT.601 luma."""

    @property
    def spec(self) -> ModelSpec:
        """The model's facts with the levels that it has."""
        return replace(self.SPEC, parts=self.SPEC.parts[: self.levels], stride=2 ** (self.levels - 1))

    def check_other_stage(self, key: str, stage: StageConfig, dataset: Any) -> None:
        """Check that a stage can run, before anything does.

        Raises:
            ConfigError: Naming the option that cannot be, and what would be right.
        """
        parts = self.spec.parts
        check_parts(key, stage, self.name, parts)
        check_flow_stage(key, stage, self.name, dataset)
        if stage.flow.fewest_levels is not None and stage.flow.fewest_levels > self.levels:
            most = f"{stage.flow.fewest_levels} is more than model.levels, {self.levels}"
            raise ConfigError(f"{key}.flow.fewest_levels", most)
        # a stage's pictures are seen at the size of the finest level that it trains
        finest = min(parts.index(part) for part in stage.train)
        stride = 2 ** (self.levels - 1 - finest)
        check_clips(key, stage, f"{self.levels - finest} levels", stride, dataset)


def check_flow_stage(key: str, stage: StageConfig, model: str, dataset: Any) -> None:
    """Check that a flow network's stage has a loss, what the loss needs, and two frames.

    Raises:
        ConfigError: Naming the option.
    """
    check_no_loss(key, stage, model, f"is in {key}.flow")
    flow = stage.flow
    if not (flow.epe or flow.photometric):
        raise ConfigError(f"{key}.flow", "epe and photometric weigh nothing, so the stage would learn nothing")
    if flow.epe and dataset.name != "synthetic":
        raise ConfigError(f"{key}.flow.epe", f"dataset {dataset.name} has no true flow; synthetic has")
    if stage.frames != 2:
        raise ConfigError(f"{key}.frames", f"{stage.frames} frames, and flow is between 2")
