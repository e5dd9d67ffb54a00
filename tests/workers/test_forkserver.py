"""fork server: its workers, and the whole command if a worker comes to harm.

The other checks keep their verdicts, the exit code is 3, and nothing is left behind. What a run leaves behind
does not depend on the harm, so most kinds of harm are done to workers of a shared fork server.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.errors import NoVerdictError
from keras_consistency_cli.workers import protocol
from keras_consistency_cli.workers.forkserver import ForkServer
from tests.helpers import planted
from tests.helpers.commands import Surroundings
from tests.helpers.in_process import SharedForkServer, run_in_process

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are counted in /proc")
CHECKS = "KC104,KC201,KC202,KC204"


@pytest.fixture
def around(tmp_path: Path) -> Surroundings:
    return Surroundings(tmp_path)


@pytest.fixture
def trapped(tmp_path: Path) -> Callable[..., list[str]]:
    """Save a model with a trap and return the arguments that check it."""

    def save(how: str, when: str = "bare", *parts: Any) -> list[str]:
        trap = planted.Trap(how, when, armed=False, name="trap")
        keras.Sequential([keras.Input((3,), name="x"), *parts, trap, layers.Dense(1, name="out")]).save(
            tmp_path / "m.keras"
        )
        np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(40, 3)).astype("float32"))
        objects = ["--custom-objects", str(planted.__file__)]
        return [
            "run",
            str(tmp_path / "m.keras"),
            "--data",
            str(tmp_path / "x.npy"),
            *objects,
            "--select",
            CHECKS,
            "--format",
            "json",
            "--batch-size",
            "8",
        ]

    return save


def statuses(stdout: str) -> dict[str, str]:
    return {result["code"]: result["status"] for result in json.loads(stdout)["results"]}


HARMED = {"KC104": "pass", "KC201": "pass", "KC202": "error", "KC204": "pass"}


def reason_of_error(stdout: str) -> str:
    (harmed,) = [result for result in json.loads(stdout)["results"] if result["code"] == "KC202"]
    return str(harmed["reason"])


def test_nothing_is_left_behind_after_harm(around: Surroundings, trapped: Callable[..., list[str]]) -> None:
    done = around.run(*trapped("kill"))
    assert (done.returncode, done.stderr, statuses(done.stdout)) == (3, "", HARMED)
    assert "SIGKILL" in reason_of_error(done.stdout)
    assert around.left_behind() == ([], [])


@pytest.mark.parametrize(
    ("how", "when", "fact"),
    [
        ("abort", "bare", "SIGABRT"),
        ("exit", "bare", "exit code 0"),
        ("raise", "bare", "RuntimeError"),
        ("exit", "training", "exit code 0"),
    ],
)
def test_harm_is_an_error_and_the_other_checks_have_verdicts(
    how: str, when: str, fact: str, trapped: Callable[..., list[str]], shared_fork_server: SharedForkServer
) -> None:
    done = run_in_process(*trapped(how, when), fork_server=shared_fork_server)
    assert (done.code, done.err, statuses(done.out)) == (3, "", HARMED)
    assert fact in reason_of_error(done.out)


def test_a_failure_outweighs_an_error(
    trapped: Callable[..., list[str]], shared_fork_server: SharedForkServer
) -> None:
    normaliser = layers.UnitNormalization(axis=0)
    done = run_in_process(*trapped("exit", "bare", normaliser), fork_server=shared_fork_server)
    assert (done.code, done.err) == (1, "")
    assert {code: status for code, status in statuses(done.out).items() if code != "KC201"} == {
        "KC104": "fail",
        "KC202": "error",
        "KC204": statuses(done.out)["KC204"],
    }


def test_children_of_a_worker_end_with_it_and_its_output_stays_out_of_the_report(
    around: Surroundings, trapped: Callable[..., list[str]]
) -> None:
    others = [planted.Trap(how, armed=False, name=how) for how in ("spawn", "escape")]
    done = around.run(*trapped("flood", "bare", *others))
    assert (done.returncode, done.stderr) == (0, "")
    assert set(statuses(done.stdout).values()) == {"pass"}
    assert around.left_behind() == ([], [])


def test_isolation_can_be_switched_off_and_is_reported(
    around: Surroundings, trapped: Callable[..., list[str]]
) -> None:
    kept, free = around.run(*trapped("write")), around.run(*trapped("write"), "--isolation", "off")
    written = Path(planted.__file__).with_name("written_by_a_worker")
    assert written.exists()
    written.unlink()
    assert (kept.returncode, free.returncode) == (3, 0)
    environments = [json.loads(done.stdout)["environment"] for done in (kept, free)]
    assert [(values["isolation"], values["isolation_lacks"]) for values in environments] == [
        ("full", []),
        ("off", []),
    ]


def test_the_whole_run_has_a_limit_of_its_own(
    around: Surroundings, trapped: Callable[..., list[str]]
) -> None:
    done = around.run(*trapped("hang"), "--total-timeout", "12")
    assert (done.returncode, done.stderr, json.loads(done.stdout)["verdict"]) == (3, "", "no-verdict")
    assert statuses(done.stdout)["KC202"] == "error"
    assert "12 s is over (--total-timeout)" in done.stdout
    assert around.left_behind() == ([], [])


def test_a_run_without_time_has_no_verdict(around: Surroundings, trapped: Callable[..., list[str]]) -> None:
    done = around.run(*trapped("flood"), "--total-timeout", "0.5")
    assert (done.returncode, json.loads(done.stdout)["verdict"]) == (3, "no-verdict")
    assert "--total-timeout" in done.stderr
    assert around.left_behind() == ([], [])


@pytest.mark.parametrize("how", ["kill", "exit"])
def test_harm_in_every_prediction_is_no_verdict(
    how: str, trapped: Callable[..., list[str]], shared_fork_server: SharedForkServer
) -> None:
    done = run_in_process(*trapped(how, "always"), fork_server=shared_fork_server)
    assert (done.code, done.err) == (3, "")
    assert set(statuses(done.out).values()) == {"error"}


def test_harm_while_loading_is_reported_on_stderr(
    around: Surroundings, trapped: Callable[..., list[str]]
) -> None:
    done = around.run(*trapped("exit", "load"))
    assert (done.returncode, json.loads(done.stdout)["verdict"]) == (3, "no-verdict")
    assert "exit code 0: " in done.stderr
    assert "last output of the layer" in done.stderr
    assert len(done.stderr.splitlines()) <= 3
    assert around.left_behind() == ([], [])


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -signal.SIGKILL)],
)
def test_interrupting_ends_every_process(
    number: int, code: int, around: Surroundings, trapped: Callable[..., list[str]]
) -> None:
    process = around.start(*trapped("spawn and hang"))
    try:
        for _ in range(1200):
            if list(around.temporary.glob("kcheck-*/hanging")):
                break
            time.sleep(0.05)
        assert len(around.processes()) >= 3, "parent, fork server and worker should be running"
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert (process.returncode, out) == (code, "")
    assert (
        err
        == {
            signal.SIGINT: "kcheck: interrupted\n",
            signal.SIGTERM: "kcheck: terminated\n",
            signal.SIGKILL: "",
        }[signal.Signals(number)]
    )
    processes, files = around.left_behind()
    assert processes == []
    if number == signal.SIGKILL:
        # A killed run cannot clean up the folder of its fork server; the next run does.
        assert len(files) == 1
        assert around.run(*trapped("flood")).returncode == 0
    assert around.left_behind() == ([], [])


BROKEN = {
    "raises": ("raise ImportError('no libcuda \\x1b[31mhere')", "no libcuda"),
    "exits": ("import os; print('cannot go on', flush=True); os._exit(7)", "cannot go on"),
    "is killed": ("import os; os.kill(os.getpid(), 9)", "backend"),
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_backend_is_no_verdict_with_the_end_of_its_log(
    how: str, around: Surroundings, trapped: Callable[..., list[str]]
) -> None:
    arguments = trapped("flood")
    fake = around.folder / "fake" / "keras"
    fake.mkdir(parents=True)
    (fake / "__init__.py").write_text(BROKEN[how][0])
    done = around.run(*arguments, before=str(fake.parent))
    assert (done.returncode, json.loads(done.stdout)["verdict"]) == (3, "no-verdict")
    assert "\x1b" not in done.stdout
    assert BROKEN[how][1] in done.stderr
    assert "\x1b" not in done.stderr
    assert len(done.stderr.splitlines()) <= 3
    assert "Traceback" not in done.stderr
    assert around.left_behind() == ([], [])


def test_nothing_is_imported_from_the_current_folder(
    around: Surroundings, trapped: Callable[..., list[str]]
) -> None:
    arguments = trapped("flood")
    for name in ("keras", "json", "tensorflow", "socket", "gc", "keras_consistency_cli"):
        (around.folder / f"{name}.py").write_text("open('imported', 'w').close()\n")
    done = around.run(*arguments, PYTHONSAFEPATH="1")
    assert (done.returncode, done.stderr, (around.folder / "imported").exists()) == (0, "", False)


@pytest.fixture
def fork_server(shared_fork_server: SharedForkServer) -> SharedForkServer:
    shared_fork_server.start({"KERAS_BACKEND": "tensorflow"})
    return shared_fork_server


def test_workers_are_forks_with_a_channel_each(fork_server: SharedForkServer) -> None:
    (first, one), (second, two) = fork_server.fork(), fork_server.fork()
    assert first != second
    for channel in (one, two):
        protocol.send(channel, {"op": "nonsense"})
        assert protocol.receive(channel)[0]["kind"] == "KeyError"
        channel.close()
    assert [fork_server.wait_for(first), fork_server.wait_for(second)] == [0, 0]


def test_scikit_learn_is_imported_before_a_worker_that_scales(
    fork_server: SharedForkServer,
) -> None:
    child, channel = fork_server.fork(scales=True)
    assert "/sklearn/" in Path(f"/proc/{child}/maps").read_text()
    channel.close()
    assert fork_server.wait_for(child) == 0


def test_the_signal_that_ended_a_worker_is_known(fork_server: SharedForkServer) -> None:
    child, channel = fork_server.fork()
    os.kill(child, signal.SIGTERM)
    assert fork_server.wait_for(child) == -signal.SIGTERM
    channel.close()


def test_the_end_of_the_log_is_kept_for_errors(fork_server: SharedForkServer) -> None:
    child, channel = fork_server.fork()
    protocol.send(channel, {"op": "planted nonsense"})
    protocol.receive(channel)
    channel.close()
    fork_server.wait_for(child)
    assert "KeyError: 'planted nonsense'" in fork_server.log_tail()
    assert len(fork_server.log()) <= 4000


def test_a_fork_server_that_was_never_started_can_be_closed() -> None:
    with ForkServer() as fork_server:
        process = fork_server._process.pid
    assert not Path(f"/proc/{process}").exists()


def test_a_backend_that_does_not_exist_is_reported(wording: SnapshotAssertion) -> None:
    with ForkServer() as fork_server:
        fork_server.start({"KERAS_BACKEND": "no-such-backend"})
        with pytest.raises(NoVerdictError) as caught:
            fork_server.fork()
    assert "no-such-backend" in caught.value.what
    assert caught.value.fix == wording


def test_closing_twice_is_safe_and_ends_the_workers(wording: SnapshotAssertion) -> None:
    fork_server = ForkServer()
    fork_server.start({"KERAS_BACKEND": "tensorflow"})
    _, channel = fork_server.fork()
    with channel.dup() as still_open:
        fork_server.close()
        fork_server.close()
        assert channel.fileno() == -1
        still_open.settimeout(10.0)
        assert still_open.recv(1) == b"", "the worker should have ended"
    with pytest.raises(NoVerdictError) as caught:
        fork_server.fork()
    assert str(caught.value) == wording


def test_a_killed_fork_server_is_lost(wording: SnapshotAssertion) -> None:
    with ForkServer() as fork_server:
        fork_server.start({"KERAS_BACKEND": "tensorflow"})
        _, channel = fork_server.fork()
        assert fork_server.lost() is None
        os.kill(fork_server._process.pid, signal.SIGKILL)
        assert fork_server.lost() == wording
        channel.settimeout(10.0)
        assert channel.recv(1) == b"", "its worker should have ended with it"
