"""Every config file, and every combination of group choices that makes sense, composes to a run that can start."""

import itertools
from dataclasses import fields, replace
from functools import cache

import pytest

from lvc.config.compose import compose
from lvc.config.contract import ConfigError, build
from lvc.config.data import Clips16Config, FolderConfig, SyntheticConfig, Vimeo90kConfig
from lvc.config.groups import choices, conf_dir, offered
from lvc.config.intra import INTRA_CODECS
from lvc.config.model import MODELS, ModelConfig
from lvc.config.run import LoggerConfig, RunConfig, TrainerConfig, build_run, stage_dataset
from lvc.config.schedule import StageConfig

INTRA = sorted(INTRA_CODECS)
SCHEDULES = {
    "b_canf": ["b_canf_progressive", "b_canf_short"],
    "dcvc_tcm": ["tcm_progressive", "tcm_short", "single_stage"],
    "maskcrt_b": ["maskcrt_progressive", "maskcrt_short"],
    "ssnvc": ["single_stage", "ssnvc_short"],
    "mastc_vc": ["mastc_2stage", "mastc_short"],
    "pwave": ["pwave", "pwave_short"],
    "spynet": ["flow_pretrain", "flow_pretrain_cpu"],
    "pmctf_l": ["mctf_8stage", "mctf_8stage_released", "mctf_short"],
    "light": ["light", "light_cpu", "light_short"],
    **{name: ["intra", "intra_short"] for name in INTRA},
    "intra_light": ["light_intra", "light_intra_cpu"],
}
LOSSES = {
    "b_canf": ["mse", "b_canf_ms_ssim"],
    "dcvc_tcm": ["mse", "ms_ssim"],
    "maskcrt_b": ["maskcrt", "maskcrt_ms_ssim"],
    "ssnvc": ["ssnvc_mse", "ssnvc_ms_ssim"],
    "mastc_vc": ["mse", "ms_ssim"],
    "pwave": ["pwave"],
    "spynet": ["mse"],
    "pmctf_l": ["pmctf_l"],
    "light": ["light"],
    **{name: ["intra_mse", "intra_ms_ssim"] for name in INTRA},
    "intra_light": ["light"],
}
DATASETS = ["folder", "vimeo90k", "synthetic"]
# its last stages train on 16 frames
LONG = {"synthetic": ["dataset.clip_frames=16"], "vimeo90k": ["schedule.stop_after=gop_4"], "folder": []}


@cache
def run_of(*overrides: str) -> RunConfig:
    return build_run(compose("train", overrides))


def run_with(model: str) -> RunConfig:
    """A run of a model with its own schedule and loss."""
    return run_of(f"model={model}", *(LONG["synthetic"] if model == "pmctf_l" else []))


def combinations():
    for model in list(SCHEDULES):
        groups = [SCHEDULES[model], LOSSES[model], DATASETS]
        if model in INTRA and model != "intra_cheng2020":  # they differ in the model alone
            groups = [group[:1] for group in groups]
        yield from itertools.product([model], choices("size"), *groups)


@pytest.mark.parametrize(("model", "size", "schedule", "loss", "dataset"), list(combinations()))
def test_combinations_of_choices(model, size, schedule, loss, dataset):
    crop = (
        [f"schedule.all.crop={256 if model == 'maskcrt_b' else 192}"] if "short" in schedule and "ssim" in loss else []
    )
    choice = [f"model={model}", f"size={size}", f"schedule={schedule}", f"loss={loss}", f"dataset={dataset}"]
    run = run_of(*choice, *crop, *(LONG[dataset] if model == "pmctf_l" else []))
    assert (run.model.name, run.model.size, run.size) == (model, size, size)
    assert (run.schedule.name, run.dataset.name) == (schedule, dataset)
    assert run.loss.lmbda in run.loss.choices
    rate = "" if run.model.spec.task != "codec" else f"-{run.loss.metric}-{run.loss.lmbda:g}"
    assert run.name == f"{model}-{size}{rate}"


@pytest.mark.parametrize(
    ("experiment", "size"),
    [(e, size) for e in choices("experiment") for size in ("full", "tiny") if size == "full" or "ablation/" not in e],
)
def test_experiments(experiment, size):
    run = run_of(f"experiment={experiment}", f"size={size}")
    assert run.dataset.name == run.validation.name == "vimeo90k"
    assert (run.dataset.split, run.validation.split) == ("train", "test")
    assert run.model.size == size


@pytest.mark.parametrize("group", ["validation", "optimizer", "trainer", "logger", "callbacks", "debug", "sweep"])
def test_other_groups(group):
    for choice in choices(group):
        run_of(f"{group}={choice}")


def test_every_group_is_offered():
    folders = {path.name for path in conf_dir().iterdir() if path.is_dir()}
    inner = {"stage", "variant"}
    mine = {group.name for group in offered("train")}
    assert mine <= folders
    assert inner.isdisjoint(mine)


