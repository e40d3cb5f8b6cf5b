"""A training run: every stage of the schedule in turn, from wherever the run's folder says it stands."""

from functools import partial
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.loggers import Logger
from pytorch_lightning.profilers import AdvancedProfiler, Profiler, PyTorchProfiler, SimpleProfiler

from lvc.config.run import RunConfig
from lvc.datasets.loader import make_loader
from lvc.export import load_export, load_parts, load_starting_weights, read_export, save_export
from lvc.files import full_disk_said, replacing
from lvc.layers.layout import to_channels_last
from lvc.models.build import build_codec
from lvc.provenance import provenance
from lvc.training import checkpoints, console, precision, resume
from lvc.training.alone import alone
from lvc.training.artifacts import log_export
from lvc.training.base import StageBase
from lvc.training.batches import StageBatches, process_batch, stage_batches
from lvc.training.callbacks import build_callbacks
from lvc.training.distributed import note_rank, placement, together
from lvc.training.histograms import Histograms
from lvc.training.interrupt import Interrupt
from lvc.training.loggers import aside, build_loggers, close
from lvc.training.losses import RateDistortionLoss
from lvc.training.plan import check_plan, open_sources
from lvc.training.report import Progress, log_metrics
from lvc.training.stages import enter, freeze, learnable, motion_only
from lvc.training.tables import log_tables
from lvc.training.task import TASKS
from lvc.training.watch import Watch

OTHER_SCALE = 0.5
"""Lambda of an MSE of values in [0, 1] below which that of 8-bit values was probably meant, as CompressAI has it."""


def train(run: RunConfig, composed: dict[str, Any]) -> Path:
    """Train a codec through its schedule, and export it.

    The same call in the same folder continues a run that was interrupted; a finished stage is never trained again.

    Args:
        run: The checked run.
        composed: The whole composed configuration as plain containers; recorded with the run and in its exports.

    Returns:
        The export: ``run.export``, or ``codec.safetensors`` in the run's folder.

    Raises:
        UserError: If the plan cannot be run as it stands, or the folder holds another run.
    """
    note_rank()
    folder = Path(run.dir)
    with console.quiet(), together(), full_disk_said(folder), alone(folder), Interrupt() as interrupt:
        return Run(run, composed, interrupt).train()


