"""Several workers at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from keras_consistency_cli.workers.client import WorkerClient

__all__ = ["map_concurrently"]

_Answer = TypeVar("_Answer")


def map_concurrently(
    clients: Sequence[WorkerClient], act: Callable[[WorkerClient], _Answer]
) -> list[_Answer]:
    """Do something with every seat side by side, and return the answers in their order.

    Whatever interrupts one, Ctrl-C included, ends them all at once: threads that wait for a worker are woken by its end.
    """
    if len(clients) == 1:
        # A seat in this process keeps to this thread: what Keras remembers, it remembers thread by thread.
        return [act(clients[0])]
    with ThreadPoolExecutor(len(clients)) as pool:
        try:
            return list(pool.map(act, clients))
        except BaseException:
            for client in clients:
                client.terminate_all()
            raise
