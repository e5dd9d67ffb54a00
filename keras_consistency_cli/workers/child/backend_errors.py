"""Backend errors: describe an exception of the model or the backend on one line."""

from __future__ import annotations

import errno
import re

from keras_consistency_cli.errors import KcheckError
from keras_consistency_cli.loading.model.refusals.memory_errors import memory_error_message
from keras_consistency_cli.text import clean, unstyled

__all__ = ["describe_error"]

_LENGTH = 400
_ISOLATED = " (workers have no network and write to no folder but their own; --isolation off allows both)"
_PLACE = re.compile(r'\s*(File "|Detected at node )')
"""Lines of a graph's trace that say where its nodes were created."""
_GRAPH_TRACES = ("Graph execution error", "in user code:")
_LINES = 3


def describe_error(problem: Exception) -> str:
    """Return an exception on one line.

    An exception inside a graph's trace is described by the last lines of the trace, one of Keras itself by
    its first lines.
    """
    if isinstance(problem, KcheckError):
        return str(problem)
    if (memory := memory_error_message(problem)) is not None:
        return memory
    problem = _original(problem)
    denied = isinstance(problem, PermissionError) and problem.errno == errno.EACCES
    text = unstyled(problem)
    text = text.partition("Arguments received by")[0] or text
    lines = [line.strip() for line in text.splitlines() if line.strip() and not _PLACE.match(line)]
    in_trace = any(mark in text for mark in _GRAPH_TRACES)
    shown = clean(" ".join(lines[-_LINES:] if in_trace else lines[:_LINES]), _LENGTH)
    return f"{type(problem).__name__}: {shown}{_ISOLATED if denied else ''}"


def _original(problem: Exception) -> Exception:
    """Return the system error behind one that Keras re-created from its number alone."""
    context = problem.__context__
    if isinstance(problem, OSError) and problem.errno is None and isinstance(context, OSError):
        return context
    return problem
