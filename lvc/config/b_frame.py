"""What every codec of hierarchical B frames may be configured to."""

from typing import Literal

from pydantic import Field

from lvc.config.contract import contract
from lvc.config.intra import IntraCheng2020Config, IntraConfig, check_intra
from lvc.config.motion_resolution import MotionResolutionConfig
from lvc.config.parts import EntropyConfig, FlowConfig, HierarchicalBConfig
from lvc.config.spec import Model, MotionSpec

B_FRAME_PARTS = ("flow", "predictor", "motion", "synthesis", "frame", "adaptation")
"""The parts of every codec of B frames, its intra codec aside."""

B_FRAME_STREAMS = ("motion_hyper", "motion", "frame_hyper", "frame")
"""The streams of a predicted frame."""


def b_frame_motion(*more: str) -> MotionSpec:
    """Motion of a codec of B frames; stages may weigh ``more`` of it than every such codec has."""
    weighed = ("estimated_motion", "predicted_motion", "decoded_motion", *more)
    return MotionSpec(("motion_hyper", "motion"), weighed, ("omra", "A", "B"))


@contract
class MotionPredictionConfig:
    """The network that predicts a B frame's motion from its two references."""

    channels: tuple[int, int, int] = (240, 150, 90)
    """Channels of its three blocks, coarse to fine."""
    blocks: int = Field(8, ge=1)
    """Convolutions within a block."""


@contract
class FrameSynthesisConfig:
    """The GridNet that makes the prediction from two warped references."""

    widths: tuple[int, int, int] = (32, 64, 96)
    """Channels at full size, half of it and a quarter."""
    columns: int = Field(6, ge=2)
    """Columns of the grid."""


@contract
class BFrameConfig(Model):
    """A codec of hierarchical B frames: references, motion and synthesis."""

    size: Literal["full", "tiny"] = "full"
    """Name of the variant; the widths below decide."""
    predictor: MotionPredictionConfig = MotionPredictionConfig()
    """Motion prediction."""
    synthesis: FrameSynthesisConfig = FrameSynthesisConfig()
    """Frame synthesis."""
    flow: FlowConfig = FlowConfig(levels=6)
    """Motion estimation."""
    normalise: bool = False
    """Normalise frames before motion estimation: released weights want it, flow networks trained here do not."""
    clamp_references: bool = True
    """Refer to frames clamped to [0, 1]; the released weights refer to them as they are."""
    sort_references: bool = True
    """Call the reference first that is fewer predictions away from an intra frame; false: the past one."""
    entropy: EntropyConfig = EntropyConfig()
    """Quantisation and likelihood."""
    structure: HierarchicalBConfig = HierarchicalBConfig()
    """Coding structure."""
    motion_resolution: MotionResolutionConfig = MotionResolutionConfig()
    """Resolution of motion while encoding."""
    intra: IntraConfig = IntraCheng2020Config(name="intra_cheng2020")
    """Codec of the intra frames."""

    def __post_init__(self):
        check_intra(self.intra, "rgb")
