"""Several workers at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from keras_consistency_cli.workers.client import Seat

__all__ = ["together"]

_Answer = TypeVar("_Answer")


def together(seats: Sequence[Seat], act: Callable[[Seat], _Answer]) -> list[_Answer]:
    """Do something with every seat side by side, and return the answers in their order.

    Whatever interrupts one, Ctrl-C included, ends them all at once: threads that wait for a worker are woken by its end.
    """
    if len(seats) == 1:
        # A seat in this process keeps to this thread: what Keras remembers, it remembers thread by thread.
        return [act(seats[0])]
    with ThreadPoolExecutor(len(seats)) as pool:
        try:
            return list(pool.map(act, seats))
        except BaseException:
            for seat in seats:
                seat.abandon()
            raise
