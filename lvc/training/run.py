"""A training run: every stage of the schedule in turn, from wherever the run's folder says it stands."""

from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.loggers import Logger
from pytorch_lightning.profilers import AdvancedProfiler, Profiler, PyTorchProfiler, SimpleProfiler

from lvc.config.data import AugmentConfig
from lvc.config.run import RunConfig, stage_dataset
from lvc.datasets.clips import SampledClips, WholeClips
from lvc.datasets.loader import make_loader
from lvc.datasets.sources import check_lengths, open_source
from lvc.errors import UserError
from lvc.layers.layout import to_channels_last
from lvc.models.build import build_codec
from lvc.training import checkpoints, console, resume
from lvc.training.atomic import full_disk_said, replacing
from lvc.training.batches import StageBatches, process_batch, stage_batches
from lvc.training.distributed import placement, together
from lvc.training.export import load_export, load_parts, load_starting_weights, save_export
from lvc.training.interrupt import Interrupt
from lvc.training.loggers import build_loggers, close
from lvc.training.module import StageModule
from lvc.training.plan import check_plan, open_sources
from lvc.training.provenance import provenance
from lvc.training.report import Progress, log_metrics
from lvc.training.stages import enter, freeze, learnable, motion_only
from lvc.training.validation import Validator
from lvc.training.watch import Watch

TRAINING_CLIPS = 8
"""Training clips that validation takes where no validation set is given."""


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
    with console.quiet(), together(), full_disk_said(Path(run.dir)), Interrupt() as interrupt:
        return Run(run, composed, interrupt).train()


