"""A lack of memory, recognized for every backend and reported in one form.

The message says how much was requested and what to do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from keras_consistency_cli.text import clean

__all__ = ["memory_error_message", "walk_chain"]

_TYPES = frozenset({"ResourceExhaustedError", "OutOfMemoryError"})
_MARKS = (
    "RESOURCE_EXHAUSTED",
    "OOM when allocating",
    "can't allocate memory",
    "CUDA out of memory",
    "std::bad_alloc",
)
"""Texts of TensorFlow, JAX and PyTorch, for exceptions of a general class; errors of a model do not contain
them."""
_MAX_CHAIN = 8
_SHAPE = re.compile(r"shape ?[\[(]([0-9, ]+)[\])]")
_SIZE = re.compile(r"allocat(?:e|ing) ([0-9.]+ ?[KMGTPE]iB|[0-9]{1,18} bytes)")
_FIX = "give fewer rows at once (--rows, --batch-size) or use a machine with more memory"


def memory_error_message(problem: BaseException) -> str | None:
    """Return what there was no memory for and what to do.

    The result is None if the problem is a different one.
    """
    memory_error = next((error for error in walk_chain(problem) if _is_memory_error(error)), None)
    return None if memory_error is None else f"ran out of memory{_requested(str(memory_error))}: {_FIX}"


def walk_chain(problem: BaseException | None) -> Iterator[BaseException]:
    """Yield an exception and its causes.

    Keras raises a new exception to say which layer failed, and may lose the original type.
    """
    for _ in range(_MAX_CHAIN):
        if problem is None:
            return
        yield problem
        problem = problem.__cause__ or problem.__context__


def _is_memory_error(problem: BaseException) -> bool:
    return (
        isinstance(problem, MemoryError)
        or type(problem).__name__ in _TYPES
        or any(mark in str(problem) for mark in _MARKS)
    )


def _requested(text: str) -> str:
    """The requested shape or size as a part of a sentence, "" if the text names neither."""
    if shape := _SHAPE.search(text):
        sizes = ", ".join(shape[1].replace(",", " ").split())
        return clean(f", asked for an array of shape ({sizes})", 120)
    size = _SIZE.search(text)
    return clean(f", asked for {size[1]} at once", 120) if size else ""
