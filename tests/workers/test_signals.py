"""signals: one signal ends the run, whatever it is doing, and the run cannot end normally afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from keras_consistency_cli.workers.signals import Interruption, interruptible, on_exit, signals_deferred

ROOT = Path(__file__).resolve().parents[2]


def send(number: int = signal.SIGTERM) -> None:
    """Send this process a signal, and wait for Python to notice."""
    os.kill(os.getpid(), number)
    for _ in range(1000):
        pass


def interrupted(body: Callable[[], None]) -> Interruption:
    """Run a function that a signal interrupts, and return the interruption."""
    with pytest.raises(Interruption) as caught, interruptible():
        body()
    return caught.value


@pytest.mark.parametrize(
    ("number", "code", "word"),
    [
        (signal.SIGINT, 130, "interrupted"),
        (signal.SIGTERM, 143, "terminated"),
        (signal.SIGHUP, 143, "terminated"),
    ],
)
def test_a_signal_ends_the_run(number: int, code: int, word: str) -> None:
    handler = signal.getsignal(number)

    def body() -> None:
        send(number)
        pytest.fail("it went on")

    caught = interrupted(body)
    assert (caught.code, caught.word) == (code, word)
    assert signal.getsignal(number) is handler


def test_without_a_signal_nothing_happens() -> None:
    acts: list[str] = []
    with interruptible():
        on_exit(lambda: acts.append("done"))
        with signals_deferred():
            pass
    assert acts == []


def test_a_second_signal_changes_nothing() -> None:
    steps = []

    def body() -> None:
        try:
            send(signal.SIGTERM)
        finally:
            send(signal.SIGINT)
            send(signal.SIGTERM)
            steps.append("cleaned up")

    caught = interrupted(body)
    assert (caught.code, steps) == (143, ["cleaned up"])


def test_a_run_that_catches_the_interruption_still_ends_with_it() -> None:
    went_on = False

    def body() -> None:
        nonlocal went_on
        try:
            send()
        except Interruption:
            went_on = True

    interrupted(body)
    assert went_on


def test_other_failures_after_a_signal_are_ignored() -> None:
    def body() -> None:
        try:
            send()
        finally:
            raise ValueError("the pool is broken")

    interrupted(body)


def test_failures_without_a_signal_pass() -> None:
    def body() -> None:
        raise ValueError("mine")

    with pytest.raises(ValueError) as caught, interruptible():
        body()
    assert str(caught.value) == "mine"


def test_signals_are_deferred_until_a_step_is_complete() -> None:
    steps = []

    def body() -> None:
        with signals_deferred():
            with signals_deferred():
                send()
                steps.append("inner")
            steps.append("outer")
        steps.append("beyond")

    interrupted(body)
    assert steps == ["inner", "outer"]


def test_every_exit_callback_runs_even_if_one_fails() -> None:
    acts: list[str] = []

    def body() -> None:
        on_exit(lambda: [][0])
        on_exit(lambda: acts.append("done"))
        send()

    interrupted(body)
    assert acts == ["done"]


def test_ignored_signals_stay_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with interruptible():
            send(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_other_threads_are_not_affected() -> None:
    found = []

    def work() -> None:
        with interruptible(), signals_deferred():
            found.append(threading.current_thread() is threading.main_thread())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [False]


def program(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )


STUBBORN = """
import os, signal, time
from pathlib import Path
from keras_consistency_cli.workers.signals import interruptible, on_exit
with interruptible():
    on_exit(lambda: print("cleaned up", flush=True))
    os.kill(os.getpid(), signal.SIGTERM)
    %s
print("it went on")
"""


@pytest.mark.parametrize(
    "stubborn",
    [
        pytest.param(
            "\n    ".join(["", "while True:", "    try: time.sleep(60)", "    except BaseException: pass"]),
            id="swallows everything",
        ),
        pytest.param(
            "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM]); signal.pause()",
            id="waits for another signal",
        ),
    ],
)
def test_a_run_that_does_not_end_is_killed(stubborn: str) -> None:
    done = program(
        STUBBORN.replace("    os.kill", "    try: os.kill").replace(
            "SIGTERM)", "SIGTERM)\n    except BaseException: pass"
        )
        % stubborn
    )
    assert (done.returncode, done.stdout, done.stderr) == (143, "cleaned up\n", "kcheck: terminated\n")


@pytest.mark.parametrize(
    ("number", "code", "word"), [("SIGINT", 130, "interrupted"), ("SIGTERM", 143, "terminated")]
)
def test_a_signal_before_the_imports_ends_the_process_quietly(number: str, code: int, word: str) -> None:
    """The import of the command line stands for everything that happens before it handles signals."""
    late = f"type('Late', (), {{'__getattr__': lambda *_: os.kill(os.getpid(), signal.{number})}})()"
    played = f"import os, signal, sys; sys.modules['keras_consistency_cli.cli.main'] = {late}\n"
    done = program(played + "from keras_consistency_cli.__main__ import main\nmain()")
    assert (done.returncode, done.stdout, done.stderr) == (code, "", f"kcheck: {word}\n")
