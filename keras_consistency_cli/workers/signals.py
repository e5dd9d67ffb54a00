"""Ctrl-C, SIGTERM and a closed terminal: the run is cleaned up and over within half a second, and can no longer end well.

A signal raises `Interruption` in the main thread, once. Should that be caught somewhere, or should the main thread be busy in a library that does not
let go, a thread that was woken by the same signal does the last acts itself and ends the process.
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

__all__ = ["Interruption", "interruptible", "leave_at_once", "on_exit", "signals_deferred"]

_CODES = {
    signal.SIGINT: (130, "interrupted"),
    signal.SIGTERM: (143, "terminated"),
    signal.SIGHUP: (143, "terminated"),
}
_GRACE_MS = 350


class Interruption(BaseException):
    """The run was told to end; not an Exception, so that nothing that expects failures catches it."""

    def __init__(self, number: int) -> None:
        self.code, self.word = _CODES[signal.Signals(number)]
        super().__init__(self.word)


class _Run:
    """What has come in; not frozen, because a signal may come at any moment."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget the last run."""
        self.number = 0
        self.held = 0
        self.raised = False
        self.last_acts: list[Callable[[], None]] = []

    def arrived(self, number: int, _frame: FrameType | None) -> None:
        """Take a signal: the first one ends the run, those that follow change nothing."""
        if self.number:
            return
        self.number = number
        if not self.held:
            self.end()

    def end(self) -> None:
        """Raise what the signal asks for."""
        self.raised = True
        raise Interruption(self.number)


_run = _Run()


@contextmanager
def interruptible() -> Iterator[None]:
    """Let signals end what is done within; a run that was told to end always leaves with an Interruption.

    Signals that whoever started the process ignores stay ignored. Does nothing but in the main thread.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _run.clear()
    before = {
        number: signal.signal(number, _run.arrived)
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
        # Whatever else went wrong on the way out of a run that was told to end is of no interest.
        if not _run.number:
            raise
    finally:
        signal.set_wakeup_fd(woken)
        os.close(writer)
        for number, handler in before.items():
            signal.signal(number, handler)
    if _run.number:
        _last_acts()
        _run.end()


@contextmanager
def signals_deferred() -> Iterator[None]:
    """Keep signals waiting while processes or files are made or removed, so that none is forgotten half-way."""
    mine = threading.current_thread() is threading.main_thread()
    _run.held += mine
    try:
        yield
    finally:
        _run.held -= mine
    if mine and _run.number and not _run.held and not _run.raised:
        _run.end()


def on_exit(act: Callable[[], None]) -> None:
    """Have something done at the end of a run that was told to end; it may be done twice, and from another thread."""
    _run.last_acts.append(act)


def _watch(descriptor: int) -> None:
    """Wait for the first signal; where the run is still there after its time, end it."""
    with os.fdopen(descriptor, "rb", buffering=0) as pipe:
        while number := pipe.read(1):
            if number[0] in _CODES:
                break
        else:
            return
        poll = select.poll()
        poll.register(pipe, select.POLLHUP)
        if poll.poll(_GRACE_MS):
            return
    _last_acts()
    leave_at_once(number[0], None)


def _last_acts() -> None:
    for act in _run.last_acts:
        with contextlib.suppress(Exception):
            act()


def leave_at_once(number: int, _frame: FrameType | None) -> None:
    """End the process now, saying so; a handler for times at which there is nothing to clean up."""
    code, word = _CODES[signal.Signals(number)]
    with contextlib.suppress(OSError):
        os.write(2, f"kcheck: {word}\n".encode())
    os._exit(code)
