"""pMCTF-L's plans: every stage moves what it says, on the level that its frames' distance belongs to."""

from dataclasses import replace
from functools import cache
from types import SimpleNamespace

import pytest
import torch

from lvc.codec import Rate, Unrolling
from lvc.config.compose import compose
from lvc.config.contract import ConfigError
from lvc.config.run import RunConfig, build_run
from lvc.datasets.clips import SampledClips
from lvc.datasets.loader import make_loader
from lvc.entropy.streams import Estimate
from lvc.training.module import StageModule
from lvc.training.stages import freeze, learnable
from tests.conftest import moving_clip, tiny_pmctf
from tests.datasets.test_clips import Counting

RELEASED = ["schedule=mctf_8stage_released", "model.structure.first_levels=[0,0,1,1]"]
PAPER = ["schedule=mctf_8stage"]
STAGES = ["mv_dist", "mv_rate", "joint", "levels", "joint_levels", "gop_4", "gop_8", "gop_16"]


@cache
def run_of(*options: str) -> RunConfig:
    """A run with clips long enough for every stage."""
    long = ["dataset=synthetic", "dataset.clip_frames=16", "schedule.all.checkpointing=false"]
    return build_run(compose("train", ["model=pmctf_l", *long, *options]))


def stage_of(run: RunConfig, name: str) -> StageModule:
    """A stage on a small codec, as entered."""
    codec = tiny_pmctf(temporal_levels=4, structure={"gop": 16, "first_levels": run.model.structure.first_levels})
    freeze(codec, run.schedule.stages[name].train, learnable(codec))
    return StageModule(codec, run, name, 1)


# other stages of the released plan train what the paper's do, or one of these
@pytest.mark.parametrize(
    ("plan", "name"), [(PAPER, name) for name in STAGES] + [(RELEASED, name) for name in ("mv_dist", "levels", "gop_4")]
)
def test_a_step_of_a_stage_reaches_the_parts_that_it_names_and_no_other(plan, name):
    module, losses = stage_of(run_of(*plan), name), []
    stage, codec = module.stage, module.codec
    module.descend = lambda _, loss, terms: losses.append(loss)
    distances = range(1, stage.distance + 1) if stage.random_distance else [stage.distance]
    clips = torch.cat([moving_clip(stage.frames, 64, 64, seed) for seed in distances])
    module.train_batch({"clip": (clips * 255).byte(), "distance": list(distances)}, None)
    losses[0].backward()
    reached = {
        part
        for part, modules in codec.parts.items()
        if any(p.grad is not None and p.grad.abs().sum() > 0 for m in modules for p in m.parameters())
    }
    assert reached == set(stage.train)


def test_the_short_plan_differs_in_lengths_and_rates_of_learning_alone():
    paper, short = run_of(*PAPER).schedule, run_of("schedule=mctf_short").schedule
    assert short.order == paper.order == tuple(STAGES)
    for name in STAGES:
        shown = {f: getattr(short.stages[name], f) for f in ("epochs", "steps", "lr", "batch_size", "crop")}
        assert replace(paper.stages[name], **shown) == short.stages[name]


def test_the_papers_plan_is_its_table_1():
    stages = run_of(*PAPER).schedule.stages
    assert [(s.frames, s.distance, s.lr, s.epochs) for s in stages.values()] == [
        (2, 1, 1e-4, 1),
        (2, 1, 1e-4, 3),
        (2, 1, 1e-5, 5),
        (2, 4, 5e-5, 2),
        (2, 4, 1e-5, 5),
        (4, 2, 1e-5, 3),
        (8, 1, 1e-5, 5),
        (16, 1, 1e-5, 5),
    ]
    assert all(s.random_distance == (s.distance > 1) for s in stages.values())
    assert all("flow" not in s.train for s in stages.values())
    copied = {name: {a.target: a.source for a in stages[name].on_enter.values()} for name in STAGES}
    assert copied.pop("levels") == {f"{part}{j}": f"{part}0" for part in ("motion", "temporal") for j in (1, 2)}
    assert copied.pop("gop_16") == {f"{part}3": f"{part}2" for part in ("motion", "temporal", "scale")}
    assert not any(copied.values())


@pytest.mark.parametrize("workers", [0, 2])
def test_a_clip_is_coded_from_the_level_of_its_own_distance_at_a_quality_of_its_own(workers):
    module, seen = stage_of(run_of(*PAPER), "levels"), []

    def unroll(codec, clip, rate, stream, how):
        apart = (clip[:, 1, 0, 0, 0] - clip[:, 0, 0, 0, 0]).mul(255).round().abs().int().tolist()
        seen.extend((gap, how.distance, q) for gap, q in zip(apart, rate.q.tolist(), strict=True))
        yield from structure.unroll(codec, clip, rate, stream, replace(how, motion_only=True))

    structure = module.codec.structure
    module.codec.structure = SimpleNamespace(by_distance=True, unroll=unroll)
    module.descend = lambda *_: None
    dataset = SampledClips(Counting((20,) * 24, (64, 64)), frames=2, distance=4, random_distance=True, crop=64)
    for batch in make_loader(dataset, batch_size=8, seed=0, workers=workers):
        module.train_batch(batch, None)
    assert len(seen) == 24 and {gap for gap, *_ in seen} == {1, 2, 3, 4}
    assert all(gap == distance for gap, distance, _ in seen)
    assert len({q for *_, q in seen[:8]}) > 1
    assert [structure.first_level(distance) for distance in (1, 2, 3, 4)] == [0, 1, 1, 2]


def test_what_filters_leave_is_the_moved_frames_error_where_they_do_nothing():
    codec, clip = tiny_pmctf(temporal_scale="orthonormal"), moving_clip(2, 64, 64)
    for lifting in codec.temporal:
        torch.nn.init.zeros_(lifting.predict_filter.last.weight)
        torch.nn.init.zeros_(lifting.predict_filter.last.bias)
    stream = Estimate(training=True, quantization="straight_through")
    low, high = codec.structure.unroll(codec, clip, Rate(), stream, Unrolling(motion_only=True))
    moved = (high.prediction - clip[:, 1]).square().mean()  # luma alone differs
    assert high.distortions["filtered_prediction"].item() == pytest.approx(moved.item(), rel=1e-3)
    assert not low.distortions


def test_levels_of_distances_are_checked_against_the_levels_that_there_are():
    with pytest.raises(
        ConfigError, match=r"gop_4\.distance: 4 frames 8 apart need 5 temporal levels, and pmctf_l has 4"
    ):
        run_of(*PAPER, "dataset.clip_frames=25", "schedule.stages.gop_4.distance=8")
    with pytest.raises(ConfigError, match=r"model\.structure\.first_levels: levels are counted from 0, got \[-1\]"):
        run_of(*PAPER, "model.structure.first_levels=[-1]")
    released = stage_of(run_of(*RELEASED), "levels").codec.structure
    assert [released.first_level(distance) for distance in (1, 2, 3, 4, 8)] == [0, 0, 1, 1, 3]
