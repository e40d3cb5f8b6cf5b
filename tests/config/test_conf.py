"""Every config file, and every combination of group choices that makes sense, composes to a run that can start."""

import itertools
from dataclasses import fields

import pytest

from lvc.config.compose import compose
from lvc.config.data import FolderConfig, SyntheticConfig, Vimeo90kConfig
from lvc.config.groups import choices, conf_dir, offered
from lvc.config.run import LoggerConfig, RunConfig, TrainerConfig, build_run
from lvc.config.schedule import StageConfig

SCHEDULES = {
    "dcvc_tcm": ["tcm_progressive", "tcm_short", "single_stage"],
    "intra_cheng2020": ["intra", "intra_short"],
    "spynet": ["flow_pretrain", "flow_pretrain_cpu"],
}
LOSSES = {"dcvc_tcm": ["mse", "ms_ssim"], "intra_cheng2020": ["intra_mse", "intra_ms_ssim"], "spynet": ["mse"]}
DATASETS = ["folder", "vimeo90k", "synthetic"]


def run_of(*overrides: str) -> RunConfig:
    return build_run(compose("train", overrides))


def combinations():
    for model in choices("model"):
        yield from itertools.product([model], choices("size"), SCHEDULES[model], LOSSES[model], DATASETS)


@pytest.mark.parametrize(("model", "size", "schedule", "loss", "dataset"), list(combinations()))
def test_combinations_of_choices(model, size, schedule, loss, dataset):
    crop = ["schedule.all.crop=192"] if "short" in schedule and "ssim" in loss else []
    choice = [f"model={model}", f"size={size}", f"schedule={schedule}", f"loss={loss}", f"dataset={dataset}"]
    run = run_of(*choice, *crop)
    assert (run.model.name, run.model.size, run.size) == (model, size, size)
    assert (run.schedule.name, run.dataset.name) == (schedule, dataset)
    assert run.loss.lmbda in run.loss.choices
    assert run.name == f"{model}-{size}-{run.loss.metric}-{run.loss.lmbda:g}"


@pytest.mark.parametrize("experiment", choices("experiment"))
@pytest.mark.parametrize("size", ["full", "tiny"])
def test_experiments(experiment, size):
    run = run_of(f"experiment={experiment}", f"size={size}")
    assert run.dataset.name == run.validation.name == "vimeo90k"
    assert (run.dataset.split, run.validation.split) == ("train", "test")
    assert run.model.size == size


@pytest.mark.parametrize("group", ["validation", "optimizer", "trainer", "logger", "debug", "sweep"])
def test_other_groups(group):
    for choice in choices(group):
        run_of(f"{group}={choice}")


def test_every_group_is_offered():
    folders = {path.name for path in conf_dir().iterdir() if path.is_dir()}
    inner = {"stage", "variant"}
    mine = {group.name for group in offered("train")}
    assert mine <= folders
    assert inner.isdisjoint(mine)


@pytest.mark.parametrize("model", ["dcvc_tcm", "intra_cheng2020"])
def test_a_model_brings_its_schedule_and_its_loss(model):
    run = run_of(f"model={model}")
    assert run.schedule.name == SCHEDULES[model][0]
    assert run.loss.lmbda == {"dcvc_tcm": 1024, "intra_cheng2020": 1626}[model]


def test_tiny_is_the_same_model_with_fewer_channels():
    full, tiny = run_of().model, run_of("size=tiny").model
    assert tiny.channels < full.channels
    assert tiny.intra.channels < full.intra.channels
    assert (tiny.levels, tiny.contexts) == (full.levels, full.contexts)


def test_every_field_of_the_contract_can_be_overridden_without_a_plus():
    composed = compose("train")
    stage = composed["schedule"]["stages"]["joint"]
    assert list(stage) == list(composed["schedule"]["all"]) == [f.name for f in fields(StageConfig)]
    for key, contract in {"trainer": TrainerConfig, "logger": LoggerConfig}.items():
        assert set(composed[key]) == {f.name for f in fields(contract)}
    for contract, name in [(FolderConfig, "folder"), (Vimeo90kConfig, "vimeo90k"), (SyntheticConfig, "synthetic")]:
        data = compose("train", [f"dataset={name}", f"validation={name}"])
        assert set(data["dataset"]) == set(data["validation"]) == {f.name for f in fields(contract)}
    for model in choices("model"):
        data = compose("train", [f"model={model}"])
        assert set(data["model"]) == {f.name for f in fields(build_run(data).model)}
    assert set(composed) | {"validation"} == {f.name for f in fields(RunConfig)}


def test_yaml_and_contract_have_the_same_defaults():
    run = run_of("dataset=folder")
    assert run.trainer == TrainerConfig()
    assert run.logger == LoggerConfig()
    assert run.dataset == FolderConfig(name="folder", path=run.dataset.path)
    assert run_of("model=dcvc_tcm").model == type(run.model)(name="dcvc_tcm")
    base = compose("train", ["+stage@schedule.stages.more=base"])["schedule"]["stages"]["more"]
    said = {"train", "epochs", "loss"}
    assert StageConfig(train=("flow",), epochs=1, loss={}) == StageConfig(
        train=("flow",), epochs=1, loss={}, **{k: v for k, v in base.items() if k not in said}
    )


