import threading
from dataclasses import dataclass

import pytest

from lvc.evaluation.work import Done, TimeLeft, run_jobs

from .test_records import record


@dataclass(frozen=True)
class Codec:
    codec: str
    kind: str = "traditional"

    @property
    def settings(self):
        return {"kind": self.kind}


@dataclass(frozen=True)
class Clip:
    name: str
    width: int = 10
    height: int = 10
    count: int = 1


JOBS = [(Codec(codec), Clip(name)) for name in ("one", "two") for codec in ("x264", "x265")]


def measured(system, source):
    return record(system.codec, sequence=source.name), False


def done(job, seconds, reused=False):
    return Done(job, record(), reused, seconds)


@pytest.mark.parametrize("workers", [1, 3])
def test_every_job_is_done_once(workers):
    found = [d.job for d in run_jobs(JOBS, measured, workers)]
    assert len(found) == 4 and set(found) == set(JOBS)


def test_traditional_codecs_run_at_the_same_time():
    meeting = threading.Barrier(2, timeout=20)

    def meet(system, source):
        meeting.wait()  # returns only when another one is here
        return measured(system, source)

    assert len(list(run_jobs(JOBS, meet, 2))) == 4


def test_learned_codecs_run_one_by_one():
    running = []

    def watch(system, source):
        if system.kind == "learned":
            assert not running
            running.append(system)
            running.pop()
        return measured(system, source)

    jobs = [(Codec("mine", "learned"), Clip(str(i))) for i in range(4)] + JOBS
    assert len(list(run_jobs(jobs, watch, 2))) == 8


def test_a_failure_is_raised_and_begins_nothing_new():
    begun = []

    def fail(system, source):
        begun.append(source)
        raise ValueError("no encoder")

    with pytest.raises(ValueError, match="no encoder"):
        list(run_jobs(JOBS * 20, fail, 2))
    assert len(begun) < 80


def test_time_left_goes_by_codec_and_pixels():
    jobs = [(Codec("slow"), Clip("a")), (Codec("slow"), Clip("b", count=3)), (Codec("fast"), Clip("a"))]
    left = TimeLeft(jobs)
    assert str(left) == ""
    left.finish(done(jobs[0], 10))
    assert left.seconds() == pytest.approx(10 * 3 + 10), "what is not known yet is taken for the mean"
    left.finish(done(jobs[2], 1))
    assert left.seconds() == pytest.approx(30) and str(left) == ", about 30 s left"
    left.finish(done(jobs[1], 30))
    assert left.seconds() is None


def test_what_was_there_tells_nothing_of_time():
    left = TimeLeft(JOBS)
    left.finish(done(JOBS[0], 0.001, reused=True))
    assert left.seconds() is None


def test_jobs_at_a_time_share_the_time():
    jobs = [(Codec("x264"), Clip(str(i))) for i in range(5)]
    left = TimeLeft(jobs, workers=2)
    left.finish(done(jobs[0], 10))
    assert left.seconds() == pytest.approx(20)
