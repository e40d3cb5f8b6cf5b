"""Overrides reach what they name; what cannot be is refused in one line that names the option."""

import pytest

from lvc.config.compose import compose
from lvc.config.contract import ConfigError
from lvc.config.run import RunConfig, build_run, stage_dataset


def run_of(*overrides: str) -> RunConfig:
    return build_run(compose("train", overrides))


MISTAKES = {
    "schedule.stages.joint.train=[flow,colour]": (
        "schedule.stages.joint.train: dcvc_tcm has no part 'colour'; choices are: flow, motion, context, frame, intra"
    ),
    "schedule.stages.joint.frames=8": (
        "schedule.stages.joint.frames: 8 frames need clips of 8 frames, and synthetic has clips of 7"
    ),
    "schedule.stages.cascade.distance=2": (
        "schedule.stages.cascade.frames: 5 frames 2 apart need clips of 9 frames, and synthetic has clips of 7"
    ),
    "schedule.stages.joint.crop=200": (
        "schedule.stages.joint.crop: 200 is no multiple of dcvc_tcm's stride 64; near ones are: 192, 256"
    ),
    "schedule.stages.joint.crop=320": (
        "schedule.stages.joint.crop: 320 is more than synthetic's frames of 448x256 have"
    ),
    "schedule.stages.joint.frames=1": (
        "schedule.stages.joint.frames: 1 frame is an intra frame, "
        "which trains none of flow, motion, context, frame; 2 or more would"
    ),
    "schedule.stages.joint.epoch=2": "schedule.stages.joint.epoch: unknown option; did you mean 'epochs'? choices are:",
    "+schedule.stages.joint.epoch=2": "schedule.stages.joint.epoch: unknown option; did you mean 'epochs'?",
    "schedule.stages.jiont.epochs=2": "schedule.stages.jiont: unknown option; did you mean 'joint'?",
    "schedule.stages.joint.epochs=two": "schedule.stages.joint.epochs: input should be a valid integer",
    "schedule.stages.joint.epochs=null": "schedule.stages.joint.epochs: a stage needs a length: epochs or steps",
    "schedule.stages.joint.train=flow": "schedule.stages.joint.train: input should be a valid list",
    "schedule.stages.joint.precision=bf16": "schedule.stages.joint.precision: 'bf16' is not one of '32-true'",
    "schedule.stages.joint.loss.rate.colour=1": "schedule.stages.joint.loss.rate.colour: unknown option; choices",
    "+schedule.stages.joint.loss.rate.colour=1": "schedule.stages.joint.loss.rate.colour: dcvc_tcm has no such stream",
    "schedule.stages.joint.loss.distortion.colour=1": "schedule.stages.joint.loss.distortion.colour: unknown option",
    "+schedule.stages.joint.on_enter.a={do: copy, source: flow, target: colour}": (
        "schedule.stages.joint.on_enter.a: dcvc_tcm has no part 'colour'"
    ),
    "+schedule.stages.joint.dataset.clip_frames=4 schedule.stages.joint.frames=5": (
        "schedule.stages.joint.frames: 5 frames need clips of 5 frames, and synthetic has clips of 4"
    ),
    "+schedule.stages.joint.dataset.clip=4": "schedule.stages.joint.dataset.clip: unknown option; did you mean",
    "schedule.all.batch_size=0": "schedule.all.batch_size: input should be greater than or equal to 1, got 0",
    "schedule.all.crop=100": "schedule.all.crop: 100 is no multiple",
    "schedule.all.batchsize=1": "schedule.all.batchsize: unknown option; did you mean 'batch_size'?",
    "+schedule.all.batchsize=1": "schedule.all.batchsize: unknown option",
    "schedule.start_at=joints": "schedule.start_at: 'joints' is not in order; choices are: mv_dist,",
    "schedule.start_at=joint schedule.stop_after=mv_dist": "schedule.stop_after: 'mv_dist' comes before start_at",
    "schedule.order=[joint,joints]": "schedule.order: 'joints' is not a stage; choices are:",
    "schedule=null": "schedule: 'null' is not one of ",
    "loss.lmbda=-1": "loss.lmbda: input should be greater than 0, got -1",
    "loss.lmbda=high": "loss.lmbda: input should be a valid number",
    "model=dcvc_tmc": "model: 'dcvc_tmc' is not one of ",
    "size=huge": "size: 'huge' is not one of full, tiny",
    "experiment=dcvc": "experiment: 'dcvc' is not one of ",
    "modle=dcvc_tcm": "modle: unknown option; did you mean 'model'? choices are: anchor,",
    "model.contexts=4": "model.contexts: 4 contexts need as many levels, and levels is 3",
    "model.channels=30": "model.channels: input should be a multiple of 4, got 30",
    "dataset.name=video": "dataset.name: 'video' is not one of 'clips16', 'folder', 'mixture', 'synthetic', 'vimeo90k'",
    "model=intra_cheng2020 schedule=tcm_short": "schedule.stages.mv_rate.train: intra_cheng2020 has no part 'flow'",
    "model=intra_cheng2020 schedule.stages.intra.loss.distortion.prediction=1": (
        "schedule.stages.intra.loss.distortion.prediction: intra_cheng2020 has no such distortion; choices are: frame"
    ),
    "schedule.stages.rec_dist.loss.distortion.frame=0": (
        "schedule.stages.rec_dist.loss: has no term that weighs anything"
    ),
    "schedule=tcm_short loss=ms_ssim": "schedule.stages.rec_rate.crop: 64 is too small for MS-SSIM",
    "anchor=recorded": "anchor.bpp: is required and has no value",
    "anchor=recorded anchor.bpp=[0.1,0.2] anchor.psnr=[30]": "anchor.psnr: has 1 values for 2 of bpp",
    "dataset.path=a dataset=folder clip": "cannot read 'clip': options are key=value",
}


