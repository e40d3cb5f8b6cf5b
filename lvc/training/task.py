"""What is trained, as a run sees it: a codec, a flow network by itself, or a classifier of motion's resolution."""

from functools import partial
from typing import Any

from pytorch_lightning.utilities import rank_zero_only
from torch.utils.data import Dataset

from lvc.codec import VideoCodec
from lvc.config.contract import ConfigError
from lvc.config.data import AugmentConfig
from lvc.config.run import RunConfig, stage_dataset
from lvc.datasets.clips import SampledClips, WholeClips, fixed_subset
from lvc.datasets.flow_pairs import FlowPairs, held_out
from lvc.datasets.rendered import render_ahead
from lvc.datasets.sources import Need, check_clips, open_source
from lvc.datasets.synthetic import SyntheticClips
from lvc.errors import UserError
from lvc.models.resolution_classifier import ResolutionClassifier
from lvc.models.spynet import FlowNetwork
from lvc.training.flow.module import FlowModule
from lvc.training.flow.validation import FlowMaterial, FlowValidator
from lvc.training.module import StageModule
from lvc.training.resolution.costs import FactorCosts
from lvc.training.resolution.module import ResolutionModule
from lvc.training.resolution.validation import ResolutionValidator
from lvc.training.validation import Validator

TRAINING_CLIPS = 8
"""Training clips that validation takes where no validation set is given."""
HELD_OUT = 16
"""Scenes that a flow network is validated on where the validation set is not one of scenes."""


class CodecTask:
    """Training a codec on clips.

    Args:
        run: The whole run.
    """

    module = StageModule
    validator = Validator

    def __init__(self, run: RunConfig):
        self.run = run

    def compile(self, codec: VideoCodec) -> None:
        """Compile what a training step runs."""
        codec.structure.compile(codec)

    def samples(self, name: str, source: Any) -> Dataset:
        """Training samples of a stage."""
        if rank_zero_only.rank == 0:
            render_ahead(source)
        stage, data, still = self.run.schedule.stages[name], stage_dataset(self.run, name), self.run.trainer.overfit
        return SampledClips(
            source,
            frames=stage.frames,
            distance=stage.distance,
            random_distance=stage.random_distance,
            crop=stage.crop,
            augment=_STILL if still else data.augment,
            seed=self.run.seed,
            corrupt_budget=getattr(data, "corrupt_budget", 0.0),
            batched=stage.batch_size > 1,
        )

    def material(self, source: Any) -> Dataset:
        """What validation measures; ``source`` stands in where the run has no validation set."""
        return self._clips(source, self.run.trainer.validation_clips)

    def whole(self, material: Any) -> Dataset | None:
        """All that the run could validate on, where it is more than ``material``."""
        if self.run.validation is None or not self.run.trainer.final_validation:
            return None
        whole = self._clips(None, None)
        return whole if len(whole) > len(material) else None

    def _clips(self, source: Any, count: int | None) -> WholeClips:
        options = self.run.trainer
        if self.run.validation is not None:
            source = open_source(self.run.validation)
            clips = fixed_subset(source, count)
        else:
            clips = range(min(count or TRAINING_CLIPS, TRAINING_CLIPS, len(source)))
        try:
            check_clips(source, Need(options.validation_frames))
        except UserError as error:
            raise UserError(f"trainer.validation_frames: {error}") from None
        return WholeClips(source, options.validation_frames, clips=clips)


class FlowTask(CodecTask):
    """Training a flow network on pairs of frames, with true flow where a stage asks for it."""

    module = FlowModule
    validator = FlowValidator

    def compile(self, codec: FlowNetwork) -> None:
        """See :meth:`CodecTask.compile`: levels are alike, and each is compiled by itself."""
        for level in codec.flow.levels:
            level.compile()

    def samples(self, name: str, source: Any) -> Dataset:
        """See :meth:`CodecTask.samples`."""
        stage, still = self.run.schedule.stages[name], self.run.trainer.overfit
        if not stage.flow.epe:
            return super().samples(name, source)
        augment = _STILL if still else stage_dataset(self.run, name).augment
        return FlowPairs(source, stage.distance, stage.random_distance, stage.crop, augment, self.run.seed)

    def material(self, source: Any) -> Dataset:
        """See :meth:`CodecTask.material`: held-out scenes always, and clips where the run has some to validate on."""
        count = self.run.trainer.validation_clips
        scenes = held_out(min(count or HELD_OUT, HELD_OUT))
        if self.run.validation is None:
            return FlowMaterial(scenes)
        clips = self._clips(source, count)
        if isinstance(clips.source, SyntheticClips):
            return FlowMaterial(clips.source)
        return FlowMaterial(scenes, clips)

    def whole(self, material: FlowMaterial) -> Dataset | None:
        """See :meth:`CodecTask.whole`: the same scenes, and all clips."""
        clips = None if material.clips is None else super().whole(material.clips)
        return None if clips is None else FlowMaterial(material.scenes, clips)


class ClassifierTask(CodecTask):
    """Training a classifier of motion's resolution on what a codec's frames cost."""

    validator = ResolutionValidator

    def __init__(self, run: RunConfig):
        super().__init__(run)
        if run.trainer.validation_frames and run.trainer.validation_frames < 3:
            raise ConfigError("trainer.validation_frames", "a frame stands between 2 references: 3 or more, or null")
        self.module = partial(ResolutionModule, costs=FactorCosts(run.model))

    def samples(self, name: str, source: Any) -> Dataset:
        """See :meth:`CodecTask.samples`."""
        samples, views = super().samples(name, source), self.run.model.views
        return samples if views is None else _Views(samples, views)

    def compile(self, codec: ResolutionClassifier) -> None:
        """See :meth:`CodecTask.compile`."""
        codec.compile()


class _Views(Dataset):
    """Samples that come again after so many epochs, with ``view`` and ``draw``, by which they are known."""

    def __init__(self, samples: Dataset, views: int):
        self.samples, self.views, self.corrupt_budget = samples, views, samples.corrupt_budget

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, key: tuple[int, int]) -> dict:
        view, draw = key[0] % self.views, key[1]
        return self.samples[view, draw] | {"view": view, "draw": draw}


_STILL = AugmentConfig(horizontal_flip=False, vertical_flip=False, time_reversal=False)


TASKS = {"codec": CodecTask, "flow": FlowTask, "classifier": ClassifierTask}
"""How a network is trained, by its spec's task."""
