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


SET_BY_RUN = {
    "accelerator": "use trainer.accelerator",
    "devices": "use trainer.devices",
    "num_nodes": "torchrun or SLURM says it (docs/distributed.md)",
    "strategy": "processes average gradients themselves, as updates per frame need it (docs/distributed.md)",
    "plugins": "checkpoints are written whole, and processes found, by plugins of the run's own",
    "precision": "is a stage's: schedule.all.precision",
    "max_epochs": "a stage is one epoch of its own length: use schedule.stages.NAME.epochs or steps",
    "min_epochs": "a stage is one epoch of its own length: use schedule.stages.NAME.epochs or steps",
    "max_steps": "use schedule.stages.NAME.steps",
    "min_steps": "use schedule.stages.NAME.steps",
    "accumulate_grad_batches": "use schedule.stages.NAME.accumulate",
    "gradient_clip_val": "use schedule.stages.NAME.grad_clip",
    "gradient_clip_algorithm": "use schedule.stages.NAME.grad_clip_by",
    "limit_train_batches": "use trainer.max_batches",
    "limit_val_batches": "use trainer.validation_clips",
    "overfit_batches": "use trainer.overfit (debug=overfit)",
    "fast_dev_run": "use debug=one_batch",
    "val_check_interval": "use trainer.validate_every",
    "check_val_every_n_epoch": "use trainer.validate_every",
    "num_sanity_val_steps": "validation runs at every stage's entry",
    "log_every_n_steps": "use trainer.log_every",
    "logger": "use the group logger",
    "callbacks": "use the group callbacks",
    "profiler": "use trainer.profiler",
    "deterministic": "use trainer.deterministic",
    "benchmark": "follows trainer.deterministic",
    "default_root_dir": "use dir",
    "enable_checkpointing": "checkpoints are the run's, so that it continues exactly: trainer.checkpoint_every",
    "enable_progress_bar": "use trainer.progress",
    "enable_model_summary": "use python -m lvc summary",
    "use_distributed_sampler": "the order of clips follows from the seed alone",
    "reload_dataloaders_every_n_epochs": "a stage is one epoch",
    "barebones": "checkpoints and logs are what a run is continued from",
}
"""Arguments of Lightning's Trainer that contradict what a run promises, or have a name here."""


@contract
class TrainerConfig:
    """How a stage is run, on whatever hardware."""

    accelerator: Literal["auto", "cpu", "gpu"] = "auto"
    """Lightning accelerator."""
    devices: int | Literal["auto"] | tuple[int, ...] = 1
    """Processes on this machine, a device each: how many, `auto` for all GPUs, or their numbers, such as `[0,2]`.
    torchrun and SLURM say it themselves."""
    strategy: Literal["auto", "ddp"] = "auto"
    """How processes share the work: `auto` is `ddp` where there are several, and `ddp` is so for one too. See
    docs/distributed.md."""
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
    extra: dict[str, Any] = Field(default_factory=dict)
    """Further arguments of Lightning's Trainer, such as `{max_time: "01:00:00:00", detect_anomaly: true}`; those that a
    run sets itself are refused."""

    def __post_init__(self):
        for name in self.extra:
            if name in SET_BY_RUN:
                raise ConfigError(f"extra.{name}", SET_BY_RUN[name])
        if not isinstance(self.devices, int | str) and len(set(self.devices)) < len(self.devices):
            raise ConfigError("devices", f"names a device twice: {list(self.devices)}")
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