def test_progressive_schedule_is_the_papers():
    schedule = run_of("model=dcvc_tcm", "schedule=tcm_progressive").schedule
    rows = {n: (s.epochs, s.frames, s.lr, s.references, s.update) for n, s in schedule.stages.items()}
    assert rows == {
        "mv_dist": (1, 2, 1e-4, "detached", "clip"),
        "mv_rate": (3, 2, 1e-4, "detached", "clip"),
        "rec_dist": (3, 2, 1e-4, "detached", "clip"),
        "rec_rate": (3, 2, 1e-4, "detached", "clip"),
        "joint": (6, 2, 1e-4, "detached", "clip"),
        "joint_3": (5, 3, 1e-4, "detached", "frame"),
        "joint_5": (3, 5, 1e-4, "detached", "frame"),
        "joint_5_low": (1, 5, 1e-5, "detached", "frame"),
        "cascade": (2, 5, 5e-5, "attached", "clip"),
        "cascade_low": (3, 5, 1e-5, "attached", "clip"),
        "msssim": (5, 5, 1e-5, "attached", "clip"),
    }
    assert schedule.order == tuple(name for name in rows if name != "msssim")
    assert sum(schedule.stages[name].epochs for name in schedule.order) == 30
    assert {(s.batch_size, s.crop, s.grad_clip, s.grad_clip_by) for s in schedule.stages.values()} == {
        (4, 256, 1.0, "norm")
    }


def test_progressive_schedule_trains_and_weighs_what_the_paper_does():
    stages = run_of("model=dcvc_tcm").schedule.stages
    motion, frame = {"motion": 1, "motion_hyper": 1}, {"frame": 1, "frame_hyper": 1}
    assert [(s.train, s.loss.distortion, s.loss.rate) for s in list(stages.values())[:5]] == [
        (("flow", "motion"), {"prediction": 1}, {}),
        (("flow", "motion"), {"prediction": 1}, motion),
        (("context", "frame"), {"frame": 1}, {}),
        (("context", "frame"), {"frame": 1}, frame),
        (("flow", "motion", "context", "frame"), {"frame": 1}, motion | frame),
    ]
    assert all(s.train == stages["joint"].train for s in list(stages.values())[5:])
    assert all((s.loss.distortion, s.loss.rate) == ({"frame": 1}, motion | frame) for s in list(stages.values())[5:])


@pytest.mark.parametrize(("mse", "ssim"), [(128, 4), (256, 8), (512, 16), (1024, 32), (2048, 64), (4096, 128)])
def test_lambdas_of_the_two_metrics_pair(mse, ssim):
    assert run_of(f"loss.lmbda={mse}").schedule.stages["msssim"].loss.lmbda == ssim
    run = run_of("experiment=dcvc_tcm_msssim_wide_range", f"loss.lmbda={ssim}")
    assert run.init_from == f"runs/dcvc_tcm-full-mse-{mse}/codec.safetensors"
    assert run.schedule.running == ("msssim",)


@pytest.mark.parametrize(("p", "intra"), [(128, 436), (256, 436), (512, 845), (1024, 1626), (2048, 3141), (4096, 3141)])
def test_a_rate_point_codes_its_intra_frames_with_the_codec_that_pairs(p, intra):
    weights = run_of("experiment=dcvc_tcm_wide_range", f"loss.lmbda={p}").model.intra.weights
    made_by = run_of("experiment=intra_cheng2020_psnr", f"loss.lmbda={intra}")
    assert weights == f"{made_by.dir}/codec.safetensors"


def test_ablations_differ_from_the_whole_model_in_one_row_each():
    rows = {
        "no_feature_propagation": {"propagate_feature": False},
        "no_refilling": {"contexts": 1},
        "no_mining": {"contexts": 1, "levels": 1},
        "4l4c": {"contexts": 4, "levels": 4},
        "2l1c": {"contexts": 1, "levels": 2},
        "propagated_9": {"propagated_channels": 9},
    }
    whole = run_of("experiment=dcvc_tcm_psnr").model
    for name, changes in rows.items():
        model = run_of(f"experiment=ablation/{name}").model
        assert {f.name for f in fields(model) if getattr(model, f.name) != getattr(whole, f.name)} == set(changes)
        assert {key: getattr(model, key) for key in changes} == changes
    assert not run_of("experiment=ablation/no_contexts_in_entropy").model.contexts_in.entropy
    assert run_of("experiment=ablation/1l1c_cr").model.extra_blocks.refinement > 0


def test_paths_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("LVC_DATA", "/clips")
    monkeypatch.setenv("LVC_VIMEO90K", "/vimeo")
    monkeypatch.setenv("LVC_RUNS", "/kept")
    monkeypatch.setenv("WANDB_MODE", "online")
    run = run_of("dataset=folder", "validation=folder", "logger=wandb")
    assert (run.dataset.path, run.validation.path) == ("/clips/train", "/clips/val")
    assert run.dir == f"/kept/{run.name}"
    assert run.logger.mode == "online"
    assert run_of("dataset=vimeo90k").dataset.path == "/vimeo"


def test_gpu_trainer_sets_the_precision_of_every_stage():
    stages = run_of("trainer=gpu").schedule.stages.values()
    assert {stage.precision for stage in stages} == {"bf16-mixed"}