class Run:
    """What the stages of a run share.

    Args:
        run: The checked run.
        composed: The whole composed configuration.
        interrupt: What listens to signals.
    """

    def __init__(self, run: RunConfig, composed: dict[str, Any], interrupt: Interrupt):
        self.interrupt, self.folder = interrupt, Path(run.dir)
        if run.trainer.threads:
            torch.set_num_threads(run.trainer.threads)
        self.state = resume.RunState(self.folder, composed)
        run, self.state.precision = precision.settle(run, self.state.precision)
        self.config = run
        self.provenance = provenance(composed, run.seed) | {"precision": self.state.precision}
        resume.seed(run.seed)
        self.codec = build_codec(run.model)
        self.learnable = learnable(self.codec)
        self.sources = open_sources(run)
        self.loaded: set[str] = set()
        check_plan(run, self.codec, self.sources)
        self.task = TASKS[run.model.spec.task](run)
        self.validation = self.task.material(self.sources[run.schedule.running[0]])
        self.whole = self.task.whole(self.validation)
        self._load_weights()
        if run.trainer.channels_last:
            to_channels_last(self.codec)
        if run.trainer.compile:
            self.task.compile(self.codec)
        self.state.save()

    def train(self) -> Path:
        """Run the stages that are not finished, and export."""
        if pl.utilities.rank_zero_only.rank == 0:
            for half in self.folder.glob("*/**/.*.part"):  # what a run that was killed was writing
                half.unlink()
            for name in self.state.stages:  # what is left where a run was killed while it cleared away
                checkpoints.discard(self._checkpoints(name))
        left = [name for name in self.config.schedule.running if name not in self.state.stages]
        if left:
            checkpoint, done = checkpoints.newest(self._checkpoints(left[0]))
            anew = left[0] if checkpoint is None else None
            step = self.state.step + done
            loggers = build_loggers(self.config.logger, self.config.name, self.folder, self.state, step, anew)
            try:
                for name in left:
                    self._train_stage(name, loggers)
            finally:
                close(loggers)
            if pl.utilities.rank_zero_only.rank == 0 and len(self.state.stages) > 1:
                print(f"\n{console.stage_table(self.state.stages)}", flush=True)
        export = self._export(Path(self.config.export or self.folder / "codec.safetensors"))
        if pl.utilities.rank_zero_only.rank == 0:
            print(f"export: {export}", flush=True)
        return export

    def _train_stage(self, name: str, loggers: list[Logger]) -> None:
        stage = self.config.schedule.stages[name]
        checkpoint, done = checkpoints.newest(self._checkpoints(name))
        if checkpoint is None:
            enter(self.codec, name, stage.on_enter, partial(self._measure, name))
        freeze(self.codec, stage.train, self.learnable)
        trainer = self._trainer(name, loggers)
        loader = self._loader(name, trainer)
        total = stage_batches(stage, len(loader), self.config.trainer.max_batches)
        module = self.task.module(self.codec, self.config, name, total, self.state.step)
        batches = StageBatches(loader, total, min(done, total), repeat_first=self.config.trainer.overfit)
        if done and trainer.is_global_zero:
            print(f"continuing stage '{name}' after batch {done} of {total}", flush=True)
        trainer.fit(module, batches, ckpt_path=checkpoint, weights_only=True)
        self._finish_stage(module, trainer)

    def _measure(self, name: str, clips: int) -> None:
        """Start the codec from statistics of a stage's own samples; every process finds the same."""
        stage = self.config.schedule.stages[name]
        if set(stage.train) <= self.loaded:
            if pl.utilities.rank_zero_only.rank == 0:
                print(f"note: stage '{name}' trains weights that were loaded; they stay as they are", flush=True)
            return
        samples = self.task.samples(name, self.sources[name])
        measured = torch.stack([samples[0, draw]["clip"] for draw in range(clips)]).float().div(255)
        loss = RateDistortionLoss(stage.loss, self.config.loss, self.config.model.spec.qualities)
        self.codec.eval()
        self.codec.start_from(measured, loss.mse_range)

    def _trainer(self, name: str, loggers: list[Logger]) -> pl.Trainer:
        options, stage, logger = self.config.trainer, self.config.schedule.stages[name], self.config.logger
        running = self.config.schedule.running
        validator = self.task.validator(
            self.validation,
            options.validate_every,
            options.pictures,
            self.config.anchor,
            self._known_entry(name),
            options.workers,
            logger.videos if logger.wandb or logger.tensorboard else 0,
            self.whole if name == running[-1] else None,
        )
        callbacks = [
            resume.RandomState(self.config.seed, name),
            Progress(options.log_every),
            Watch(),
            self.interrupt,  # before a validation, which may take longer than there is
            validator,
            _Summary(),
            checkpoints.Checkpointer(self._checkpoints(name), options.checkpoint_every),
        ]
        if logger.histograms:
            callbacks.append(Histograms(logger.histograms))
        callbacks += build_callbacks(self.config.callbacks)
        if options.progress:
            callbacks.append(console.Bar(f"{name} ({running.index(name) + 1}/{len(running)})"))
        place = placement(options)
        plugins = place.pop("plugins")
        return pl.Trainer(
            **place,
            precision=stage.precision,
            max_epochs=1,
            logger=loggers,
            callbacks=callbacks,
            plugins=[checkpoints.AtomicCheckpointIO(), *plugins],
            profiler=_profiler(options.profiler, self.folder / "profile", name),
            deterministic=options.deterministic,
            benchmark=not options.deterministic,
            default_root_dir=self.folder,
            use_distributed_sampler=False,
            enable_checkpointing=False,
            enable_model_summary=False,
            enable_progress_bar=False,
            num_sanity_val_steps=0,
            **options.extra,
        )

    def _known_entry(self, name: str) -> dict[str, float] | None:
        """Validation figures at a stage's entry, where they are those of the last one's end."""
        if not self.state.stages or self.config.schedule.stages[name].on_enter:
            return None
        last = list(self.state.stages)[-1]
        stages = [self.config.schedule.stages[n] for n in (last, name)]
        same = len({(s.loss.metric, s.loss.lmbda, motion_only(s, self.config.model.spec)) for s in stages}) == 1
        return self.state.stages[last].get("after") if same else None

    def _loader(self, name: str, trainer: pl.Trainer) -> Any:
        stage, options = self.config.schedule.stages[name], self.config.trainer
        samples = self.task.samples(name, self.sources[name])
        workers = 0 if options.overfit else options.workers
        clips_each = process_batch(stage, options, trainer.world_size)
        return make_loader(samples, clips_each, self.config.seed, workers, trainer.global_rank, trainer.world_size)

    def _load_weights(self) -> None:
        """The weights a run begins or goes on with; a running stage's checkpoint comes over them."""
        if self.state.stages:
            last = list(self.state.stages.values())[-1]
            trained = load_export(self.folder / last["export"], codec_only=False)
            self.codec.load_state_dict(trained.codec.state_dict())
            self.provenance["started_from"] = trained.info["provenance"].get("started_from", {})
            return
        loaded, started = [], {}
        if path := self.config.init_from:
            loaded, started = load_parts(self.codec, path), {"init_from": read_export(path)[1]}
        # after it, so that a rate point that starts from its neighbour's export still gets an intra codec of its own
        started |= load_starting_weights(self.codec, self.config.model, trained_flow="flow" in loaded)
        self.provenance["started_from"] = started
        whole = {"model.weights", "model.pretrained"} & started.keys()
        self.loaded = set(self.codec.parts if whole else loaded)
        self._note_untrained_intra()
        self._note_other_scale()

    def _note_untrained_intra(self) -> None:
        """Say so where P frames are about to be trained on the output of an intra codec that never was."""
        intra = getattr(self.config.model, "intra", None)
        begun = intra is not None and (intra.weights or getattr(intra, "pretrained", False))
        stages = (self.config.schedule.stages[name] for name in self.config.schedule.running)
        started = self.config.init_from or any("intra" in s.train or s.on_enter for s in stages)
        if intra is not None and not begun and not started and pl.utilities.rank_zero_only.rank == 0:
            print("note: the intra codec is untrained; model.intra.weights=EXPORT starts it from an export", flush=True)

    def _note_other_scale(self) -> None:
        """Say so where lambda seems to weigh squared errors of 8-bit values, as CompressAI's does."""
        loss = self.config.loss
        coded = self.config.model.spec.task == "codec" and loss.metric == "mse"
        if coded and loss.lmbda < OTHER_SCALE and pl.utilities.rank_zero_only.rank == 0:
            meant = f"loss.lmbda={loss.lmbda * 255**2:.0f} is the same of values in [0, 1]"
            print(
                f"note: loss.lmbda={loss.lmbda:g} is small, as of squared errors of 8-bit values; {meant}", flush=True
            )

    def _finish_stage(self, module: StageBase, trainer: pl.Trainer) -> None:
        stage = module.stage
        facts = {
            "export": f"stages/{module.name}.safetensors",
            "batches": module.done,
            "train": list(stage.train),
            "frames": stage.frames,
            "parameters": _trained(module),
            "skipped": module.skipped,
        }
        record = facts | module.record
        self.state.stages[module.name] = record
        export = self._export(self.folder / record["export"])
        self.state.save()
        with aside("tables"):
            log_tables(trainer, module, self.state.stages, self.config.anchor)
        if module.name == self.config.schedule.running[-1] and self.config.logger.artifacts:
            with aside("the export as an artifact"):
                facts = {"model": self.config.model.name, "lambda": self.config.loss.lmbda}
                log_export(trainer.loggers, export, facts)
        trainer.strategy.barrier()
        if trainer.is_global_zero:
            checkpoints.discard(self._checkpoints(module.name))
            with replacing(self.folder / "summary.txt") as part:
                part.write_text(console.stage_table(self.state.stages) + "\n" + self._all_clips(record))
            print(console.stage_table({module.name: record}) + "\n" + self._all_clips(record), end="", flush=True)
        self.interrupt.after_stage(trainer, module.name)

    def _all_clips(self, record: dict[str, Any]) -> str:
        """The line on the whole validation set, where a stage measured it."""
        whole = record.get("whole")
        return f"all {len(self.whole)} validation clips: {console.point(whole)}\n" if whole else ""

    def _export(self, path: Path) -> Path:
        """Export the codec as it is now, from the first process only."""
        if pl.utilities.rank_zero_only.rank == 0:
            stages = {name: record for name, record in self.state.stages.items()}
            origin = self.provenance | {"stages": stages, "wandb": self.state.wandb}
            save_export(path, self.codec, self.config.model, origin)
        return path

    def _checkpoints(self, name: str) -> Path:
        return self.folder / "checkpoints" / name


