"""How a run is carried out: optimiser, hardware, bookkeeping and loggers."""

from typing import Any, Literal

from pydantic import Field

from lvc.config.contract import ConfigError, contract
from lvc.config.outside import check_name

OPTIMIZERS = ("AdamW", "Adam", "SGD")
"""Those of torch.optim that are known by name."""


@contract
class OptimizerConfig:
    """An optimiser by name; the learning rate is the stage's."""

    name: str = "AdamW"
    """`AdamW`, `Adam` or `SGD` of torch.optim, one of another package, or any class: `package.module.Class`."""
    kwargs: dict[str, Any] = Field(default_factory=dict)
    """Its other arguments (weight_decay, betas, ...)."""
    decay: Literal["all", "weights"] = "all"
    """What `weight_decay` shrinks: every parameter, or those of more than one dimension (not biases)."""

    def __post_init__(self):
        check_name("optimizers", self.name, "name", OPTIMIZERS)


@contract
class TrainerConfig:
    """How a stage is run, on whatever hardware."""

    accelerator: Literal["auto", "cpu", "gpu"] = "auto"
    """Lightning accelerator."""
    devices: int | str = 1
    """Processes on this machine, a device each, or `auto` for all GPUs; torchrun and SLURM say it themselves."""
    strategy: Literal["auto", "ddp"] = "auto"
    """How processes share the work; `auto` is `ddp` where there are several. See docs/distributed.md."""
    batch_size: Literal["per_device", "global"] = "per_device"
    """Whether a stage's `batch_size` is that of each process, or of all of them together."""
    lr_scaling: Literal["none", "linear", "sqrt"] = "none"
    """What n times a stage's `batch_size` clips per step multiply its learning rate by: 1, n, or the root of n."""
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
    validation_clips: int | None = Field(32, ge=1)
    """At most so many validation clips, always the same, chosen by a hash of their names; null takes all."""
    final_validation: bool = True
    """Measure all validation clips once, at the end of the last stage (`whole/psnr`, ...)."""
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

    def __post_init__(self):
        if self.batch_size == "global" and self.lr_scaling != "none":
            raise ConfigError(
                "lr_scaling",
                f"{self.lr_scaling} has nothing to scale: batch_size=global keeps a step's clips as they are",
            )


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
    """wandb group; null groups the members of a sweep under what they share and differ in."""
    tags: tuple[str, ...] = ()
    """wandb tags."""
    mode: Literal["online", "offline", "disabled"] = "offline"
    """wandb mode; `offline` needs no account and is synchronised later with `wandb sync`."""
    videos: int = Field(1, ge=0)
    """Validation clips shown as short videos, original beside decoded (wandb, TensorBoard)."""
    histograms: int | None = Field(None, ge=1)
    """Batches between histograms of gradients and activations (wandb, TensorBoard); null makes none."""
    artifacts: bool = True
    """Log the trained codec as a wandb artifact."""
