"""What a user does, from two trainings to a report; then variations of the training command."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lvc.datasets.video import VideoReader
from lvc.export import load_export
from tests.commands import ROOT, evaluate, lvc, train

from .conftest import QUICK, SMALL

SCENES = ["dataset.height=64", "dataset.width=96", "dataset.clips=4", "dataset.shapes=6"]
INTRA = ["model=intra_cheng2020", "size=tiny", "model.channels=8", "schedule=intra_short", *SCENES, *QUICK]
INTRA += ["schedule.stages.intra.on_enter.start.clips=8"]
FEW = "schedule.stages.mv_rate.on_enter.start.clips=8"
LAMBDAS = (256, 1024)


def ended_well(done):
    assert done.code == 0, done.err
    assert "Traceback" not in done.err and "Warning" not in done.err
    return done


@pytest.fixture(scope="module")
def chain(tmp_path_factory, videos):
    """The folder in which both codecs were trained, a video coded, and all evaluated."""
    folder = tmp_path_factory.mktemp("chain")
    ended_well(train(*INTRA, "schedule.all.steps=4", "schedule.all.lr=1e-3", "dir=intra", cwd=folder))
    stages = ["schedule=tcm_short", "schedule.order=[mv_rate,rec_rate,cascade]", "schedule.all.steps=2", FEW]
    common = [*SMALL, *QUICK, *SCENES, *stages, "model.intra.weights=intra/codec.safetensors"]
    rates = ",".join(map(str, LAMBDAS))
    swept = train("-m", *common, f"loss.lmbda={rates}", "dir=sweep/${loss.lmbda}", cwd=folder)
    (folder / "sweep.out").write_text(ended_well(swept).out)
    return folder


def exports(chain):
    return sorted((chain / "sweep").glob("**/codec.safetensors"))


def test_a_lambda_sweep_exports_a_codec_per_rate(chain):
    found = [load_export(path).info["provenance"] for path in exports(chain)]
    assert sorted(p["config"]["loss"]["lmbda"] for p in found) == list(LAMBDAS)
    for provenance in found:
        assert list(provenance["stages"]) == ["mv_rate", "rec_rate", "cascade"]
        assert all(stage["batches"] == 2 for stage in provenance["stages"].values())
        assert all(np.isfinite(stage["after"]["val/psnr"]) for stage in provenance["stages"].values())


def test_the_intra_codec_of_a_p_frame_codec_is_the_one_it_was_given(chain):
    intra = load_export(chain / "intra" / "codec.safetensors").codec.state_dict()
    whole = load_export(exports(chain)[0]).codec.state_dict()
    assert all(np.array_equal(whole[f"intra.{name}"], tensor) for name, tensor in intra.items())


def test_what_a_run_leaves(chain):
    folder = exports(chain)[0].parent
    assert {p.name for p in (folder / "stages").iterdir()} == {
        f"{s}.safetensors" for s in ("mv_rate", "rec_rate", "cascade")
    }
    assert not (folder / "checkpoints").exists()
    assert (folder / "summary.txt").read_text().count("\n") == 4
    with (folder / "metrics.csv").open(newline="") as file:
        assert "val/psnr" in next(csv.reader(file))
    assert "cascade" in (chain / "sweep.out").read_text()


def test_a_trained_codec_codes_a_video(chain, videos):
    codec = exports(chain)[0]
    assert lvc("encode", videos / "scene0.mkv", "a.lvc", "--model", codec, cwd=chain).code == 0
    for target in ("a.mkv", "a"):
        assert lvc("decode", "a.lvc", target, cwd=chain).code == 0
    for one, other in zip(VideoReader(chain / "a.mkv"), VideoReader(chain / "a"), strict=True):
        assert np.array_equal(one, other)
    facts = json.loads(lvc("info", "a.lvc", "--json", cwd=chain).out)
    assert facts["frames"] == "5 (1 I, 4 P)"


@pytest.fixture(scope="module")
def report(chain, videos):
    """The folder of an evaluation of the sweep beside x264."""
    codecs = ["exports=sweep/**/codec.safetensors", "codecs=[x264]", "preset=ultrafast", "bdrate.anchor=x264"]
    points = ["traditional.x264.points=[22,32,42]", "protocol.frames=3", "protocol.intra_period=2"]
    command = [*codecs, *points, f"dataset.path={videos}", "dataset.pattern='scene[01]*'", "output=report"]
    first = ended_well(evaluate(*command, cwd=chain))
    assert "report: report/report.html" in first.out and "rate vs x264" in first.out
    again = ended_well(evaluate(*command, cwd=chain))
    assert again.out.count("from an earlier run") == 2 * (len(LAMBDAS) + 3)
    return chain / "report"


def test_records_hold_rates_of_files_and_decoded_frames_are_equal(report):
    with (report / "results.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * (len(LAMBDAS) + 3)
    assert not any(row["error"] for row in rows)
    for row in rows:
        pixels = int(row["frames"]) * int(row["width"]) * int(row["height"])
        assert (row["frames"], row["intra_period"], row["protocol"]) == ("3", "2", "ip32")
        assert float(row["bpp"]) == pytest.approx(8 * int(row["bytes"]) / pixels)
    learned = {row["point"] for row in rows if row["codec"] == "dcvc_tcm-tiny"}
    assert learned == {f"lambda={value}" for value in LAMBDAS}
    assert len(list((report / "records").glob("*.json"))) == len(rows)


def test_the_report_is_one_page_with_everything_in_it(report):
    page = (report / "report.html").read_text()
    for said in (
        "dcvc_tcm-tiny",
        "x264",
        "scene0",
        "scene1",
        "lambda=256",
        "data:image/png;base64",
        "data:image/svg+xml;base64",
    ):
        assert said in page, said
    assert 'src="http' not in page and 'href="http' not in page
    assert {p.suffix for p in (report / "plots").iterdir()} == {".png", ".svg"}
    assert json.loads((report / "summary.json").read_text())["anchor"] == "x264"
    assert (report / "bdrate.csv").read_text().startswith("metric,codec,anchor")


@pytest.mark.parametrize(
    ("ablation", "smaller"),
    [(["model.contexts=1"], "fusion"), (["experiment=dcvc_tcm_ablation/no_feature_propagation"], None)],
)
def test_ablations_train_from_the_shell(tmp_path, ablation, smaller):
    step = [*QUICK, *SCENES, "schedule=single_stage", "schedule.order=[joint]", "debug=one_batch", "dir=run"]
    data = ["dataset=synthetic", "validation=none", "model.intra.weights=null"]
    ended_well(train(*ablation, *SMALL, *data, *step, cwd=tmp_path))
    export = load_export(tmp_path / "run" / "codec.safetensors")
    if smaller:
        assert export.config.contexts == 1
    else:
        assert not export.config.propagate_feature


def test_one_batch_runs_every_stage_of_the_long_schedule_in_a_folder_of_its_own(tmp_path):
    scenes = [s for s in SCENES if "clips" not in s]
    done = ended_well(train(*SMALL, *QUICK, *scenes, "debug=one_batch", "schedule.stop_after=joint_3", cwd=tmp_path))
    (export,) = tmp_path.glob("runs/debug-one_batch-dcvc_tcm-tiny/*/codec.safetensors")
    stages = load_export(export).info["provenance"]["stages"]
    assert list(stages) == ["mv_dist", "mv_rate", "rec_dist", "rec_rate", "joint", "joint_3"]
    assert all(stage["batches"] == 1 for stage in stages.values())
    assert Path(export).parent.joinpath("summary.txt").read_text().strip() in done.out


def test_the_same_command_goes_on_where_it_stopped(tmp_path):
    command = [*SMALL, *QUICK, *SCENES, "schedule=tcm_short", "schedule.all.steps=1", FEW, "dir=run"]
    done = ended_well(train(*command, "schedule.stop_after=mv_rate", cwd=tmp_path))
    assert done.out.splitlines()[-1] == "export: run/codec.safetensors"
    first = load_export(tmp_path / "run" / "codec.safetensors").info["provenance"]["stages"]
    ended_well(train(*command, "schedule.stop_after=rec_rate", cwd=tmp_path))
    stages = load_export(tmp_path / "run" / "codec.safetensors").info["provenance"]["stages"]
    assert list(stages) == ["mv_rate", "rec_rate"]
    assert {name: stages[name] for name in first} == first


@pytest.mark.parametrize("program", ["train.py", "evaluate.py"])
def test_nothing_clutters_the_terminal(tmp_path, videos, tiny_export, program):
    """In a process that loads everything itself, warnings at import included."""
    first = ["protocol.frames=2", "bdrate.anchor=dcvc_tcm-tiny"]
    arguments = {
        "train.py": [
            *SMALL,
            *QUICK,
            *SCENES,
            "schedule=single_stage",
            "schedule.order=[joint]",
            "debug=one_batch",
            "trainer.workers=1",
        ],
        "evaluate.py": [f"dataset.path={videos}", f"exports={tiny_export}", "codecs=[]", *first],
    }
    command = [sys.executable, ROOT / program, *arguments[program]]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stderr.replace("\r", "\n").splitlines() if line.strip()]
    assert all(line.startswith("joint (1/1)") for line in lines), done.stderr
    assert "Warning" not in done.stdout


def test_a_real_clip_is_coded_and_comes_back(tmp_path, clips, tiny_export):
    video = clips / "test" / "BasketballPass_416x240_50.mkv"
    done = lvc("encode", video, "a.lvc", "--model", tiny_export, "--frames", 3, cwd=tmp_path)
    assert done.out.startswith("a.lvc: 3 frames 416x240, ")
    for target in ("a.mkv", "a"):
        assert ended_well(lvc("decode", "a.lvc", target, cwd=tmp_path)).out == f"{target}: 3 frames 416x240 at 50 fps\n"
    for one, other in zip(VideoReader(tmp_path / "a.mkv"), VideoReader(tmp_path / "a"), strict=True):
        assert np.array_equal(one, other)