@pytest.mark.parametrize("model", list(SCHEDULES))
def test_a_model_brings_its_schedule_and_its_loss(model):
    run = run_with(model)
    assert run.schedule.name == SCHEDULES[model][0]
    lmbdas = {"pwave": 195.075, "pmctf_l": 195.075, "maskcrt_b": 845.3, "light": 32, **dict.fromkeys(INTRA, 1626)}
    lmbdas["intra_light"] = 32
    assert run.loss.lmbda == lmbdas.get(model, 1024)


@pytest.mark.parametrize("model", [m for m in SCHEDULES if m not in (*INTRA, "pmctf_l", "pwave", "spynet")])
@pytest.mark.parametrize("intra", choices("model/intra"))
def test_tiny_is_the_same_model_with_fewer_channels_over_any_intra_codec(model, intra):
    tiny = run_of(f"model={model}", f"model/intra={intra}", "size=tiny").model
    alone = run_of(f"model=intra_{intra}", "size=tiny").model
    inside = replace(tiny.intra, quality=None) if hasattr(tiny.intra, "quality") else tiny.intra
    assert inside == alone  # but for the quality that the run's lambda asks of it
    for config in (tiny, alone):
        assert width(config) < width(type(config)(name=config.name))


def width(config) -> int:
    """Channels of a model, of its frame codec where its parts differ."""
    for inside in (config, getattr(config, "transform", None)):
        if hasattr(inside, "channels"):
            return inside.channels
    return config.frame.prior_channels


def test_every_field_of_the_contract_can_be_overridden_without_a_plus():
    composed = compose("train")
    stage = composed["schedule"]["stages"]["joint"]
    assert list(stage) == list(composed["schedule"]["all"]) == [f.name for f in fields(StageConfig)]
    for key, contract in {"trainer": TrainerConfig, "logger": LoggerConfig}.items():
        assert set(composed[key]) == {f.name for f in fields(contract)}
    for contract, name in [(FolderConfig, "folder"), (Vimeo90kConfig, "vimeo90k"), (SyntheticConfig, "synthetic")]:
        data = compose("train", [f"dataset={name}", f"validation={name}"])
        assert set(data["dataset"]) == set(data["validation"]) == {f.name for f in fields(contract)}
    clips16 = run_of("dataset=clips16").dataset
    assert clips16 == Clips16Config(name="clips16", path=clips16.path)
    for model in list(SCHEDULES):
        data = compose("train", [f"model={model}"])
        assert set(data["model"]) == {f.name for f in fields(run_with(model).model)}
    assert set(composed) | {"validation"} == {f.name for f in fields(RunConfig)}


def test_what_yaml_does_not_say_is_the_contracts():
    run = run_of("dataset=folder")
    assert run.trainer == TrainerConfig()
    assert run.logger == LoggerConfig()
    assert run.dataset == FolderConfig(name="folder", path=run.dataset.path)
    for model, contract in MODELS.items():
        assert build(ModelConfig, compose("train", [f"model={model}"])["model"], "model") == contract(name=model)
    added = compose("train", ["+stage@schedule.stages.more=base", "schedule.stages.more.epochs=1"])["schedule"]
    base = build(StageConfig, {**added["stages"]["more"], "train": ["flow"]})
    own = StageConfig(train=("flow",), epochs=1, loss={"distortion": base.loss.distortion})
    assert base == own
    assert not any(base.loss.distortion.values())


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


@pytest.mark.parametrize("lmbda", [5.12, 10.24, 20.48, 40.96])
def test_ssnvc_for_ms_ssim_starts_from_50_times_the_lambda(lmbda):
    run = run_of("experiment=ssnvc_msssim", f"loss.lmbda={lmbda}")
    started_by = run_of("experiment=ssnvc_psnr", f"loss.lmbda={50 * lmbda:g}")
    assert run.init_from == f"{started_by.dir}/codec.safetensors"
    assert started_by.schedule.stages["msssim"].loss.lmbda == lmbda
    assert run.schedule.stages["msssim"].on_enter["intra"].path.startswith("runs/intra_window_attention-full-ms_ssim-")


