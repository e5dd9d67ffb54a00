"""A seat: what a worker does to itself becomes a trace with an error, and the next route gets a new worker."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from keras_consistency_cli.errors import DataError, NoVerdictError, RefusedError, UsageError
from keras_consistency_cli.workers.client import WorkerClient
from keras_consistency_cli.workers.deadline import Deadline
from keras_consistency_cli.workers.forkserver import ForkServer
from keras_consistency_cli.workers.supervision.memory import MemoryLimit
from tests.helpers import planted

ROWS = np.arange(6)
PROBE = {"batch_size": 4, "sizes": [2], "seed": 0}
Place = Callable[..., WorkerClient]


@pytest.fixture(scope="module")
def fork_server() -> Iterator[ForkServer]:
    with ForkServer() as opened:
        opened.start({"KERAS_BACKEND": "tensorflow"})
        yield opened


@pytest.fixture
def place(fork_server: ForkServer, tmp_path: Path) -> Iterator[Place]:
    """Save a model with a trap in it and take a seat on it."""
    clients = []

    def take(how: str, when: str = "bare", timeout: float = 60.0, **files: Any) -> WorkerClient:
        trap = planted.Trap(how, when, armed=False, name="trap")
        keras.Sequential([keras.Input((3,), name="x"), trap, layers.Dense(1, name="out")]).save(
            tmp_path / "m.keras"
        )
        np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(6, 3)).astype("float32"))
        given = {
            "model": str(tmp_path / "m.keras"),
            "data": str(tmp_path / "x.npy"),
            "custom_objects": [str(planted.__file__)],
            **files,
        }
        clients.append(WorkerClient(fork_server, {"files": given, "probe": PROBE}, timeout=timeout))
        return clients[-1]

    yield take
    for client in clients:
        client.close()


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("kill", "its process was killed by SIGKILL, which is what running out of memory looks like"),
        ("abort", "its process was killed by SIGABRT"),
        ("exit", "its process ended by itself with exit code 0: "),
        ("raise", "RuntimeError: "),
        ("garble", "a worker sent something that is not a message"),
        ("vanish", "its process was killed by SIGKILL"),
        ("forge", "a worker sent something that is not a message"),
        ("announce", "a worker announced an answer of 5.24e+05 GiB, more than it may hold"),
        ("write", "PermissionError: [Errno 13] Permission denied: "),
        (
            "write",
            "(workers have no network and write to no folder but their own; --isolation off lifts that)",
        ),
        ("connect", "PermissionError: [Errno 13] Permission denied (workers have no network"),
        ("end the run", "PermissionError: [Errno 1] Operation not permitted"),
    ],
)
def test_harm_is_an_error_of_its_route_alone(how: str, words: str, place: Place) -> None:
    client = place(how)
    client.load()
    before, _ = client.run("call", ROWS)
    harmed, baseline = client.run("bare-call", ROWS)
    after, _ = client.run("call", ROWS)
    assert harmed.error is not None
    assert words in harmed.error
    assert "\x1b" not in harmed.error
    assert "\n" not in harmed.error
    assert (harmed.ran, harmed.unavailable, dict(harmed.outputs), baseline) == (False, None, {}, None)
    assert before.ran
    assert after.ran
    assert before.outputs["out"].tolist() == after.outputs["out"].tolist()


def test_a_hung_worker_is_given_up_after_its_time(place: Place) -> None:
    client = place("hang", timeout=5.0)
    client.load()
    assert client.run("bare-call", ROWS)[0].error == "no answer within 5 s (--timeout)"
    assert client.run("call", ROWS)[0].ran


@pytest.mark.parametrize("how", ["drip", "flood for ever"])
def test_an_answer_that_goes_on_for_ever_is_given_up_too(how: str, place: Place) -> None:
    client = place(how, timeout=5.0)
    client.load()
    assert client.run("bare-call", ROWS)[0].error == "no answer within 5 s (--timeout)"
    assert len(client._fork_server.log()) <= 4000
    assert client.run("call", ROWS)[0].ran


def test_once_the_runs_time_is_up_nothing_more_is_asked(place: Place, fork_server: ForkServer) -> None:
    client = place("hang")
    deadline = Deadline(answer=60.0, total=10.0)
    limited = WorkerClient(fork_server, client._load_request, timeout=60.0, deadline=deadline)
    limited.load()
    assert limited.run("call", ROWS)[0].ran
    for route in ("bare-call", "call"):
        assert limited.run(route, ROWS)[0].error == "the run's 10 s were over (--total-timeout)"
    with pytest.raises(NoVerdictError, match=r"the run's 10 s were over \(--total-timeout\)"):
        limited.load()
    limited.close()


def test_a_worker_that_takes_too_much_memory_is_ended(place: Place, fork_server: ForkServer) -> None:
    client = place("swallow")
    client.load()
    fork_server._watch.limit = MemoryLimit(each=2 * 2**30)
    try:
        harmed, _ = client.run("bare-call", ROWS)
    finally:
        fork_server._watch.limit = MemoryLimit()
    assert re.fullmatch(
        r"ran out of memory \(2(\.\d+)? GiB of 2 GiB, memory_limit\): raise --memory-limit, or .*",
        str(harmed.error),
    ), harmed.error
    assert client.run("call", ROWS)[0].ran


def test_a_worker_that_is_gone_after_its_last_answer_is_missed(place: Place) -> None:
    client = place("kill")
    assert client.lost() is None
    client.load()
    assert client.run("call", ROWS)[0].ran
    assert client.lost() is None
    os.kill(client._child, signal.SIGKILL)
    assert (
        client.lost() == "its process was killed by SIGKILL, which is what running out of memory looks like"
    )
    assert client.lost() is None


def test_last_words_are_told(place: Place) -> None:
    client = place("exit")
    client.load()
    assert "last words of the layer" in str(client.run("bare-call", ROWS)[0].error)


def test_what_was_raised_is_told_with_its_words(place: Place) -> None:
    client = place("raise")
    client.load()
    assert "planted trouble over two lines" in str(client.run("bare-call", ROWS)[0].error)


def test_a_flood_of_output_harms_nobody(place: Place) -> None:
    client = place("flood")
    client.load()
    assert client.run("bare-call", ROWS)[0].ran


@pytest.mark.parametrize(
    ("how", "words"), [("kill", "killed by SIGKILL"), ("exit", "exit code 0"), ("raise", "planted")]
)
def test_harm_while_loading_is_no_verdict(how: str, words: str, place: Place) -> None:
    with pytest.raises((NoVerdictError, RefusedError), match=words):
        place(how, "load").load()


def test_a_worker_that_can_never_load_again_keeps_answering_with_errors(place: Place, tmp_path: Path) -> None:
    client = place("kill")
    client.load()
    client.run("bare-call", ROWS)
    (tmp_path / "m.keras").unlink()
    for _ in range(2):
        trace, _ = client.run("call", ROWS)
        assert "cannot be loaded" in str(trace.error)


def test_traces_are_whole(place: Place) -> None:
    client = place("flood")
    facts, described = client.load()
    assert (facts.kind, [fact.path for fact in facts.layers], described) == (
        "Sequential",
        ["x", "trap", "out"],
        "",
    )
    trace, baseline = client.run("companions", ROWS)
    assert (trace.route, trace.error, trace.unavailable, trace.changed) == ("companions", None, None, ())
    assert baseline is not None
    assert baseline.route == "companions-baseline"
    assert trace.outputs["out"].tolist() == baseline.outputs["out"].tolist()
    assert trace.rows is not None
    assert trace.rows.tolist() == np.asarray(baseline.rows).tolist()
    assert trace.elapsed_s > 0


def test_a_refusal_keeps_its_kind(place: Place, tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text("import nothing_of_this_name")
    with pytest.raises(UsageError, match="nothing_of_this_name"):
        place("flood", custom_objects=[str(tmp_path / "bad.py")]).load()
    (tmp_path / "empty.py").write_text("")
    with pytest.raises(RefusedError, match="Could not locate class 'Trap'"):
        place("flood", custom_objects=[str(tmp_path / "empty.py")]).load()


def test_rows_that_do_not_fit_end_the_run(place: Place, tmp_path: Path) -> None:
    np.save(tmp_path / "wide.npy", np.zeros((6, 5), "float32"))
    client = place("flood", data=str(tmp_path / "wide.npy"))
    client.load()
    with pytest.raises(DataError, match=r"\(6, 5\)"):
        client.run("predict", ROWS)