def _profiler(kind: str | None, folder: Path, stage: str) -> Profiler | None:
    """Lightning's profiler of that kind, writing one report per stage."""
    if kind is None:
        return None
    classes = {"simple": SimpleProfiler, "advanced": AdvancedProfiler, "pytorch": PyTorchProfiler}
    folder.mkdir(parents=True, exist_ok=True)
    return classes[kind](dirpath=folder, filename=stage)


class _Summary(pl.Callback):
    """Logs a stage's figures before its last checkpoint: a run killed after that does not log them twice."""

    def on_train_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        log_metrics(trainer, module, _summary({"parameters": _trained(module)} | module.record))


def _trained(module: pl.LightningModule) -> int:
    """Parameters that a stage trains."""
    return sum(p.numel() for p in module.codec.parameters() if p.requires_grad)


def _summary(record: dict[str, Any]) -> dict[str, float]:
    """A finished stage's record as figures for the loggers."""
    figures = {"summary/parameters": record["parameters"], "summary/minutes": record["seconds"] / 60}
    for when in ("before", "after"):
        found = record.get(when, {})
        keys = ("val/psnr", "val/bpp", "val/loss", "val/epe", "val/excess")
        figures |= {f"summary/{key[4:]}_{when}": found[key] for key in keys if key in found}
    return figures
