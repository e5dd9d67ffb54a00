"""queue: the largest first, within memory, alone where needed, and stopped by the first failure."""

from __future__ import annotations

import threading
import time

import pytest

from keras_consistency_cli.pipeline.fleet.queue import Job, JobQueue


class Recorder:
    """What ran, and how much memory ran at the same time."""

    def __init__(self, memory: dict[str, int]) -> None:
        self.memory, self.ran = memory, list[str]()
        self.now, self.most, self.together = list[str](), 0, list[set[str]]()
        self._lock = threading.Lock()

    def __call__(self, name: str) -> None:
        with self._lock:
            self.now.append(name)
            self.ran.append(name)
            self.most = max(self.most, sum(self.memory[each] for each in self.now))
            self.together.append(set(self.now))
        time.sleep(0.02)
        with self._lock:
            self.now.remove(name)


def jobs(memory: dict[str, int], *alone: str) -> list[Job[str]]:
    return [Job(item=name, memory=size, alone=name in alone) for name, size in memory.items()]


def test_the_largest_starts_first() -> None:
    memory = {"small": 1, "large": 9, "medium": 5}
    act = Recorder(memory)
    JobQueue(jobs(memory), threads=1, budget=None).run(act)
    assert act.ran == ["large", "medium", "small"]


def test_what_runs_fits_into_memory_together() -> None:
    memory = {f"m{number}": 3 + number % 3 for number in range(12)}
    act = Recorder(memory)
    JobQueue(jobs(memory), threads=4, budget=10).run(act)
    assert sorted(act.ran) == sorted(memory)
    assert 5 < act.most <= 10


def test_a_job_larger_than_the_memory_runs_without_others() -> None:
    memory = {"huge": 99, "a": 1, "b": 1}
    act = Recorder(memory)
    JobQueue(jobs(memory), threads=3, budget=10).run(act)
    assert sorted(act.ran) == ["a", "b", "huge"]
    assert all(running == {"huge"} for running in act.together if "huge" in running)


def test_jobs_that_run_alone_come_last() -> None:
    memory = dict.fromkeys(("again", "a", "b", "c"), 1)
    act = Recorder(memory)
    JobQueue(jobs(memory, "again"), threads=2, budget=None).run(act)
    assert act.ran[-1] == "again"
    assert act.together[-1] == {"again"}


def test_a_job_added_by_a_running_one_is_run() -> None:
    ran = []

    def act(name: str) -> None:
        ran.append(name)
        if name == "first":
            queue.add(Job(item="again", alone=True))

    queue = JobQueue([Job(item="first")], threads=2, budget=None)
    queue.run(act)
    assert ran == ["first", "again"]


def test_after_stop_nothing_starts() -> None:
    ran = []

    def act(name: str) -> None:
        ran.append(name)
        queue.stop()

    queue = JobQueue(jobs(dict.fromkeys("abc", 1)), threads=1, budget=None)
    queue.run(act)
    assert ran == ["a"]


def test_a_failure_in_a_thread_is_raised() -> None:
    def act(_name: str) -> None:
        raise ValueError("unexpected")

    with pytest.raises(ValueError, match="unexpected"):
        JobQueue(jobs({"a": 1, "b": 1}), threads=2, budget=None).run(act)
