import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT


@pytest.mark.parametrize("words", [["-m", "loss.lmbda=256,foo"], ["loss.lmbda=256,foo", "-m"]])
def test_a_sweep_is_checked_wherever_its_flag_stands(words, tmp_path):
    command, env = [sys.executable, "train.py", *words], os.environ | {"LVC_RUNS": str(tmp_path)}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "loss.lmbda" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
