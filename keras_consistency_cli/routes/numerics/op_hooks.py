"""Hooks on TensorFlow's operations that round each result to float32.

Layers hide what they compute inside: a custom layer may add a large number and subtract it again, or
subtract the square of the mean from the mean of squares. In float64, with every single operation rounded,
the model makes the rounding errors that float32 makes, and no other ones.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["rounding_operations"]


@contextmanager
def rounding_operations() -> Iterator[None]:
    """Round float64 results of all eager operations of this thread to float32.

    Compiled functions are not changed. The hooks are those that TensorFlow has for debuggers; if a version
    has none, or ignores them, nothing is rounded.
    """
    try:
        hooks: Any = importlib.import_module("tensorflow.python.framework.op_callbacks")
        add, remove = hooks.add_op_callback, hooks.remove_op_callback
    except (ImportError, AttributeError):
        yield
        return
    hook = _RoundingHook()
    add(hook)
    try:
        yield
    finally:
        remove(hook)


class _RoundingHook:
    """The hook, which rounds the list of results in place.

    Its return value would only count in graphs.
    """

    def __init__(self) -> None:
        self._is_rounding = False

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
        # Rounding is made of operations too, which call this hook again.
        if graph is not None or self._is_rounding or not isinstance(outputs, list):
            return
        self._is_rounding = True
        try:
            for position, output in enumerate(outputs):
                outputs[position] = _round_to_float32(output)
        finally:
            self._is_rounding = False


def _round_to_float32(output: Any) -> Any:
    import tensorflow as tf

    if getattr(output, "dtype", None) != tf.float64:
        return output
    return tf.cast(tf.cast(output, tf.float32), tf.float64)
