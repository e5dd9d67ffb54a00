"""Signals: Ctrl-C, SIGTERM and a closed terminal end a run cleanly within half a second.

A signal raises `Interruption` in the main thread, once. If that is caught somewhere, or the main thread is
busy in a library, another thread that the same signal wakes runs the exit callbacks itself and ends the
process.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["Interruption", "allow_longer_ending", "exit_now", "interruptible", "on_exit", "signals_deferred"]

_CODES = {
    signal.SIGINT: (130, "interrupted"),
    signal.SIGTERM: (143, "terminated"),
    signal.SIGHUP: (143, "terminated"),
}
_GRACE_MS = 350


class Interruption(BaseException):
    """A signal ended the run; not an Exception, so that handlers of failures do not catch it."""

    def __init__(self, number: int) -> None:
        self.code, self.word = _CODES[signal.Signals(number)]
        super().__init__(self.word)


class _Run:
    """The state of signal handling; it is mutable because a signal may arrive at any moment."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget the last run."""
        self.number = 0
        self.deferred = 0
        self.raised = False
        self.grace_ms = _GRACE_MS
        self.exit_callbacks: list[Callable[[], None]] = []

    def handle(self, number: int, _frame: FrameType | None) -> None:
        """Take a signal: the first one ends the run, later ones change nothing."""
        if self.number:
            return
        self.number = number
        if not self.deferred:
            self.interrupt()

    def interrupt(self) -> None:
        """Raise the interruption for the signal."""
        self.raised = True
        raise Interruption(self.number)


_run = _Run()


@contextmanager
def interruptible() -> Iterator[None]:
    """Let signals end the block; after a signal the block always ends with an Interruption.

    Signals that are ignored when the process starts stay ignored. Outside the main thread this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _run.clear()
    before = {
        number: signal.signal(number, _run.handle)
        for number in _CODES
        if signal.getsignal(number) is not signal.SIG_IGN
    }
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    woken = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    threading.Thread(target=_watch, args=(reader,), name="interruption", daemon=True).start()
    try:
        yield
    except BaseException:
        # Other failures on the way out of an interrupted run do not matter.
        if not _run.number:
            raise
    finally:
        signal.set_wakeup_fd(woken)
        os.close(writer)
        for number, handler in before.items():
            signal.signal(number, handler)
    if _run.number:
        _run_exit_callbacks()
        _run.interrupt()


@contextmanager
def signals_deferred() -> Iterator[None]:
    """Defer signals while processes or files are created or removed."""
    in_main = threading.current_thread() is threading.main_thread()
    _run.deferred += in_main
    try:
        yield
    finally:
        _run.deferred -= in_main
    if in_main and _run.number and not _run.deferred and not _run.raised:
        _run.interrupt()


def on_exit(act: Callable[[], None]) -> None:
    """Call a function at the end of an interrupted run, possibly twice and in any thread."""
    _run.exit_callbacks.append(act)


def allow_longer_ending(seconds: float) -> None:
    """Give the main thread more time to end this run after a signal, such as to write what is done."""
    _run.grace_ms = int(seconds * 1000)


def _watch(descriptor: int) -> None:
    """Wait for the first signal; end the run if it is still there after the grace time."""
    with os.fdopen(descriptor, "rb", buffering=0) as pipe:
        while number := pipe.read(1):
            if number[0] in _CODES:
                break
        else:
            return
        poll = select.poll()
        poll.register(pipe, select.POLLHUP)
        if poll.poll(_run.grace_ms):
            return
    _run_exit_callbacks()
    exit_now(number[0], None)


def _run_exit_callbacks() -> None:
    for act in _run.exit_callbacks:
        with contextlib.suppress(Exception):
            act()


def exit_now(number: int, _frame: FrameType | None) -> None:
    """End the process at once; a signal handler for times with nothing to clean up."""
    code, word = _CODES[signal.Signals(number)]
    with contextlib.suppress(OSError):
        os.write(2, f"kcheck: {word}\n".encode())
    os._exit(code)
