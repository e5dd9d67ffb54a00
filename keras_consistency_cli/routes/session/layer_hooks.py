"""Hooks around the calls of layers.

This is the one place where methods of Keras are replaced, while a route observes a run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["CallStack", "intercept_calls", "is_in_model_graph", "layer_path"]

CallStack = list[Any]
"""The layers and operations that are being called at the moment, the outermost first."""


def _call_original(_running: CallStack, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    return original(*args, **kwargs)


@contextmanager
def intercept_calls(around: Callable[..., Any] = _call_original) -> Iterator[CallStack]:
    """Replace every call of a layer, or of an operation of a functional graph, by `around`.

    It is called as `around(running, original, *args, **kwargs)`. `running[-1]` is the layer or operation that
    is called, `original` its own call, already bound to it. The previous methods are restored on leaving.

    Yields:
        `running`, for those who only ask which layer is being called when something else happens.
    """
    import keras

    running: CallStack = []

    def hook(original: Callable[..., Any], skipped: type | None) -> Callable[..., Any]:
        def call(self: Any, *args: Any, **kwargs: Any) -> Any:
            # The call of a layer also passes through the call of Operation; it counts once.
            if skipped is not None and isinstance(self, skipped):
                return original(self, *args, **kwargs)
            running.append(self)
            try:
                return around(running, original.__get__(self), *args, **kwargs)
            finally:
                running.pop()

        return call

    layer, operation = keras.layers.Layer.__call__, keras.Operation.__call__
    keras.layers.Layer.__call__, keras.Operation.__call__ = (
        hook(layer, None),
        hook(operation, keras.layers.Layer),
    )
    try:
        yield running
    finally:
        keras.layers.Layer.__call__, keras.Operation.__call__ = layer, operation


def is_in_model_graph(running: CallStack) -> bool:
    """Whether the current call belongs to the graph of a model, not to a part of a layer."""
    import keras

    return all(isinstance(caller, keras.Model) for caller in running[:-1])


def layer_path(running: CallStack) -> str:
    """Return the path below the outermost model, for example "encoder/dense_1"."""
    return "/".join(str(layer.name) for layer in running[1:]) or str(running[-1].name)
