"""Trace timer: how long TensorFlow traces Python functions into graphs, added up for this process.

TensorFlow counts traces but does not time them. The function that builds every graph is wrapped once; if a
version of TensorFlow has none of this name, the time stays 0.
"""

from __future__ import annotations

import functools
import importlib
import threading
import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar

__all__ = ["tracing_seconds"]

_BUILDER = "func_graph_from_py_func"
_Given = ParamSpec("_Given")
_Graph = TypeVar("_Graph")


class _Timer:
    """Seconds of all outermost calls; a graph in a graph, as the body of a loop, is part of the outer one."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._inside = threading.local()

    def time(self, build: Callable[_Given, _Graph]) -> Callable[_Given, _Graph]:
        """Return the function with its outermost calls timed."""

        @functools.wraps(build)
        def timed(*args: _Given.args, **kwargs: _Given.kwargs) -> _Graph:
            if getattr(self._inside, "running", False):
                return build(*args, **kwargs)
            self._inside.running, start = True, time.perf_counter()
            try:
                return build(*args, **kwargs)
            finally:
                self._inside.running = False
                self.seconds += time.perf_counter() - start

        return timed


@functools.cache
def _installed_timer() -> _Timer:
    timer = _Timer()
    try:
        graphs = importlib.import_module("tensorflow.python.framework.func_graph")
        setattr(graphs, _BUILDER, timer.time(getattr(graphs, _BUILDER)))
    except (ImportError, AttributeError):
        pass
    return timer


def tracing_seconds() -> float:
    """Return the seconds of tracing since the first call, which installs the timer."""
    return _installed_timer().seconds
