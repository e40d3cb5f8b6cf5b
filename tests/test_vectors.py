"""Streams and runs that an earlier version made: they decode to the same frames, and go on to the same end."""

import hashlib
import json
import lzma
import tarfile
from pathlib import Path

import pytest
import torch

from lvc.bitstream.container import file_header
from lvc.coding.video import decode_video
from lvc.config.compose import compose
from lvc.config.run import build_run
from lvc.export import load_export, read_export
from lvc.training.run import train
from lvc.training.same import figures
from tests.vectors.exports import export_of

HERE = Path(__file__).parent / "vectors"
STREAMS = sorted(path.stem for path in (HERE / "streams").glob("*.lvc"))
RUNS = sorted(path.stem for path in (HERE / "runs").glob("*.json"))


def digest(tensor: torch.Tensor) -> str:
    return hashlib.sha256(tensor.contiguous().numpy().tobytes()).hexdigest()


def on_this_kind_of_machine(path: Path) -> bool:
    """Floating-point sums come out alike with the same torch on the same instruction set only."""
    return file_header(path).build == f"torch {torch.__version__}, {torch.backends.cpu.get_cpu_capability()}"


@pytest.mark.parametrize("name", STREAMS)
def test_a_kept_stream_decodes_to_the_frames_it_always_did(name, tmp_path):
    source = HERE / "streams" / f"{name}.lvc"
    if not on_this_kind_of_machine(source):
        pytest.skip(f"made with {file_header(source).build}")
    recorded = json.loads(lzma.decompress((HERE / "streams" / f"{name}.json.xz").read_bytes()))
    export = load_export(export_of(recorded, tmp_path / "codec.safetensors"))
    assert [digest(frame) for frame in decode_video(source, export)] == recorded["frames"]


@pytest.mark.parametrize("name", RUNS)
def test_a_kept_run_goes_on_to_the_end_it_would_have_had(name, tmp_path, monkeypatch, capsys):
    if not on_this_kind_of_machine(HERE / "streams" / "pwave.lvc"):
        pytest.skip("made on another kind of machine")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LVC_DATA", "clips")
    recorded = json.loads((HERE / "runs" / f"{name}.json").read_text())
    with tarfile.open(HERE / "runs" / f"{name}.tar.xz") as archive:
        archive.extractall(filter="data")
    composed = compose("train", recorded["options"])
    export = train(build_run(composed), composed)
    assert "after batch 2 of 6" in capsys.readouterr().out
    tensors = read_export(export)[2]
    weights = [tensors[key].double().flatten() for key in sorted(tensors) if key.startswith("weights.")]
    assert digest(torch.cat(weights)) == recorded["weights"]
    assert figures(Path("runs", name)) == recorded["rows"]
