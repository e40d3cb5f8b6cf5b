"""A training run: the whole of what `train.py` composes."""

from dataclasses import asdict, replace
from typing import Any, Literal

from pydantic import Field

from lvc.config.contract import ConfigError, build, contract
from lvc.config.data import DatasetConfig
from lvc.config.feasible import check_colour, check_rates, check_stage
from lvc.config.intra import quality_at
from lvc.config.metrics import LOSSES
from lvc.config.model import ModelConfig
from lvc.config.schedule import ScheduleConfig
from lvc.config.spread import merged, spread_all
from lvc.config.trainer import LoggerConfig, OptimizerConfig, TrainerConfig


@contract
class LossConfig:
    """The distortion and its weight: L = lambda * D + R, with R in bits per pixel."""

    metric: Literal[LOSSES] = "mse"
    """`mse` of RGB in [0, 1], `ms_ssim` for 1 - MS-SSIM, or what another package's metric says."""
    lmbda: float = Field(1024, gt=0)
    """Weight of the distortion; `loss.choices` lists the paper's."""
    lmbda_max: float | None = Field(None, gt=0)
    """Weight of the distortion at the highest quality of a variable-rate model, whose lowest has `lmbda`."""
    choices: tuple[float, ...] = ()
    """The paper's lambda set, for sweeps (`sweep=lambda`); a lambda outside it is allowed."""
    mse_lmbda: float | None = Field(None, gt=0)
    """Lambda of the MSE beside this loss: of motion stages, and of the run that MS-SSIM starts from."""
    ms_ssim_lmbda: float | None = Field(None, gt=0)
    """Lambda of the MS-SSIM beside this loss: of a stage that fine-tunes for it."""

    def __post_init__(self):
        if self.lmbda_max is not None and self.lmbda_max < self.lmbda:
            raise ConfigError(
                "lmbda_max", f"{self.lmbda_max:g} is below lmbda {self.lmbda:g}, that of the lowest quality"
            )


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
    seed: int = Field(0, ge=0, lt=2**63)
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
    loss: LossConfig
    """Distortion and lambda."""
    schedule: ScheduleConfig
    """The training plan."""
    optimizer: OptimizerConfig
    """Optimiser."""
    trainer: TrainerConfig
    """Hardware and bookkeeping."""
    logger: LoggerConfig
    """Loggers."""
    callbacks: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """Lightning callbacks of every stage by names of your own: the class as `_target_`, and its arguments."""
    anchor: AnchorConfig = AnchorConfig()
    """Recorded curve to compare validation with."""

    def __post_init__(self):
        for name, options in self.callbacks.items():
            if "." not in str(options.get("_target_", "")):
                raise ConfigError(f"callbacks.{name}._target_", "names the class: package.module.Class")
        if self.logger.histograms and self.trainer.compile:
            raise ConfigError("logger.histograms", "a compiled codec shows no activations; trainer.compile=false does")


def build_run(data: dict[str, Any]) -> RunConfig:
    """Build and check a whole run from the composed configuration as plain containers.

    `schedule.all` is spread over the stages first and loss terms of weight 0 are left out, so that what a
    stage says is what it does.

    Raises:
        ConfigError: Naming the option, in one line.
    """
    data = {**data, "schedule": spread_all(data.get("schedule"))}
    try:
        run = _with_quality(build(RunConfig, data))
        check_rates(run.model, run.loss.lmbda_max)
        if run.validation is not None:
            check_colour("validation", run.model, run.validation)
        for name in run.schedule.running:
            stage, dataset = run.schedule.stages[name], stage_dataset(run, name)
            check_stage(f"schedule.stages.{name}", stage, run.model, dataset, run.loss.metric)
    except ConfigError as error:
        raise _as_typed(error, data["schedule"]) from None
    return run


def _with_quality(run: RunConfig) -> RunConfig:
    """The run with its lambda's quality for a variable-rate intra codec inside a codec of a single rate."""
    intra, loss = getattr(run.model, "intra", None), run.loss
    lmbda = loss.lmbda if loss.metric == "mse" else loss.mse_lmbda
    if getattr(intra, "quality", 0.0) is not None or run.model.spec.variable_rate or lmbda is None:
        return run
    intra = replace(intra, quality=quality_at(lmbda, intra.qualities))
    return replace(run, model=replace(run.model, intra=intra))


def _as_typed(error: ConfigError, schedule: Any) -> ConfigError:
    """Blame `schedule.all` for what it put into a stage."""
    parts = error.option.split(".")
    if parts[:2] == ["schedule", "stages"] and len(parts) > 3 and parts[3] in (schedule.get("all") or {}):
        return ConfigError(".".join(["schedule", "all", *parts[3:]]), error.reason)
    return error


def stage_dataset(run: RunConfig, name: str) -> Any:
    """The data set's configuration in a stage: `dataset` with the stage's own fields over it, or the stage's own.

    Raises:
        ConfigError: When the stage's fields are not the data set's.
    """
    own = run.schedule.stages[name].dataset
    if not own:
        return run.dataset
    another = own.get("name", run.dataset.name) != run.dataset.name
    fields = own if another else merged(asdict(run.dataset), own)
    return build(DatasetConfig, fields, f"schedule.stages.{name}.dataset")
