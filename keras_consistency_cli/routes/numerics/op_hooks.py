"""Standing behind TensorFlow's own operations: what each one gives is rounded to float32, for as long as a route looks on.

Layers hide what they compute within: a custom one may add a large number and take it off again, or take the mean of squares less the square of
the mean. In float64, with every single operation rounded, the model makes the rounding that float32 would make, and nothing else.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["rounding_operations"]


@contextmanager
def rounding_operations() -> Iterator[None]:
    """Round float64 results of all eager operations of this thread to float32; compiled functions are left as they are.

    It relies on TensorFlow's hooks for debuggers. Where a version has none, or does not heed them, nothing is rounded.
    """
    try:
        hooks: Any = importlib.import_module("tensorflow.python.framework.op_callbacks")
        add, remove = hooks.add_op_callback, hooks.remove_op_callback
    except (ImportError, AttributeError):
        yield
        return
    rounded = _Rounded()
    add(rounded)
    try:
        yield
    finally:
        remove(rounded)


class _Rounded:
    """The hook: the list of results is changed in place, for what a hook returns counts in graphs alone."""

    def __init__(self) -> None:
        self._busy = False

    def __call__(
        self,
        _kind: Any,
        _inputs: Any,
        _attributes: Any,
        outputs: Any,
        *_name: Any,
        graph: Any = None,
        **_more: Any,
    ) -> None:
        # Rounding is made of operations too.
        if graph is not None or self._busy or not isinstance(outputs, list):
            return
        self._busy = True
        try:
            for at, output in enumerate(outputs):
                outputs[at] = _to_float32(output)
        finally:
            self._busy = False


def _to_float32(output: Any) -> Any:
    import tensorflow as tf

    return (
        tf.cast(tf.cast(output, tf.float32), tf.float64)
        if getattr(output, "dtype", None) == tf.float64
        else output
    )
