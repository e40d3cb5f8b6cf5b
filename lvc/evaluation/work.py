"""Measurements one after another or several at once, and how long the rest will take."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from time import perf_counter

from lvc.datasets.sequences import Source
from lvc.evaluation.records import Record
from lvc.evaluation.systems import System

Job = tuple[System, Source]

Measure = Callable[[System, Source], tuple[Record, bool]]
"""Gives a record, and whether it was there already."""


@dataclass(frozen=True)
class Done:
    """A finished job.

    Attributes:
        job: What was measured.
        record: Its record.
        reused: Whether it was there already.
        seconds: Time it took.
    """

    job: Job
    record: Record
    reused: bool
    seconds: float


def run_jobs(jobs: list[Job], measure: Measure, workers: int) -> Iterator[Done]:
    """Yield jobs as they are finished.

    Traditional codecs run ``workers`` at a time, each in its own thread, for they compute outside Python; learned
    ones run one by one beside them, for each uses all of torch's threads. Where one fails, those that run are
    finished and kept, and no other is begun.
    """
    if workers == 1:
        for job in jobs:
            yield _run(job, measure)
        return
    alone = [job for job in jobs if job[0].settings["kind"] == "learned"]
    beside = [job for job in jobs if job not in alone]
    with ThreadPoolExecutor(workers, thread_name_prefix="measure") as pool:
        waiting: list[Future[Done]] = [pool.submit(_run, job, measure) for job in beside]
        try:
            for job in alone:
                yield _run(job, measure)
            for future in as_completed(waiting):
                yield future.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _run(job: Job, measure: Measure) -> Done:
    start = perf_counter()
    record, reused = measure(*job)
    return Done(job, record, reused, perf_counter() - start)


class TimeLeft:
    """Estimates the time of the jobs that are left from those that are done.

    Args:
        jobs: All of them.
        workers: How many traditional codecs run at a time.
    """

    def __init__(self, jobs: list[Job], workers: int = 1):
        self._left = list(jobs)
        self._workers = workers
        self._spent: dict[str, tuple[float, int]] = {}

    def finish(self, done: Done) -> None:
        """Take note of a finished job."""
        self._left.remove(done.job)
        if not done.reused:
            codec = done.job[0].codec
            seconds, pixels = self._spent.get(codec, (0.0, 0))
            self._spent[codec] = seconds + done.seconds, pixels + _pixels(done.job)

    def seconds(self) -> float | None:
        """Seconds that are left, ``None`` while nothing is known or nothing is left."""
        if not self._left or not self._spent:
            return None
        total = [sum(values) for values in zip(*self._spent.values(), strict=True)]
        left = {"learned": 0.0, "traditional": 0.0}
        for job in self._left:
            seconds, pixels = self._spent.get(job[0].codec, total)
            left[job[0].settings["kind"]] += seconds / pixels * _pixels(job)
        beside = left["traditional"] / self._workers
        return left["learned"] + beside if self._workers == 1 else max(left["learned"], beside)

    def __str__(self) -> str:
        seconds = self.seconds()
        if seconds is None:
            return ""
        if seconds < 90:
            return f", about {seconds:.0f} s left"
        return f", about {seconds / 60:.0f} min left" if seconds < 5400 else f", about {seconds / 3600:.1f} h left"


def _pixels(job: Job) -> int:
    source = job[1]
    return source.width * source.height * source.count
