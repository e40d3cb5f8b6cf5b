"""The command line: pages, flags, exit codes, and where runs live."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from lvc.config.compose import compose
from lvc.config.contract import ConfigError

ROOT = Path(__file__).parents[2]

APP = """
import sys
from lvc.config.compose import run_main
from lvc.config.run import build_run
from lvc.errors import UserError

def run(config, composed):
    print("RAN", config.name, config.dir, config.loss.lmbda, flush=True)
    assert composed["dir"] == config.dir
    assert "torch" not in sys.modules
    if config.seed == 7:
        raise UserError("dataset.path: no such folder;\\nsay where the clips are")

run_main("train", build_run, run)
"""
"""An entry point like train.py that does not train."""


def call(*arguments: str, cwd: Path, script: str | None = None) -> subprocess.CompletedProcess:
    command = [sys.executable, *(["-c", script] if script else [str(ROOT / "train.py")]), *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=120)


def ran(result: subprocess.CompletedProcess) -> list[list[str]]:
    assert result.returncode in (0, 2), result.stderr
    return [line.split()[1:] for line in result.stdout.splitlines() if line.startswith("RAN")]


def test_help_is_a_page_with_groups_options_and_examples(tmp_path):
    page = call("--help", cwd=tmp_path).stdout
    for said in ("usage: python train.py", "intra_cheng2020", "tcm_progressive", "loss.lmbda", "--cfg job"):
        assert said in page
    assert page.count("  python train.py") == 5
    assert max(map(len, page.splitlines())) <= 120
    assert not list(tmp_path.iterdir())


def test_cfg_prints_the_composed_run(tmp_path):
    result = call("--cfg", "job", "--resolve", "size=tiny", "loss.lmbda=256", cwd=tmp_path)
    composed = yaml.safe_load(result.stdout)
    assert composed == compose("train", ["size=tiny", "loss.lmbda=256"])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["schedule.stages.joint.epoch=2"], "schedule.stages.joint.epoch: unknown option; did you mean 'epochs'?"),
        (["model=foo"], "model: 'foo' is not one of b_canf, dcvc_tcm, "),
        (["schedule.stages.joint.frames=9"], "schedule.stages.joint.frames: 9 frames need clips of 9 frames"),
        (["-m", "loss.lmbda=256,-1"], "loss.lmbda: input should be greater than 0, got -1"),
        (["loss.lmbda=256,512"], "loss.lmbda: several values need -m"),
        (["--cfg", "job", "modle=foo"], "modle: unknown option; did you mean 'model'?"),
    ],
)
def test_mistakes_end_in_one_line_before_anything_runs(tmp_path, overrides, said):
    before = time.monotonic()
    result = call(*overrides, cwd=tmp_path)
    assert time.monotonic() - before < 20
    assert result.returncode == 2
    assert result.stderr.startswith(f"error: {said}")
    assert result.stderr.count("\n") == 1
    assert not result.stdout
    assert not list(tmp_path.iterdir())


def test_mistakes_that_a_run_finds_end_in_one_line_too(tmp_path):
    result = call("seed=7", cwd=tmp_path, script=APP)
    assert result.returncode == 2
    assert result.stderr == "error: dataset.path: no such folder; say where the clips are\n"


def test_the_same_command_finds_the_same_folder(tmp_path):
    first, second = (ran(call("size=tiny", cwd=tmp_path, script=APP)) for _ in range(2))
    assert first == second == [["dcvc_tcm-tiny-mse-1024", "runs/dcvc_tcm-tiny-mse-1024", "1024.0"]]
    assert (tmp_path / "runs/dcvc_tcm-tiny-mse-1024/.hydra/overrides.yaml").is_file()
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]


def test_rate_points_of_a_sweep_live_where_single_runs_do(tmp_path):
    result = call("-m", "loss.lmbda=256,1024", "size=tiny", cwd=tmp_path, script=APP)
    names = [f"dcvc_tcm-tiny-mse-{point}" for point in (256, 1024)]
    assert [row[:2] for row in ran(result)] == [[name, f"runs/{name}"] for name in names]


def test_nothing_is_left_where_no_run_was(tmp_path):
    call("-m", "loss.lmbda=256,512", "size=tiny", cwd=tmp_path, script=APP)
    assert not (tmp_path / "runs" / "dcvc_tcm-tiny-mse-1024").exists()  # the default rate point is not among them
    result = call("debug=one_batch", "size=tiny", cwd=tmp_path, script=APP)
    folder = tmp_path / "runs" / "debug-one_batch-dcvc_tcm-tiny"
    assert [str(path.relative_to(tmp_path)) for path in folder.iterdir()] == [row[1] for row in ran(result)]


def test_members_of_a_sweep_have_folders_of_their_own(tmp_path):
    result = call("-m", "model.contexts=1,2", "size=tiny", cwd=tmp_path, script=APP)
    name = "dcvc_tcm-tiny-mse-1024"
    assert [row[1] for row in ran(result)] == [f"runs/{name}/model.contexts={n}" for n in (1, 2)]
    result = call("-m", "model=spynet", "loss.lmbda=256,512", cwd=tmp_path, script=APP)  # whose name has no lambda
    assert [row[1] for row in ran(result)] == [f"runs/spynet-full/loss.lmbda={n}" for n in (256, 512)]
    result = call("-m", "loss.lmbda=256,512", "dir=here", cwd=tmp_path, script=APP)
    assert [row[1] for row in ran(result)] == ["here/loss.lmbda=256", "here/loss.lmbda=512"]


def test_a_sweep_from_a_file_runs_the_lambdas_of_the_loss(tmp_path):
    result = call("sweep=lambda", "loss=ms_ssim", cwd=tmp_path, script=APP)
    assert [float(row[2]) for row in ran(result)] == [8, 16, 32, 64]


def test_a_sweep_goes_on_after_a_member_that_fails(tmp_path):
    result = call("-m", "seed=7,8", cwd=tmp_path, script=APP)
    assert result.returncode == 2
    assert len(ran(result)) == 2
    assert result.stderr.count("error:") == 1


def test_other_names_need_another_folder_of_groups(tmp_path):
    (tmp_path / "train.yaml").write_text("defaults: [_self_, {model: mine}]\n")
    (tmp_path / "model").mkdir()
    (tmp_path / "model/mine.yaml").write_text("channels: 3\n")
    assert compose("train", ["model.channels=4"], tmp_path) == {"model": {"channels": 4}}
    with pytest.raises(ConfigError, match=r"model\.channel: unknown option; did you mean 'channels'\?"):
        compose("train", ["model.channel=4"], tmp_path)
