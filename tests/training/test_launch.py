import signal
import subprocess
import time

from lvc.training.launch import end_with
from tests.commands import processes


def wait(other):
    """Work that answers SIGTERM with a clean end, in a process that then waits for more."""

    def stop(*_):
        signal.signal(signal.SIGTERM, signal.SIG_DFL)

    signal.signal(signal.SIGTERM, stop)
    end_with(other)
    time.sleep(60)


def test_a_process_ends_when_the_one_that_started_it_is_gone():
    other = subprocess.Popen(["sleep", "60"])
    process = processes().Process(target=wait, args=(other.pid,))
    process.start()
    process.join(1.5)
    assert process.is_alive()
    other.kill()
    other.wait()
    process.join(10)
    assert process.exitcode == -signal.SIGTERM
