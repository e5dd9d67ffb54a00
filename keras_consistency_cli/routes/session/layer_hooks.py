"""Standing between a model and its layers: the one place where Keras's own calls are replaced, for as long as a route looks on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["Running", "among_layers", "intercepted", "path_of"]

Running = list[Any]
"""The layers and operations that are being called at the moment, outermost first."""


@contextmanager
def intercepted(around: Callable[..., Any]) -> Iterator[None]:
    """Let `around(running, original, *args, **kwargs)` stand in for every call of a layer, or of an operation of a functional graph.

    `running[-1]` is what is being called, and `original` its own call, already bound to it. What was there before is put back on leaving.
    """
    import keras

    running: Running = []

    def standing_in(original: Callable[..., Any], skipped: type | None) -> Callable[..., Any]:
        def call(self: Any, *args: Any, **kwargs: Any) -> Any:
            # A layer's call passes through Operation's as well and counts once.
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
        standing_in(layer, None),
        standing_in(operation, keras.layers.Layer),
    )
    try:
        yield
    finally:
        keras.layers.Layer.__call__, keras.Operation.__call__ = layer, operation


def among_layers(running: Running) -> bool:
    """Whether what is being called stands in a model's graph, not inside another layer."""
    import keras

    return all(isinstance(each, keras.Model) for each in running[:-1])


def path_of(running: Running) -> str:
    """Return the path below the outermost model, "encoder/dense_1"."""
    return "/".join(str(each.name) for each in running[1:]) or str(running[-1].name)
