"""client: harm in a worker becomes a trace with an error, and the next route gets a new worker."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import keras
import numpy as np
import pytest
from keras import layers
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.errors import DataError, NoVerdictError, RefusedError, UsageError
from keras_consistency_cli.workers.client import WorkerClient
from keras_consistency_cli.workers.deadline import Deadline
from keras_consistency_cli.workers.forkserver import ForkServer
from keras_consistency_cli.workers.protocol import NOT_A_MESSAGE
from keras_consistency_cli.workers.supervision.memory import MemoryLimit
from tests.helpers import planted
from tests.helpers.wording import masked

ROWS = np.arange(6)
OPTIONS = {"batch_size": 4, "sizes": [2], "seed": 0}
Create = Callable[..., WorkerClient]


@pytest.fixture(scope="module")
def fork_server() -> Iterator[ForkServer]:
    with ForkServer() as opened:
        opened.start({"KERAS_BACKEND": "tensorflow"})
        yield opened


@pytest.fixture
def create(fork_server: ForkServer, tmp_path: Path) -> Iterator[Create]:
    """Save a model with a trap in it and create a client for it."""
    clients = []

    def client_with(how: str, when: str = "bare", timeout: float = 60.0, **files: Any) -> WorkerClient:
        trap = planted.Trap(how, when, armed=False, name="trap")
        keras.Sequential([keras.Input((3,), name="x"), trap, layers.Dense(1, name="out")]).save(
            tmp_path / "m.keras"
        )
        np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(6, 3)).astype("float32"))
        paths = {
            "model": str(tmp_path / "m.keras"),
            "data": str(tmp_path / "x.npy"),
            "custom_objects": [str(planted.__file__)],
            **files,
        }
        clients.append(WorkerClient(fork_server, {"files": paths, "options": OPTIONS}, timeout=timeout))
        return clients[-1]

    yield client_with
    for client in clients:
        client.close()


@pytest.mark.parametrize(
    ("files", "scales"), [({}, False), ({"scaler": "s.joblib"}, True), ({"target_scaler": "t.pkl"}, True)]
)
def test_a_worker_says_before_it_is_forked_whether_it_scales(files: dict[str, str], scales: bool) -> None:
    source = mock.Mock()
    source.fork.side_effect = NoVerdictError("none")
    with pytest.raises(NoVerdictError):
        WorkerClient(source, {"files": files, "options": OPTIONS}, timeout=9.0).load()
    assert source.fork.call_args.kwargs["scales"] is scales


@pytest.mark.parametrize(
    ("how", "fact"),
    [
        ("kill", "SIGKILL"),
        ("abort", "SIGABRT"),
        ("exit", "exit code 0: "),
        ("raise", "RuntimeError: "),
        ("garble", NOT_A_MESSAGE),
        ("vanish", "SIGKILL"),
        ("forge", NOT_A_MESSAGE),
        ("announce", "5.24e+05 GiB"),
        ("write", "PermissionError: [Errno 13]"),
        ("write", "--isolation off"),
        ("connect", "PermissionError: [Errno 13]"),
        ("end the run", "PermissionError: [Errno 1]"),
    ],
)
def test_harm_is_an_error_of_its_route_only(how: str, fact: str, create: Create) -> None:
    client = create(how)
    client.load()
    before, _ = client.run("call", ROWS)
    harmed, baseline = client.run("bare-call", ROWS)
    after, _ = client.run("call", ROWS)
    assert harmed.error is not None
    assert fact in harmed.error
    assert "\x1b" not in harmed.error
    assert "\n" not in harmed.error
    assert (harmed.ran, harmed.unavailable, dict(harmed.outputs), baseline) == (False, None, {}, None)
    assert before.ran
    assert after.ran
    assert before.outputs["out"].tolist() == after.outputs["out"].tolist()


def test_a_hung_worker_is_ended_after_its_time(create: Create, wording: SnapshotAssertion) -> None:
    client = create("hang", timeout=5.0)
    client.load()
    assert client.run("bare-call", ROWS)[0].error == wording
    assert client.run("call", ROWS)[0].ran


@pytest.mark.parametrize("how", ["drip", "flood for ever"])
def test_an_answer_without_end_is_cut_off(how: str, create: Create, wording: SnapshotAssertion) -> None:
    client = create(how, timeout=5.0)
    client.load()
    assert client.run("bare-call", ROWS)[0].error == wording
    assert len(client._fork_server.log()) <= 4000
    assert client.run("call", ROWS)[0].ran


def test_once_the_runs_time_is_over_no_route_runs(
    create: Create, fork_server: ForkServer, wording: SnapshotAssertion
) -> None:
    client = create("hang")
    deadline = Deadline(answer=60.0, total=10.0)
    limited = WorkerClient(fork_server, client._load_request, timeout=60.0, deadline=deadline)
    limited.load()
    assert limited.run("call", ROWS)[0].ran
    errors = [limited.run(route, ROWS)[0].error for route in ("bare-call", "call")]
    with pytest.raises(NoVerdictError) as caught:
        limited.load()
    assert [*errors, str(caught.value)] == wording
    limited.close()


def test_a_worker_that_uses_too_much_memory_is_ended(
    create: Create, fork_server: ForkServer, wording: SnapshotAssertion
) -> None:
    client = create("swallow")
    client.load()
    fork_server._watch.limit = MemoryLimit(each=2 * 2**30)
    try:
        harmed, _ = client.run("bare-call", ROWS)
    finally:
        fork_server._watch.limit = MemoryLimit()
    assert masked(str(harmed.error)) == wording
    size, _, rest = str(harmed.error).partition("(")[2].partition(" GiB of ")
    assert 2.0 <= float(size) < 3.0
    assert rest.startswith("2 GiB")
    assert client.run("call", ROWS)[0].ran


def test_a_worker_that_ends_after_its_last_answer_is_lost(create: Create, wording: SnapshotAssertion) -> None:
    client = create("kill")
    assert client.lost() is None
    client.load()
    assert client.run("call", ROWS)[0].ran
    assert client.lost() is None
    os.kill(client._child, signal.SIGKILL)
    assert client.lost() == wording
    assert client.lost() is None


def test_an_error_contains_the_end_of_the_log(create: Create) -> None:
    client = create("exit")
    client.load()
    assert "last output of the layer" in str(client.run("bare-call", ROWS)[0].error)


def test_an_error_contains_the_message_of_the_exception(create: Create) -> None:
    client = create("raise")
    client.load()
    assert "planted trouble over two lines" in str(client.run("bare-call", ROWS)[0].error)


def test_a_flood_of_output_does_no_harm(create: Create) -> None:
    client = create("flood")
    client.load()
    assert client.run("bare-call", ROWS)[0].ran


@pytest.mark.parametrize(
    ("how", "kind", "fact"),
    [
        ("kill", NoVerdictError, "SIGKILL"),
        ("exit", NoVerdictError, "exit code 0"),
        ("raise", RefusedError, "planted"),
    ],
)
def test_harm_while_loading_is_no_verdict(how: str, kind: type[Exception], fact: str, create: Create) -> None:
    with pytest.raises(kind) as caught:
        create(how, "load").load()
    assert fact in str(caught.value)


def test_a_worker_that_can_never_load_again_keeps_answering_with_errors(
    create: Create, tmp_path: Path
) -> None:
    client = create("kill")
    client.load()
    client.run("bare-call", ROWS)
    (tmp_path / "m.keras").unlink()
    for _ in range(2):
        trace, _ = client.run("call", ROWS)
        assert trace.error
        assert not trace.ran


def test_traces_have_all_their_fields(create: Create) -> None:
    client = create("flood")
    facts, rows_description = client.load()
    assert (facts.kind, [fact.path for fact in facts.layers], rows_description) == (
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


def test_a_refusal_keeps_its_class(create: Create, tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text("import nothing_of_this_name")
    with pytest.raises(UsageError) as caught:
        create("flood", custom_objects=[str(tmp_path / "bad.py")]).load()
    assert "nothing_of_this_name" in str(caught.value)
    (tmp_path / "empty.py").write_text("")
    with pytest.raises(RefusedError) as refused:
        create("flood", custom_objects=[str(tmp_path / "empty.py")]).load()
    assert "'Trap'" in str(refused.value)


def test_rows_that_do_not_fit_end_the_run(create: Create, tmp_path: Path) -> None:
    np.save(tmp_path / "wide.npy", np.zeros((6, 5), "float32"))
    client = create("flood", data=str(tmp_path / "wide.npy"))
    client.load()
    with pytest.raises(DataError) as caught:
        client.run("predict", ROWS)
    assert "(6, 5)" in str(caught.value)
