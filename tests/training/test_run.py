import csv
import json
from pathlib import Path

import pytest
import torch

from lvc.config.run import build_run
from lvc.errors import UserError
from lvc.export import load_export
from lvc.training.run import train

STAGES = ("intra", "motion", "frame", "joint")


def weights(path, part=None):
    codec = load_export(path).codec
    modules = codec.parts[part] if part else [codec]
    return [p for m in modules for p in m.parameters()]


def same(a, b):
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def rows(folder):
    with (Path(folder) / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def progressive(tmp_path_factory, tiny_in):
    folder = tmp_path_factory.mktemp("progressive")
    run, data = tiny_in(folder, STAGES, trainer={"pictures": 1})
    return folder, data, train(run, data)


def test_each_stage_moves_its_parts_and_no_other(progressive):
    folder, data, _ = progressive
    before = "intra"
    for name in ("motion", "frame", "joint"):
        for part in ("flow", "motion", "context", "frame", "intra"):
            old, new = (weights(folder / "stages" / f"{n}.safetensors", part) for n in (before, name))
            moves = part in data["schedule"]["stages"][name]["train"]
            assert same(old, new) != moves, (name, part)
        before = name


def test_export_is_the_last_stage_and_says_where_it_comes_from(progressive):
    folder, data, export = progressive
    assert export == folder / "codec.safetensors"
    assert same(weights(export), weights(folder / "stages" / "joint.safetensors"))
    origin = load_export(export).info["provenance"]
    assert origin["config"] == data and origin["seed"] == 0
    assert torch.__version__.startswith(origin["versions"]["torch"])
    assert list(origin["stages"]) == list(STAGES)


def test_logs_run_on_one_axis_over_all_stages(progressive):
    folder, _, _ = progressive
    steps = [int(row["progress/step"]) for row in rows(folder)]
    assert steps == sorted(steps) and steps[0] == 0 and steps[-1] == 8
    last = [row for row in rows(folder) if row["train/loss"]][-1]
    for key in ("train/psnr", "train/psnr_prediction", "train/bpp", "train/grad_norm", "train/lr", "bits/motion"):
        assert float(last[key]) > 0, key
    assert last["stage_name"] == "joint" and last["stage"] == "3" and last["train/skipped"] == "0"


def test_what_a_person_gets_to_see(progressive):
    folder, _, _ = progressive
    table = (folder / "summary.txt").read_text().splitlines()
    assert table[0].startswith("stage") and [line.split()[0] for line in table[1:]] == list(STAGES)
    assert (folder / "pictures" / "000000008_joint_0.png").is_file()
    assert not (folder / "checkpoints").exists()


def test_the_same_command_again_trains_nothing(progressive):
    folder, data, export = progressive
    before = (folder / "stages" / "joint.safetensors").stat().st_mtime_ns
    assert train(build_run(data), data) == export
    assert (folder / "stages" / "joint.safetensors").stat().st_mtime_ns == before


def test_another_configuration_in_the_same_folder_is_refused(progressive):
    _, data, _ = progressive
    changed = data | {"loss": {"lmbda": 512}, "trainer": data["trainer"] | {"log_every": 7}}
    with pytest.raises(UserError, match=r"another configuration: loss\.lmbda \(256 -> 512\); choose"):
        train(build_run(changed), changed)


def test_overfitting_one_clip_lowers_the_loss(tiny):
    run, data = tiny(["intra"], stage={"steps": 60, "lr": 3e-3}, trainer={"overfit": True, "log_every": 5})
    train(run, data)
    losses = [float(row["train/loss"]) for row in rows(run.dir) if row["train/loss"]]
    assert losses[-1] < 0.7 * losses[0]


def test_run_starts_from_an_export(tiny, progressive):
    _, _, export = progressive
    run, data = tiny(["frame"], init_from=str(export))
    train(run, data)
    assert same(weights(Path(run.dir, "codec.safetensors"), "intra"), weights(export, "intra"))


def test_a_classical_start_leaves_loaded_weights_as_they_are(tiny, capsys):
    start = {"on_enter": {"start": {"do": "statistics", "clips": 8}}, "steps": 1, "lr": 1e-9}
    run, data = tiny(["frame"], stage=start)
    first = train(run, data)
    again, more = tiny(["frame"], stage=start, folder="again", init_from=str(first), seed=5)
    second = train(again, more)
    assert "they stay as they are" in capsys.readouterr().out
    moved = [(a - b).abs().max() for a, b in zip(weights(first, "frame"), weights(second, "frame"), strict=True)]
    assert max(moved) < 1e-6


def test_a_schedule_branches_off_where_told(tiny, progressive):
    """A stage's random numbers follow from its name, so from the same weights it goes the same way."""
    folder, _, export = progressive
    start = str(folder / "stages" / "frame.safetensors")
    _run, data = tiny(STAGES, init_from=start, trainer={"pictures": 1})
    data["schedule"]["start_at"] = "joint"
    run = build_run(data)
    assert same(weights(train(run, data)), weights(export))
    assert list(json.loads(Path(run.dir, "state.json").read_text())["stages"]) == ["joint"]


def test_export_goes_where_asked(tiny, tmp_path):
    run, data = tiny(export=str(tmp_path / "here" / "my.safetensors"))
    assert train(run, data) == tmp_path / "here" / "my.safetensors"
    assert load_export(tmp_path / "here" / "my.safetensors").info["model"] == "dcvc_tcm"


def test_length_in_epochs_counts_whole_passes_and_stops_at_max_batches(tiny):
    run, data = tiny(stage={"steps": None, "epochs": 2, "batch_size": 2}, trainer={"max_batches": 3})
    train(run, data)
    assert json.loads(Path(run.dir, "state.json").read_text())["stages"]["frame"]["batches"] == 3


def test_impossible_plans_are_refused_before_the_first_step(tiny):
    for changes, message in (
        ({"model": {"structure": {"intra_period": 1}}}, r"schedule\.stages\.frame\.frames: no frame among 2"),
        ({"loss": {"metric": "ms_ssim"}, "stage": {"crop": None}}, r"frame\.crop: whole frames of 64x64 are too small"),
        ({"stage": {"precision": "16-mixed"}}, r"schedule\.stages\.frame\.precision: 16-mixed needs a GPU"),
        ({"trainer": {"validation_frames": 5}}, r"trainer\.validation_frames: clip .* has 4 frames"),
        ({"init_from": "nowhere.safetensors"}, r"init_from: nowhere\.safetensors: no such export"),
        ({"optimizer": {"kwargs": {"x": 1}}}, r"optimizer\.kwargs: AdamW refuses"),
    ):
        run, data = tiny(**changes)
        with pytest.raises(UserError, match=message):
            train(run, data)


def test_profiler_writes_a_report_per_stage(tiny):
    run, data = tiny(trainer={"profiler": "simple"})
    train(run, data)
    (report,) = Path(run.dir, "profile").iterdir()
    assert "run_training_batch" in report.read_text()
