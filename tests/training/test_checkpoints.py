import os
import resource
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from lvc.errors import UserError
from lvc.files import partial, replacing
from lvc.training.checkpoints import AtomicCheckpointIO, newest
from lvc.training.run import Run, train


@contextmanager
def full_disk(left):
    """No file may grow beyond `left` bytes, as if the disk were full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (left, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_full_disk_keeps_the_checkpoint_there_was(tmp_path):
    path, writer = tmp_path / "000000001.ckpt", AtomicCheckpointIO()
    writer.save_checkpoint({"stage": {"done": 1}}, path)
    with full_disk(50_000), pytest.raises(UserError, match=r"000000001\.ckpt: cannot be written"):
        writer.save_checkpoint({"stage": {"done": 2}, "weights": torch.zeros(100_000)}, path)
    assert newest(tmp_path) == (path, 1) and list(tmp_path.iterdir()) == [path]


def test_checkpoints_are_plain_data(tmp_path):
    path = tmp_path / "000000001.ckpt"
    AtomicCheckpointIO().save_checkpoint({"stage": {"done": 1}, "weights": torch.ones(2)}, path)
    assert torch.load(path, weights_only=True)["weights"].tolist() == [1, 1]


def test_newest_counts_batches_and_takes_no_half_written_file(tmp_path):
    for done in (9, 10):
        AtomicCheckpointIO().save_checkpoint({"stage": {"done": done}}, tmp_path / f"{done:09d}.ckpt")
    (tmp_path / ".000000011.ckpt.part").write_bytes(b"half")
    assert newest(tmp_path) == (tmp_path / "000000010.ckpt", 10)
    assert newest(tmp_path / "nothing") == (None, 0)


def test_failed_write_leaves_no_trace(tmp_path):
    path = tmp_path / "state.json"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), replacing(path) as part:
        part.write_text("new")
        raise ZeroDivisionError
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"state\.json: cannot be written"), replacing(tmp_path / "file" / "state.json"):
        pass


def test_a_checkpoint_is_written_from_the_weights_themselves(tiny, monkeypatch):
    """No second copy of model or optimiser is held."""
    given = []
    monkeypatch.setattr("lvc.training.checkpoints.save_tensors", lambda data, path: given.append(data))
    monkeypatch.setattr("lvc.training.checkpoints.discard", lambda folder: None)
    owned = []
    monkeypatch.setattr(Run, "_finish_stage", lambda self, module, trainer: owned.append((module, trainer)))
    monkeypatch.setattr(Run, "_export", lambda self, path: path)
    run, data = tiny(["frame"])
    train(run, data)
    (module, trainer), state = owned[0], given[-1]
    places = {p.data_ptr() for p in module.state_dict().values()}
    assert {t.data_ptr() for t in state["state_dict"].values()} == places
    moments = trainer.optimizers[0].state.values()
    assert {t.data_ptr() for m in moments for t in m.values()} == {
        t.data_ptr() for m in state["optimizer_states"][0]["state"].values() for t in m.values()
    }


@pytest.fixture
def small_disk(tmp_path):
    """A file system of so many bytes, which may grow: `small_disk(size)`."""
    folder = tmp_path / "disk"
    folder.mkdir()

    def sized(size):
        option = f"size={size}" + (",remount" if os.path.ismount(folder) else "")
        command = ["mount", "-t", "tmpfs", "-o", option, "tmpfs", str(folder)]
        if shutil.which("mount") is None or subprocess.run(command, capture_output=True).returncode:
            pytest.skip("no permission to mount a small disk")
        return folder

    yield sized
    if os.path.ismount(folder):
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_run_stops_on_a_full_disk_and_continues_with_more_of_it(tiny, small_disk, tmp_path):
    changes = {"stage": {"steps": 6}, "trainer": {"checkpoint_every": 2}}
    whole, data = tiny(["frame"], folder="whole", **changes)
    expected = load_file(train(whole, data))
    folder = small_disk(4_000_000)  # a few checkpoints, and no more
    run, data = tiny(["frame"], folder="disk/run", **changes)
    with pytest.raises(UserError, match=r"0+[24]\.ckpt: cannot be written \(No space left on device\)"):
        train(run, data)
    left = sorted(p.name for p in (folder / "run/checkpoints/frame").iterdir())
    assert left and newest(folder / "run/checkpoints/frame")[0].name == left[-1]  # whole, and no half file beside it
    small_disk(100_000_000)
    found = load_file(train(run, data))
    assert not [n for n in expected if not torch.equal(found[n], expected[n])]


def test_a_log_that_fills_the_disk_is_no_traceback(tiny, small_disk):
    run, data = tiny(["frame"], folder="disk/run", stage={"steps": 4})
    folder = small_disk(20_000_000)
    Path(run.dir).mkdir()
    partial(Path(run.dir, "metrics.csv")).symlink_to("/dev/full")
    with pytest.raises(UserError, match=r"metrics\.csv: cannot be written \(No space left on device\)"):
        train(run, data)
    assert newest(folder / "run/checkpoints/frame")[1] == 0
