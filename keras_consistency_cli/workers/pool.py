"""Pool: several workers at the same time."""

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
    """Call a function with every worker at the same time; return the results in order.

    Whatever interrupts one call, Ctrl-C included, ends all workers at once; threads that wait for a worker
    return when it ends.
    """
    if len(clients) == 1:
        # A worker in this process must stay in this thread: Keras keeps some state thread by thread.
        return [act(clients[0])]
    with ThreadPoolExecutor(len(clients)) as pool:
        try:
            return list(pool.map(act, clients))
        except BaseException:
            for client in clients:
                client.terminate_all()
            raise
