import os
import signal
from pathlib import Path

import pytest

from lvc.training import interrupt
from lvc.training.run import Run, train
from tests.training.test_resume import standing


def send(how=signal.SIGTERM):
    os.kill(os.getpid(), how)


@pytest.fixture
def on_call(monkeypatch):
    """Have a method do something before its own work: `on_call(owner, name, what)`."""

    def arrange(owner, name, what):
        method = getattr(owner, name)

        def first(*args, **options):
            what()
            return method(*args, **options)

        monkeypatch.setattr(owner, name, first)

    return arrange


def test_a_stage_that_has_come_to_its_end_is_finished_first(tiny, on_call, capsys):
    run, data = tiny(["motion", "frame"])
    on_call(Run, "_finish_stage", send)
    with pytest.raises(SystemExit) as ended:
        train(run, data)
    assert ended.value.code == 143
    assert standing(Path(run.dir)) == ["motion.safetensors"]
    assert "stopped by SIGTERM after stage 'motion'; the same command" in capsys.readouterr().err


def test_before_the_first_stage_a_run_ends_at_once(tiny, on_call):
    run, data = tiny(["frame"])
    on_call(Run, "_load_weights", lambda: send(signal.SIGINT))
    with pytest.raises(SystemExit) as ended:
        train(run, data)
    assert ended.value.code == 130 and not standing(Path(run.dir))


def test_a_second_signal_ends_a_run_at_once(monkeypatch):
    monkeypatch.setattr(interrupt, "PATIENCE", 0.0)
    with interrupt.Interrupt() as listening:
        listening._in_stage = True
        send()
        assert listening.signum == signal.SIGTERM
        with pytest.raises(SystemExit):
            send()


def test_what_listened_before_listens_again(tiny):
    def mine(*_):
        pass

    former = signal.signal(signal.SIGTERM, mine)
    try:
        run, data = tiny(["frame"])
        train(run, data)
        assert signal.getsignal(signal.SIGTERM) is mine
    finally:
        signal.signal(signal.SIGTERM, former)
