"""The codec of docs/adding-a-codec.md, built from the page: what it promises works as it stands there."""

import os
import re
import shutil
import subprocess
import sys

import pytest

from tests.conftest import ROOT

PAGE = ROOT / "docs" / "adding-a-codec.md"
BLOCK = re.compile(r"<!-- file: (\S+) -->\n```\w+\n(.*?)```", re.DOTALL)
LINES = re.compile(r"<!-- lines: lvc/config/model.py -->\n```\w+\n(.*?)```", re.DOTALL)

SCRIPT = """
from fractions import Fraction

import torch

from lvc.__main__ import main
from lvc.codec import Rate
from lvc.coding.video import decode_video, encode_video
from lvc.config.compose import compose
from lvc.config.run import build_run
from lvc.entropy.streams import Estimate
from lvc.export import load_export
from lvc.training.run import train

torch.set_num_threads(1)
composed = compose("train", {overrides!r})
path = train(build_run(composed), composed)

def loud():
    # one batch of training leaves nearly all symbols 0
    export = load_export(path)
    for part in (export.codec.intra, export.codec.difference):
        part.encoder[-1].weight.mul_(5000)
    return export

frames = list(torch.rand(4, 3, 50, 70).unsqueeze(1))
sent = list(encode_video(loud(), frames, "clip.lvc", Fraction(25)))
read = list(decode_video("clip.lvc", loud()))
assert [s.packet.kind for s in sent] == ["I", "P", "P", "P"]
assert all(len(s.packet.payload) > 200 for s in sent), [len(s.packet.payload) for s in sent]
assert all(torch.equal(s.frame, r) for s, r in zip(sent, read, strict=True))

codec = load_export(path).codec.train().requires_grad_(True)
clip = torch.rand(1, 3, 3, 64, 64)
coding = codec(clip, Rate(), Estimate(training=True))
((coding.frames - clip).square().mean() + sum(bits.mean() for bits in coding.bits.values())).backward()
assert all(p.grad is not None for p in codec.parameters())
assert sum(len(list(m.parameters())) for part in codec.parts.values() for m in part) == len(list(codec.parameters()))
assert main(["summary", "frame_difference", "size=tiny"]) == 0
print("decoded what was encoded")
"""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A copy of the package with the page's changes made."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in ("lvc", "conf"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    page = PAGE.read_text(encoding="utf-8")
    models = folder / "lvc/config/model.py"
    added, entry = LINES.search(page).group(1).splitlines(keepends=True)
    text = models.read_text()
    for known, new in (("from lvc.config.intra import", added), ("    **INTRA_CODECS,", entry)):
        assert known in text
        text = text.replace(known, new + known)
    models.write_text(text)
    blocks = dict(BLOCK.findall(page))
    for name, code in blocks.items():
        (folder / name).write_text(code)
    return folder


def run(folder, *arguments: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1", "LVC_RUNS": "runs"}
    done = subprocess.run([sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_it_trains_encodes_and_decodes(checkout):
    (command,) = re.findall(r"^python train\.py (model=frame_difference .*)$", PAGE.read_text(), re.MULTILINE)
    overrides = [*command.split(), "dataset.clips=2", "schedule.all.crop=64", "schedule.all.batch_size=1"]
    overrides += ["trainer=cpu", "trainer.workers=0", "trainer.progress=false", "logger=none"]
    assert "decoded what was encoded" in run(checkout, "-c", SCRIPT.format(overrides=overrides))


def test_its_code_passes_our_own_checks(checkout):
    code = ["lvc/models/frame_difference.py", "lvc/config/frame_difference.py", "lvc/config/model.py"]
    for check in (["format", "--check"], ["check"]):
        run(checkout, "-m", "ruff", *check, "--config", str(ROOT / "pyproject.toml"), *code)