@pytest.mark.parametrize(
    ("model", "ssim", "mse", "intra"),
    [
        ("b_canf", 4, 256, 8.73),
        ("b_canf", 32, 2048, 60.5),
        ("maskcrt_b", 5.03, 227.6, 8.73),
        ("maskcrt_b", 35.92, 1625.6, 60.5),
    ],
)
def test_b_frames_for_ms_ssim_start_from_the_psnr_model(model, ssim, mse, intra):
    run = run_of(f"experiment={model}_msssim", f"loss.lmbda={ssim}")
    started_by = run_of(f"experiment={model}_psnr", f"loss.lmbda={mse}")
    assert run.init_from == f"{started_by.dir}/codec.safetensors"
    assert run.schedule.order == ("msssim",) and "msssim" not in started_by.schedule.order
    stage = run.schedule.stages["msssim"]
    assert (stage.loss.metric, stage.loss.lmbda, stage.frames) == ("ms_ssim", ssim, 5)
    made_by = run_of("experiment=intra_cheng2020_msssim", f"loss.lmbda={intra}")
    assert stage.on_enter["intra"].path == f"{made_by.dir}/codec.safetensors"


def test_single_stage_schedule_grows_clips_under_one_loss():
    schedule = run_of("model=ssnvc").schedule
    rows = {n: (s.epochs, s.frames, s.lr, s.references) for n, s in schedule.stages.items()}
    assert rows == {
        "joint": (10, 2, 1e-4, "detached"),
        "joint_3": (5, 3, 1e-4, "detached"),
        "joint_5": (5, 5, 1e-4, "detached"),
        "cascade": (3, 5, 1e-4, "attached"),
        "cascade_7": (5, 7, 1e-5, "attached"),
        "msssim": (5, 7, 1e-5, "attached"),
    }
    assert schedule.order == tuple(name for name in rows if name != "msssim")
    assert len({(s.train, s.batch_size, s.crop, str(s.loss.rate)) for s in schedule.stages.values()}) == 1
    assert set(run_of("schedule=single_stage").schedule.stages["joint"].loss.rate) > {"motion", "frame"}


def test_ssnvcs_ablations_are_all_rows_of_its_table():
    rows = set()
    for name in ("ssnvc_psnr", *(e for e in choices("experiment") if e.startswith("ssnvc_ablation/"))):
        model = run_of(f"experiment={name}").model
        assert f"/{model.intra.name}-" in f"/{model.intra.weights.removeprefix('runs/')}"
        rows.add((model.intra.name, model.previous_latents, model.unets, model.dense))
    intra = ("intra_cheng2020", "intra_window_attention")
    table = {(i, t, u, u > 0) for i, t, u in itertools.product(intra, (0, 2), (0, 3))}
    assert rows == table | {("intra_window_attention", 2, 3, False)}


@pytest.mark.parametrize("model", ["spynet", "pwc_net"])
def test_a_flow_networks_clips_are_those_of_the_data_set_and_a_folders_beside_scenes(model, monkeypatch):
    monkeypatch.setenv("LVC_DATA", "/clips")
    mixture = ("dataset=mixture", "+dataset@dataset.sets.mine=folder")
    for dataset in (("dataset=folder", "dataset.path=/mine"), ("dataset=vimeo90k",), mixture):
        run = build_run(compose("train", [f"model={model}", *dataset]))
        assert stage_dataset(run, "clips") == run.dataset
        assert stage_dataset(run, run.schedule.running[0]).name == "synthetic"
    run = build_run(compose("train", [f"model={model}", "dataset=synthetic"]))
    assert stage_dataset(run, "clips") == FolderConfig(name="folder", path="/clips/train")


@pytest.mark.parametrize(("model", "schedule"), [("intra_cheng2020", "single_stage"), ("ssnvc", "tcm_progressive")])
def test_a_schedule_for_other_models_is_refused(model, schedule):
    with pytest.raises(ConfigError, match=r"^schedule"):
        run_of(f"model={model}", f"schedule={schedule}")


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
        model = run_of(f"experiment=dcvc_tcm_ablation/{name}").model
        assert {f.name for f in fields(model) if getattr(model, f.name) != getattr(whole, f.name)} == set(changes)
        assert {key: getattr(model, key) for key in changes} == changes
    assert not run_of("experiment=dcvc_tcm_ablation/no_contexts_in_entropy").model.contexts_in.entropy
    assert run_of("experiment=dcvc_tcm_ablation/1l1c_cr").model.extra_blocks.refinement > 0


def test_paths_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("LVC_DATA", "/clips")
    monkeypatch.setenv("LVC_VIMEO90K", "/vimeo")
    monkeypatch.setenv("LVC_RUNS", "/kept")
    monkeypatch.setenv("WANDB_MODE", "online")
    run_of.cache_clear()
    run = run_of("dataset=folder", "validation=folder", "logger=wandb")
    assert (run.dataset.path, run.validation.path) == ("/clips/train", "/clips/val")
    assert run.dir == f"/kept/{run.name}"
    assert run.logger.mode == "online"
    assert run_of("dataset=vimeo90k").dataset.path == "/vimeo"
    run_of.cache_clear()


def test_gpu_trainer_sets_the_precision_of_every_stage():
    stages = run_of("trainer=gpu").schedule.stages.values()
    assert {stage.precision for stage in stages} == {"bf16-mixed"}
