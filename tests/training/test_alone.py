import time

import pytest

from lvc.errors import UserError
from lvc.training import alone
from lvc.training.run import train
from tests.commands import processes


def hold(folder):
    with alone.alone(folder):
        time.sleep(60)


@pytest.fixture
def held(tiny):
    """A run whose folder another process has, and that process."""
    run, data = tiny(["frame"])
    other = processes().Process(target=hold, args=(alone.Path(run.dir),))
    other.start()
    while not (lock := alone.Path(run.dir, ".lock")).is_file() or not lock.read_text():
        time.sleep(0.01)
    yield run, data, other
    other.kill()
    other.join()


def test_two_runs_do_not_share_a_folder(held, monkeypatch, capsys):
    monkeypatch.setattr(alone, "PATIENCE", 0.3)
    run, data, other = held
    with pytest.raises(UserError, match=rf"^dir: .*: process {other.pid} on .* trains there; end it, or"):
        train(run, data)
    assert capsys.readouterr().err.count("waiting for process") == 1


def test_a_killed_run_leaves_its_folder_free(held):
    run, data, other = held
    other.kill()
    other.join()
    assert train(run, data).is_file()
