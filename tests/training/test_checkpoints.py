import resource
from contextlib import contextmanager

import pytest
import torch

from lvc.errors import UserError
from lvc.training.atomic import replacing
from lvc.training.checkpoints import AtomicCheckpointIO, newest


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
