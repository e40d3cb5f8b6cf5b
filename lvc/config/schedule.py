"""A training plan as data: stages by name and the order in which they run."""

from typing import Any, Literal

from pydantic import Field

from lvc.config.contract import ConfigError, contract
from lvc.config.metrics import LOSSES


@contract
class StageLossConfig:
    """The terms of a stage's loss: distortions weighted by lambda, plus rates in bits per pixel."""

    distortion: dict[str, float] = Field(default_factory=lambda: {"frame": 1.0})
    """Weight of each distortion: of the decoded `frame`, of the motion-compensated `prediction` (always MSE), and
    of what else the model has."""
    kinds: dict[str, float] = Field(default_factory=dict)
    """Weight of the distortions of frames of each kind (`P`, `B`, `b`); 1 for kinds that are not named."""
    period: tuple[float, ...] = ()
    """Weights of the distortions of frames 1, 2, ... of a clip, repeated: hierarchical quality without B frames
    (DCVC-DC, Li et al., CVPR 2023). Empty: 1."""
    balance: float = Field(0.0, ge=0, le=1)
    """Divides the loss of a clip by the power `balance` of its lambda, relative to the middle one: a variable-rate
    model is else trained for its highest quality, where losses are largest. 0.5 gives all about the same weight."""
    real: bool = False
    """Draw real-valued qualities in training; false draws whole indices (pMCTF-L, Sec. III)."""
    jitter: float = Field(0.0, ge=0)
    """Largest difference between a frame's quality and its clip's, drawn per frame, so that a variable-rate model
    learns references of another quality."""
    rate: dict[str, float] = Field(default_factory=dict)
    """Weight of each stream's bits, by stream name."""
    metric: Literal[LOSSES] | None = None
    """Distortion metric of the frame; null takes `loss.metric`."""
    lmbda: float | None = Field(None, gt=0)
    """Lambda of this stage; null takes `loss.lmbda`. Of a variable-rate model that of q = 0, and the ratio stays."""


@contract
class FlowStageConfig:
    """The loss of a stage that trains a flow network by itself (`model=spynet`)."""

    epe: float = Field(0.0, ge=0)
    """Weight of the end-point error against true flow, summed over levels, each in pixels of its own."""
    epe_power: float = Field(1.0, gt=0, le=1)
    """Power of the end-point error; below 1, large errors weigh less."""
    photometric: float = Field(0.0, ge=0)
    """Weight of the difference between a frame and its warped reference; needs no true flow."""
    measure: Literal["census", "ssim", "l1"] = "census"
    """How that difference is measured."""
    smoothness: float = Field(0.0, ge=0)
    """Weight of flow that changes where the picture has no edge; goes with `photometric`."""
    occlusion: bool = True
    """Leave pixels out of `photometric` that flow there and back does not return to."""
    fewest_levels: int | None = Field(None, ge=1)
    """Each batch uses a random number of the finest levels, at least so many; null uses all."""
    grey: float = Field(0.0, ge=0, le=1)
    """Share of pairs that are shown without colour."""

    @property
    def weights(self) -> tuple[float, ...]:
        """Weights of all terms."""
        return self.epe, self.photometric, self.smoothness


@contract
class ActionConfig:
    """Something done once when a stage is entered, before its optimiser is built."""

    do: Literal["load", "copy", "statistics"]
    """`load`: parts from an export. `copy`: one part's weights to another of the same shape. `statistics`: a classical
    start, measured on the stage's own data: transforms from its KLT, steps from lambda, scales from deviations."""
    clips: int = Field(96, ge=8)
    """Training clips that `statistics` measures."""
    path: str | None = None
    """Export to load."""
    parts: tuple[str, ...] = ()
    """Parts to load; empty loads all that the export has."""
    source: str | None = None
    """Part to copy from."""
    target: str | None = None
    """Part to copy to."""

    def __post_init__(self):
        if self.do == "load" and not self.path:
            raise ConfigError("path", "an action that loads needs the path of an export")
        if self.do == "copy" and not (self.source and self.target):
            raise ConfigError("source", "an action that copies needs source and target parts")