class Run:
    """What the stages of a run share.

    Args:
        run: The checked run.
        composed: The whole composed configuration.
        interrupt: What listens to signals.
    """

    def __init__(self, run: RunConfig, composed: dict[str, Any], interrupt: Interrupt):
        self.config, self.interrupt, self.folder = run, interrupt, Path(run.dir)
        if run.trainer.threads:
            torch.set_num_threads(run.trainer.threads)
        self.state = resume.RunState(self.folder, composed)
        self.provenance = provenance(composed, run.seed)
        resume.seed(run.seed)
        self.codec = build_codec(run.model)
        self.learnable = learnable(self.codec)
        self.sources = open_sources(run)
        check_plan(run, self.codec, self.sources)
        self.validation = self._validation_clips()
        self._load_weights()
        if run.trainer.channels_last:
            to_channels_last(self.codec)
        if run.trainer.compile:
            self.codec.code_frame = torch.compile(self.codec.code_frame)
        self.state.save()

    def train(self) -> Path:
        """Run the stages that are not finished, and export."""
        left = [name for name in self.config.schedule.running if name not in self.state.stages]
        if left:
            checkpoint, done = checkpoints.newest(self._checkpoints(left[0]))
            if checkpoint is None:
                resume.forget_rows(self.folder / "metrics.csv", left[0])
            loggers = build_loggers(
                self.config.logger, self.config.name, self.folder, self.state, self.state.step + done
            )
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
            enter(self.codec, name, stage.on_enter)
        freeze(self.codec, stage.train, self.learnable)
        trainer = self._trainer(name, loggers)
        loader = self._loader(name, trainer)
        total = stage_batches(stage, len(loader), self.config.trainer.max_batches)
        module = StageModule(self.codec, self.config, name, total, self.state.step)
        batches = StageBatches(loader, total, min(done, total), repeat_first=self.config.trainer.overfit)
        if done and trainer.is_global_zero:
            print(f"continuing stage '{name}' after batch {done} of {total}", flush=True)
        trainer.fit(module, batches, ckpt_path=checkpoint, weights_only=True)
        self._finish_stage(module, trainer)

    def _trainer(self, name: str, loggers: list[Logger]) -> pl.Trainer:
        options, stage = self.config.trainer, self.config.schedule.stages[name]
        running = self.config.schedule.running
        validator = Validator(
            self.validation,
            options.validate_every,
            options.pictures,
            self.config.anchor,
            self._known_entry(name),
            options.workers,
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
        )

    def _known_entry(self, name: str) -> dict[str, float] | None:
        """Validation figures at a stage's entry, where they are those of the last one's end."""
        if not self.state.stages or self.config.schedule.stages[name].on_enter:
            return None
        last = list(self.state.stages)[-1]
        stages = [self.config.schedule.stages[n] for n in (last, name)]
        same = len({(s.loss.metric, s.loss.lmbda, motion_only(s)) for s in stages}) == 1
        return self.state.stages[last].get("after") if same else None

    def _loader(self, name: str, trainer: pl.Trainer) -> Any:
        stage, seed = self.config.schedule.stages[name], self.config.seed
        data, overfit = stage_dataset(self.config, name), self.config.trainer.overfit
        still = AugmentConfig(horizontal_flip=False, vertical_flip=False, time_reversal=False)
        clips = SampledClips(
            self.sources[name],
            frames=stage.frames,
            distance=stage.distance,
            random_distance=stage.random_distance,
            crop=stage.crop,
            augment=still if overfit else data.augment,
            seed=seed,
            corrupt_budget=getattr(data, "corrupt_budget", 0.0),
        )
        workers = 0 if overfit else self.config.trainer.workers
        clips_each = process_batch(stage, self.config.trainer, trainer.world_size)
        return make_loader(clips, clips_each, seed, workers, trainer.global_rank, trainer.world_size)

    def _validation_clips(self) -> Any:
        options = self.config.trainer
        if self.config.validation is None:
            source = self.sources[self.config.schedule.running[0]]
        else:
            source = open_source(self.config.validation)
        try:
            check_lengths(source, options.validation_frames)
        except UserError as error:
            raise UserError(f"trainer.validation_frames: {error}") from None
        few = None if self.config.validation is not None else TRAINING_CLIPS
        return WholeClips(source, options.validation_frames, clips=options.validation_clips or few)

    def _load_weights(self) -> None:
        """The weights a run begins or goes on with; a running stage's checkpoint comes over them."""
        if self.state.stages:
            last = list(self.state.stages.values())[-1]
            self.codec.load_state_dict(load_export(self.folder / last["export"]).codec.state_dict())
            return
        if self.config.init_from:
            load_parts(self.codec, self.config.init_from)
        # after it, so that a rate point that starts from its neighbour's export still gets an intra codec of its own
        load_starting_weights(self.codec, self.config.model)
        self._note_untrained_intra()

    def _note_untrained_intra(self) -> None:
        """Say so where P frames are about to be trained on the output of an intra codec that never was."""
        intra = getattr(self.config.model, "intra", None)
        stages = (self.config.schedule.stages[name] for name in self.config.schedule.running)
        started = self.config.init_from or any("intra" in s.train or s.on_enter for s in stages)
        if intra is not None and not intra.weights and not started and pl.utilities.rank_zero_only.rank == 0:
            print("note: the intra codec is untrained; model.intra.weights=EXPORT starts it from an export", flush=True)

    def _finish_stage(self, module: StageModule, trainer: pl.Trainer) -> None:
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
        self._export(self.folder / record["export"])
        self.state.save()
        trainer.strategy.barrier()
        if trainer.is_global_zero:
            checkpoints.discard(self._checkpoints(module.name))
            with replacing(self.folder / "summary.txt") as part:
                part.write_text(console.stage_table(self.state.stages) + "\n")
            print(console.stage_table({module.name: record}), flush=True)
        self.interrupt.after_stage(trainer, module.name)

    def _export(self, path: Path) -> Path:
        """Export the codec as it is now, from the first process only."""
        if pl.utilities.rank_zero_only.rank == 0:
            stages = {name: record for name, record in self.state.stages.items()}
            save_export(path, self.codec, self.config.model, self.provenance | {"stages": stages})
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
        figures |= {f"summary/{k[4:]}_{when}": record[when][k] for k in ("val/psnr", "val/bpp") if when in record}
    return figures
