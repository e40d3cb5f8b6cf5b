"""A training run: the whole of what `train.py` composes."""

from dataclasses import asdict
from typing import Any, Literal

from pydantic import Field

from lvc.config.contract import ConfigError, build, contract
from lvc.config.data import DatasetConfig
from lvc.config.model import ModelConfig
from lvc.config.schedule import ScheduleConfig, StageConfig


@contract
class LossConfig:
    """The distortion and its weight: L = lambda * D + R, with R in bits per pixel."""

    metric: Literal["mse", "ms_ssim"] = "mse"
    """`mse` of RGB in [0, 1], or `ms_ssim` for 1 - MS-SSIM."""
    lmbda: float = Field(1024, gt=0)
    """Weight of the distortion; `loss.choices` lists the paper's."""
    choices: tuple[float, ...] = ()
    """The paper's lambda set, for sweeps; a lambda outside it is allowed."""


@contract
class OptimizerConfig:
    """Any optimiser of torch.optim by name; the learning rate is the stage's."""

    name: Literal["AdamW", "Adam", "SGD"] = "AdamW"
    """Class in torch.optim."""
    kwargs: dict[str, Any] = Field(default_factory=dict)
    """Its other arguments (weight_decay, betas, ...)."""


@contract
class TrainerConfig:
    """How a stage is run, on whatever hardware."""

    accelerator: Literal["auto", "cpu", "gpu"] = "auto"
    """Lightning accelerator."""
    devices: int | str = "auto"
    """Number of devices, or `auto`."""
    strategy: str = "auto"
    """Lightning strategy."""
    workers: int = Field(2, ge=0)
    """Data-loading processes."""
    threads: int | None = Field(None, ge=1)
    """CPU threads for torch; null leaves the default."""
    channels_last: bool = False
    """Keep activations in channels-last order (faster convolutions)."""
    compile: bool = False
    """Compile the frame step with torch.compile (GPU)."""
    deterministic: bool = False
    """Deterministic kernels only."""
    progress: bool = True
    """Progress bar."""
    log_every: int = Field(50, ge=1)
    """Batches between logged training metrics."""
    validate_every: int | None = Field(None, ge=1)
    """Batches between validations; null validates at every stage's end only."""
    checkpoint_every: int = Field(500, ge=1)
    """Batches between checkpoints of the running stage."""
    pictures: int = Field(2, ge=0)
    """Validation clips shown as picture panels."""
    validation_clips: int | None = Field(None, ge=1)
    """At most so many validation clips; null takes all."""
    validation_frames: int = Field(6, ge=1)
    """Frames coded per validation clip."""
    max_skipped: int = Field(20, ge=1)
    """Non-finite steps in a row after which the run stops."""
    max_batches: int | None = Field(None, ge=1)
    """Batches per stage at most, for debugging."""
    overfit: bool = False
    """Train on the first batch only, without augmentation, for debugging."""
    profiler: Literal["simple", "advanced", "pytorch"] | None = None
    """Lightning profiler."""


@contract
class LoggerConfig:
    """Where metrics and pictures go."""

    csv: bool = True
    """`metrics.csv` in the run's folder, pictures beside it."""
    tensorboard: bool = False
    """TensorBoard event files in the run's folder."""
    wandb: bool = False
    """Weights & Biases."""
    project: str = "lvc"
    """wandb project."""
    entity: str | None = None
    """wandb team or user."""
    group: str | None = None
    """wandb group, to hold the members of a sweep together."""
    tags: tuple[str, ...] = ()
    """wandb tags."""
    mode: Literal["online", "offline"] = "offline"
    """wandb mode; `offline` needs no account and is synchronised later with `wandb sync`."""


@contract
class AnchorConfig:
    """A recorded rate-distortion curve that validation is compared with."""

    name: str = "none"
    """Name shown in logs."""
    bpp: tuple[float, ...] = ()
    """Bits per pixel of its points."""
    psnr: tuple[float, ...] = ()
    """RGB PSNR of its points in dB."""

    def __post_init__(self):
        if len(self.bpp) != len(self.psnr):
            raise ConfigError("psnr", f"has {len(self.psnr)} values for {len(self.bpp)} of bpp")