@contract
class StageConfig:
    """One stage: one optimiser, one `Trainer.fit`."""

    train: tuple[str, ...]
    """Parts that train; everything else is frozen, in eval mode and outside the optimiser."""
    epochs: int | None = Field(None, ge=1)
    """Length in passes over the data."""
    steps: int | None = Field(None, ge=1)
    """Length in batches; wins over `epochs`, which then says nothing."""
    frames: int = Field(2, ge=1)
    """Frames of a training clip."""
    distance: int = Field(1, ge=1)
    """Frames from one training frame to the next in the source."""
    random_distance: bool = False
    """Draw the distance from 1 to `distance`, all equally likely."""
    loss: StageLossConfig
    """Loss terms."""
    flow: FlowStageConfig = FlowStageConfig()
    """Loss terms of a flow network."""
    lr: float = Field(1e-4, gt=0)
    """Learning rate at the start."""
    lr_milestones: tuple[float, ...] = ()
    """Fractions of the stage (0 to 1) at which the rate is multiplied by `lr_factor`."""
    lr_factor: float = Field(0.1, gt=0, le=1)
    """What a milestone multiplies the learning rate by."""
    lr_end: float | None = Field(None, gt=0)
    """Learning rate at the end, reached along half a cosine after the warm-up; null steps down at `lr_milestones`."""
    lr_cycles: int = Field(1, ge=1)
    """Half cosines in a stage: after each the rate starts again at `lr` (Loshchilov and Hutter, ICLR 2017)."""
    lr_parts: dict[str, float] = Field(default_factory=dict)
    """Factors of the learning rate of single parts, such as `{flow: 0.01}`; 1 for parts that are not named."""
    warmup_steps: int = Field(0, ge=0)
    """Batches over which the learning rate rises linearly from 0."""
    batch_size: int = Field(4, ge=1)
    """Clips per batch and process, or of all processes together (`trainer.batch_size`)."""
    crop: int | None = Field(256, ge=16)
    """Side of the square training crop; null takes whole frames."""
    precision: Literal["32-true", "bf16-mixed", "16-mixed", "auto"] = "32-true"
    """Precision of networks; entropy parameters, warping grids and losses stay in float32. `auto`: bf16-mixed where
    this machine is faster in it (measured when the run begins), 32-true elsewhere."""
    grad_clip: float | None = Field(1.0, gt=0)
    """Largest gradient norm (or element, see `grad_clip_by`); null does not clip."""
    grad_clip_by: Literal["norm", "value"] = "norm"
    """What `grad_clip` bounds."""
    grad_clip_between: float | None = Field(None, gt=0)
    """Largest norm of the gradient that goes from a frame back into its reference, per tensor and clip, of low-delay
    codecs; null does not clip."""
    first: Literal["coded", "original"] = "coded"
    """What the first P frame refers to: the intra codec's picture, or the original (low-delay codecs)."""
    references: Literal["attached", "detached"] = "attached"
    """Whether gradients flow from a frame into the frames it refers to."""
    update: Literal["clip", "frame"] = "clip"
    """One optimiser step per clip (mean over its trained frames) or per frame."""
    accumulate: int = Field(1, ge=1)
    """Parts that a batch is coded in, one after the other, before its one step: memory is that of one part."""
    checkpointing: bool = False
    """Recompute a frame's activations in the backward pass instead of keeping them."""
    dataset: dict[str, Any] = Field(default_factory=dict)
    """Fields of `dataset` that differ in this stage."""
    on_enter: dict[str, ActionConfig] = Field(default_factory=dict)
    """Named actions, done in the order of their names."""

    def __post_init__(self):
        if self.epochs is None and self.steps is None:
            raise ConfigError("epochs", "a stage needs a length: epochs or steps")
        if not self.train:
            raise ConfigError("train", "names no part, so the stage would train nothing")
        if any(not 0 < m < 1 for m in self.lr_milestones):
            raise ConfigError("lr_milestones", f"are fractions between 0 and 1, got {list(self.lr_milestones)}")
        if self.lr_end is not None and self.lr_milestones:
            raise ConfigError("lr_end", "a rate along a cosine has no milestones; drop lr_milestones or lr_end")
        if self.accumulate > 1 and self.update == "frame":
            raise ConfigError("accumulate", "adds gradients up to one step per batch, and update=frame steps per frame")
        if self.accumulate > self.batch_size:
            raise ConfigError("accumulate", f"a batch of {self.batch_size} clips has no {self.accumulate} parts")
        if self.update == "frame" and self.references == "attached":
            raise ConfigError("update", "frame-by-frame steps need references=detached")


@contract
class ScheduleConfig:
    """A training plan."""

    name: str
    """Name of the plan."""
    order: tuple[str, ...]
    """Stages in the order they run; leave some out to skip them."""
    stages: dict[str, StageConfig]
    """Every stage by name."""
    start_at: str | None = None
    """First stage of `order` to run; earlier ones are skipped."""
    stop_after: str | None = None
    """Last stage of `order` to run."""
    all: dict[str, Any] = Field(default_factory=dict)
    """Stage fields that hold in every stage, over what the stage says."""

    def __post_init__(self):
        for name in self.order:
            if name not in self.stages:
                raise ConfigError("order", f"'{name}' is not a stage; choices are: {', '.join(self.stages)}")
        for option in ("start_at", "stop_after"):
            name = getattr(self, option)
            if name is not None and name not in self.order:
                raise ConfigError(option, f"'{name}' is not in order; choices are: {', '.join(self.order)}")
        if not self.running:
            raise ConfigError("stop_after", f"'{self.stop_after}' comes before start_at '{self.start_at}'")

    @property
    def running(self) -> tuple[str, ...]:
        """The stages that run, in order."""
        first = self.order.index(self.start_at) if self.start_at else 0
        last = self.order.index(self.stop_after) if self.stop_after else len(self.order) - 1
        return self.order[first : last + 1]
