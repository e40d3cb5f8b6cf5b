"""What `pip install lvc` gives: commands and configurations, outside of any checkout."""

import os
import subprocess
import sys
import sysconfig
import venv

import pytest

from tests.conftest import ROOT

SMALL = ["model=pwave", "size=tiny", "schedule=pwave_short", "dataset=synthetic", "dataset.clips=2", "dataset.shapes=4"]
SMALL += ["dataset.height=64", "dataset.width=64", "schedule.all.batch_size=1", "trainer.accelerator=cpu"]
SMALL += ["trainer.max_batches=2", "trainer.workers=0", "trainer.validation_clips=1", "trainer.validation_frames=1"]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A fresh environment with lvc's wheel in it, and what lvc depends on."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    build = [*pip, "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, ROOT]
    subprocess.run(build, check=True)
    (wheel,) = folder.glob("lvc-*.whl")
    venv.create(folder / "env", symlinks=True)
    python = folder / "env" / "bin" / "python"
    install = [*pip, "--python", python, "install", "--quiet", "--no-deps", "--no-index", wheel]
    subprocess.run(install, check=True)
    (site,) = (folder / "env" / "lib").glob("python*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    return folder


def run(installed, *command):
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=installed, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_an_installed_lvc_trains_two_steps(installed):
    programs = installed / "env" / "bin"
    where = run(installed, programs / "python", "-c", "import lvc; print(lvc.__file__)")
    assert where.startswith(str(installed / "env"))
    out = run(installed, programs / "lvc", "train", *SMALL, "dir=run")
    assert f"export: {'run/codec.safetensors'}" in out and (installed / "run" / "codec.safetensors").is_file()
    assert "usage: lvc evaluate" in run(installed, programs / "lvc", "evaluate", "--help")
    assert "usage: lvc" in run(installed, programs / "lvc", "--help")