@contract
class RunConfig:
    """A training run."""

    name: str
    """Name of the run, shown by loggers."""
    dir: str
    """The run's folder: checkpoints, exports, logs."""
    seed: int = 0
    """Seed of everything random."""
    size: str = "full"
    """Variant of the model, chosen with `size=tiny`."""
    init_from: str | None = None
    """Export whose weights (all parts that fit) start the run."""
    export: str | None = None
    """Where the trained codec goes; null writes `codec.safetensors` in the run's folder."""
    model: ModelConfig
    """The codec."""
    dataset: DatasetConfig
    """Training clips."""
    validation: DatasetConfig | None = None
    """Validation clips; null validates on the training set's first clips."""
    schedule: ScheduleConfig
    """The training plan."""
    loss: LossConfig
    """Distortion and lambda."""
    optimizer: OptimizerConfig
    """Optimiser."""
    trainer: TrainerConfig
    """Hardware and bookkeeping."""
    logger: LoggerConfig
    """Loggers."""
    anchor: AnchorConfig = AnchorConfig()
    """Recorded curve to compare validation with."""


def build_run(data: dict[str, Any]) -> RunConfig:
    """Build and check a whole run from the composed configuration as plain containers.

    `schedule.all` is spread over the stages first, so that what a stage says is what it does.

    Raises:
        ConfigError: Naming the option, in one line.
    """
    data = _spread_all(data)
    run = build(RunConfig, data)
    for name in run.schedule.running:
        _check_stage(run, name, run.schedule.stages[name])
    return run


def _spread_all(data: dict[str, Any]) -> dict[str, Any]:
    schedule = dict(data["schedule"])
    everywhere = {k: v for k, v in (schedule.get("all") or {}).items() if v is not None}
    unknown = set(everywhere) - set(StageConfig.__dataclass_fields__)
    if unknown:
        choices = ", ".join(sorted(StageConfig.__dataclass_fields__))
        raise ConfigError(f"schedule.all.{min(unknown)}", f"unknown option; choices are: {choices}")
    length = {"epochs": None, "steps": None} if {"epochs", "steps"} & set(everywhere) else {}
    schedule["stages"] = {n: {**s, **length, **everywhere} for n, s in schedule["stages"].items()}
    schedule["all"] = everywhere
    return {**data, "schedule": schedule}


def _check_stage(run: RunConfig, name: str, stage: StageConfig) -> None:
    """What a stage asks of model and data, checked before anything runs."""
    key, model = f"schedule.stages.{name}", run.model
    for part in stage.train:
        if part not in model.PARTS:
            choices = ", ".join(model.PARTS)
            raise ConfigError(f"{key}.train", f"{model.name} has no part '{part}'; choices are: {choices}")
    for stream in stage.loss.rate:
        if stream not in model.STREAMS:
            choices = ", ".join(model.STREAMS)
            raise ConfigError(f"{key}.loss.rate", f"{model.name} has no stream '{stream}'; choices are: {choices}")
    if stage.crop is not None and stage.crop % model.STRIDE:
        raise ConfigError(f"{key}.crop", f"{stage.crop} is no multiple of {model.name}'s stride {model.STRIDE}")
    for action in stage.on_enter.values():
        for part in (*action.parts, *(p for p in (action.source, action.target) if p)):
            if part not in model.PARTS:
                choices = ", ".join(model.PARTS)
                raise ConfigError(f"{key}.on_enter", f"{model.name} has no part '{part}'; choices are: {choices}")
    have = stage_dataset(run, name).clip_frames
    need = (stage.frames - 1) * stage.distance + 1
    if have is not None and need > have:
        what = f"{stage.frames} frames {stage.distance} apart need clips of {need} frames"
        raise ConfigError(f"{key}.frames", f"{what}, and {run.dataset.name} has clips of {have}")


def stage_dataset(run: RunConfig, name: str) -> Any:
    """The data set's configuration in a stage: `dataset` with the stage's own fields over it.

    Raises:
        ConfigError: When the stage's fields are not the data set's.
    """
    own = run.schedule.stages[name].dataset
    if not own:
        return run.dataset
    return build(DatasetConfig, {**asdict(run.dataset), **own}, f"schedule.stages.{name}.dataset")