@pytest.mark.parametrize("overrides", MISTAKES)
def test_mistakes_are_named_in_one_line(overrides):
    parts = [overrides] if "{" in overrides else overrides.split()
    with pytest.raises(ConfigError) as error:
        run_of(*parts)
    assert str(error.value).startswith(MISTAKES[overrides])
    assert "\n" not in str(error.value)


def test_a_model_without_a_classical_start_says_so():
    start = "+schedule.stages.pair.on_enter.start={do: statistics}"
    with pytest.raises(ConfigError) as error:
        run_of("model=mastc_vc", "schedule=mastc_short", start)
    said = "schedule.stages.pair.on_enter.start.do: mastc_vc has no classical start; leave `statistics` out"
    assert str(error.value) == said


def test_only_quick_plans_start_from_classical_parts():
    def starts(*overrides):
        return [a.do for stage in run_of(*overrides).schedule.stages.values() for a in stage.on_enter.values()]

    assert starts("schedule=tcm_short") == starts("model=intra_cheng2020", "schedule=intra_short") == ["statistics"]
    assert starts("schedule=tcm_progressive") == starts("model=intra_cheng2020") == []


@pytest.mark.parametrize(("lmbda", "quality"), [(32, 0.0), (16, 0.0), (443.405, 31.5), (6144, 63.0), (1e5, 63.0)])
def test_an_intra_codec_of_many_rates_gets_the_quality_of_the_runs_lambda(lmbda, quality):
    found = run_of("model/intra=light", f"loss.lmbda={lmbda}").model.intra.quality
    assert found == pytest.approx(quality, abs=0.01)
    assert run_of("model/intra=light", "model.intra.quality=12").model.intra.quality == 12
    assert run_of("model=light").model.intra.quality is None, "its frames have the qualities of the P frames"


@pytest.mark.parametrize("model", ["dcvc_tcm", "ssnvc", "mastc_vc", "b_canf", "maskcrt_b"])
def test_quick_systems_have_trained_intra_frames_and_trained_flow_and_the_papers_do_not(model):
    tiny, full = run_of(f"model={model}", "size=tiny").model, run_of(f"model={model}").model
    assert tiny.intra.pretrained and tiny.intra.transform == type(tiny.intra)(name="intra_light").transform
    assert full.intra.name in ("intra_cheng2020", "intra_window_attention")
    for config, trained in ((tiny, True), (full, False)):
        assert getattr(config, "flow", None) is None or config.flow.pretrained is trained
    assert run_of(f"model={model}", "size=tiny", "model/intra=cheng2020").model.intra.channels == 32


def test_flow_of_other_widths_than_the_packages_starts_afresh():
    assert not run_of("size=tiny", "model.flow.widths=[4,4,4,4]").model.flow.pretrained
    assert not run_of("size=tiny", "model.flow.name=pwc").model.flow.pretrained


