"""Running out of memory in kcheck's words: what was asked for and what to do, instead of what each backend makes of it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from keras_consistency_cli.text import clean

__all__ = ["memory_error_message"]

_TYPES = frozenset({"ResourceExhaustedError", "OutOfMemoryError"})
_MARKS = (
    "RESOURCE_EXHAUSTED",
    "OOM when allocating",
    "can't allocate memory",
    "CUDA out of memory",
    "std::bad_alloc",
)
"""What TensorFlow, JAX and PyTorch say where the exception's class does not tell; a model's own errors do not speak like this."""
_MOST_WRAPPED = 8
_SHAPE = re.compile(r"shape ?[\[(]([0-9, ]+)[\])]")
_SIZE = re.compile(r"allocat(?:e|ing) ([0-9.]+ ?[KMGTPE]iB|[0-9]{1,18} bytes)")
_FIX = "give fewer rows at once (--rows, --batch-size) or use a machine with more memory"


def memory_error_message(problem: BaseException) -> str | None:
    """Say what there was no memory for and what to do; None where something else went wrong."""
    found = next((one for one in _behind(problem) if _is_exhausted(one)), None)
    return None if found is None else f"ran out of memory{_asked(str(found))}: {_FIX}"


def _behind(problem: BaseException | None) -> Iterator[BaseException]:
    """A failure and those that it was made of: Keras tells where it happened by another exception, and may lose what it was."""
    for _ in range(_MOST_WRAPPED):
        if problem is None:
            return
        yield problem
        problem = problem.__cause__ or problem.__context__


def _is_exhausted(problem: BaseException) -> bool:
    return (
        isinstance(problem, MemoryError)
        or type(problem).__name__ in _TYPES
        or any(mark in str(problem) for mark in _MARKS)
    )


def _asked(text: str) -> str:
    if shape := _SHAPE.search(text):
        return clean(f", asked for an array of shape ({', '.join(shape[1].replace(',', ' ').split())})", 120)
    size = _SIZE.search(text)
    return clean(f", asked for {size[1]} at once", 120) if size else ""
