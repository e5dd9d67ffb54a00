"""fork pool: runs share a server, and the end of one run ends its own workers only."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from keras_consistency_cli.errors import NoVerdictError
from keras_consistency_cli.workers import fork_pool as module
from keras_consistency_cli.workers.client import WorkerClient
from keras_consistency_cli.workers.fork_pool import ForkLease, ForkPool

ENVIRONMENT = {"KERAS_BACKEND": "tensorflow"}


@pytest.fixture(scope="module")
def pool() -> Iterator[ForkPool]:
    with ForkPool() as opened:
        yield opened


@pytest.fixture
def request_to_load(tmp_path: Path) -> dict[str, Any]:
    keras.Sequential([keras.Input((3,), name="x"), layers.Dense(1, name="out")]).save(tmp_path / "m.keras")
    np.save(tmp_path / "x.npy", np.ones((6, 3), "float32"))
    files = {"model": str(tmp_path / "m.keras"), "data": str(tmp_path / "x.npy")}
    return {"files": files, "options": {"batch_size": 4, "sizes": [2], "seed": 0}}


def started(pool: ForkPool) -> ForkLease:
    lease = pool.lease()
    lease.start(ENVIRONMENT)
    return lease


def is_alive(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").exists()


def test_the_end_of_one_run_leaves_the_others(pool: ForkPool, request_to_load: dict[str, Any]) -> None:
    ended, kept = started(pool), started(pool)
    clients = [WorkerClient(lease, request_to_load, timeout=60.0) for lease in (ended, kept)]
    for client in clients:
        client.load()
    folders = [lease._folder for lease in (ended, kept)]
    children = [next(iter(lease._children)) for lease in (ended, kept)]
    assert len({*folders}) == 2
    assert all(folder.is_dir() for folder in folders)
    clients[0].terminate_all()
    ended.close()
    assert [is_alive(child) for child in children] == [False, True]
    assert [folder.exists() for folder in folders] == [False, True]
    assert clients[1].run("predict", np.arange(6))[0].error is None
    assert (ended.deaths, kept.deaths) == (0, 0)
    kept.close()


def test_a_killed_worker_counts_as_a_death(pool: ForkPool, request_to_load: dict[str, Any]) -> None:
    with started(pool) as lease:
        client = WorkerClient(lease, request_to_load, timeout=60.0)
        client.load()
        os.kill(next(iter(lease._children)), signal.SIGKILL)
        assert "SIGKILL" in str(client.run("predict", np.arange(6))[0].error)
        assert lease.deaths == 1
        assert client.run("predict", np.arange(6))[0].error is None, "a new worker takes its place"


def test_the_server_survives_a_worker_that_was_waited_for(pool: ForkPool) -> None:
    with started(pool) as lease:
        child, _ = lease.fork()
        os.kill(child, signal.SIGKILL)
        server = pool.server(ENVIRONMENT, isolated=True)
        assert lease.wait_for(child) == server.wait_for(child) == lease.wait_for(child) == -signal.SIGKILL
        assert server.lost() is None


def test_a_short_limit_of_one_run_leaves_the_server(pool: ForkPool) -> None:
    with started(pool) as lease:
        lease.fork(deadline=time.monotonic() - 1)
        assert lease.lost() is None


def test_a_worker_with_too_much_memory_is_named(pool: ForkPool, request_to_load: dict[str, Any]) -> None:
    lease = pool.lease()
    lease.start(ENVIRONMENT, memory_limit=0.01)
    with lease, pytest.raises(NoVerdictError, match="memory"):
        WorkerClient(lease, request_to_load, timeout=60.0).load()
    with started(pool) as other:
        assert WorkerClient(other, request_to_load, timeout=60.0).load()


def test_a_killed_server_is_replaced(pool: ForkPool) -> None:
    first = pool.server(ENVIRONMENT, isolated=True)
    os.kill(first.process_id, signal.SIGKILL)
    first._process.wait()
    second = pool.server(ENVIRONMENT, isolated=True)
    assert second is not first
    with started(pool) as lease:
        assert lease.fork()[0] > 0


def test_another_interpreter_is_shared_too(pool: ForkPool) -> None:
    with started(pool) as one, started(pool) as two:
        others = [lease.another() for lease in (one, two)]
        for other in others:
            other.start(ENVIRONMENT)
        assert others[0]._server is others[1]._server
        assert others[0]._server is not one._server
        for other in others:
            other.close()


def test_a_server_that_starts_while_the_pool_is_closed_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    starting, may_start, closed = threading.Event(), threading.Event(), threading.Event()

    class SlowServer:
        is_running = True

        def __init__(self) -> None:
            starting.set()
            may_start.wait(10)

        def start(self, *_: object, **__: object) -> None: ...

        def close(self) -> None:
            closed.set()

    monkeypatch.setattr(module, "ForkServer", SlowServer)
    opened = ForkPool()
    with ThreadPoolExecutor(2) as threads:
        threads.submit(opened.server, ENVIRONMENT, isolated=True)
        assert starting.wait(10)
        closing = threads.submit(opened.close)
        wait([closing], timeout=0.2)  # it may wait for the server
        may_start.set()
    assert closed.is_set()


def test_a_closed_pool_gives_no_workers() -> None:
    pool = ForkPool()
    pool.close()
    with pytest.raises(NoVerdictError):
        pool.lease().start(ENVIRONMENT)