def test_the_whole_command_line_of_a_run():
    run = run_of(
        "model=dcvc_tcm",
        "dataset=vimeo90k",
        "schedule=tcm_progressive",
        "loss.lmbda=1024",
        "schedule.stages.joint.epochs=2",
        "schedule.start_at=joint",
    )
    assert run.schedule.running[0] == "joint"
    assert run.schedule.stages["joint"].epochs == 2
    assert run.name == "dcvc_tcm-full-mse-1024"
    assert run.dir == f"runs/{run.name}"


@pytest.mark.parametrize(
    ("override", "field", "value"),
    [
        ("precision=bf16-mixed", "precision", "bf16-mixed"),
        ("steps=10", "steps", 10),
        ("lr_milestones=[0.5,0.9]", "lr_milestones", (0.5, 0.9)),
        ("train=[frame]", "train", ("frame",)),
        ("crop=null", "crop", None),
        ("grad_clip_by=value", "grad_clip_by", "value"),
        ("checkpointing=true", "checkpointing", True),
    ],
)
def test_any_field_of_a_stage(override, field, value):
    stages = run_of(f"schedule.stages.joint.{override}").schedule.stages
    assert getattr(stages["joint"], field) == value
    assert getattr(stages["cascade"], field) != value


def test_one_override_reaches_every_stage():
    stages = run_of("schedule.all.batch_size=1", "schedule.all.loss.metric=mse").schedule.stages.values()
    assert {stage.batch_size for stage in stages} == {1}
    assert {stage.loss.metric for stage in stages} == {"mse"}
    assert len({tuple(stage.loss.rate) for stage in stages}) > 1, "other loss terms stay the stage's own"


def test_a_length_for_all_stages_replaces_either_kind_of_length():
    stages = run_of("schedule=tcm_short", "schedule.all.epochs=2").schedule.stages.values()
    assert {(stage.epochs, stage.steps) for stage in stages} == {(2, None)}


def test_stages_can_be_dropped_reordered_and_added():
    more = ["+stage@schedule.stages.more=tcm_joint", "schedule.stages.more.epochs=1", "schedule.all.lr=3e-5"]
    run = run_of("schedule.order=[joint,more,mv_dist]", *more)
    assert run.schedule.running == ("joint", "more", "mv_dist")
    assert run.schedule.stages["more"].train == ("flow", "motion", "context", "frame")
    assert run.schedule.stages["more"].lr == 3e-5
    assert "cascade" not in run_of("~schedule.stages.cascade", "schedule.order=[joint]").schedule.stages


def test_stages_that_do_not_run_are_not_checked_against_the_data():
    run = run_of("dataset.clip_frames=2", "schedule.stop_after=joint")
    assert run.schedule.running[-1] == "joint"


def test_a_stage_has_its_own_clips():
    run = run_of("+schedule.stages.joint.dataset.augment.time_reversal=false")
    own = stage_dataset(run, "joint")
    assert (own.augment.time_reversal, own.augment.vertical_flip, own.clips) == (False, True, run.dataset.clips)
    assert stage_dataset(run, "cascade") is run.dataset


def test_numbers_serve_as_names():
    assert run_of("name=2024").name == "2024"


def test_composed_runs_are_plain_and_stay_so(tmp_path):
    import json

    composed = compose("train", ["model=dcvc_tcm"])
    assert json.loads(json.dumps(composed)) == composed
    assert build_run(composed) == build_run(composed)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ["model=pwave", "loss.lmbda_max=null"],
            r"^loss\.lmbda_max: pwave has 21 qualities; say lambda at the highest",
        ),
        (["+loss.lmbda_max=2000"], r"^loss\.lmbda_max: dcvc_tcm has a single rate"),
        (
            ["model=pwave", "model.qualities=1"],
            r"^loss\.lmbda_max: pwave has a single rate, that of loss\.lmbda; use null",
        ),
        (["model=pwave", "loss.lmbda_max=100"], r"^loss\.lmbda_max: 100 is below lmbda 195.075"),
    ],
)
def test_a_range_of_lambdas_belongs_to_a_variable_rate(overrides, message):
    with pytest.raises(ConfigError, match=message):
        build_run(compose("train", overrides))
