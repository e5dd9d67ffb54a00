"""Compiled loops: an eager call in which Keras's own recurrent layers run their loops as graphs.

Eagerly, every time step of a recurrent layer runs a dozen operations from Python: a call of a GRU over a
thousand steps takes a second instead of milliseconds. The loop is Keras's code, so compiling it hides nothing
of the model's own code. Cells that are not Keras's keep their eager loop.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import tensorflow as tf

from keras_consistency_cli.loading.model.layer_walk import is_keras_class, walk_layers

__all__ = ["compiled_loops"]


@contextmanager
def compiled_loops(model: Any) -> Iterator[None]:
    """Compile the calls of the model's stock recurrent layers inside the context."""
    layers = [layer for _, layer in walk_layers(model) if _is_stock_recurrent(layer)]
    # Keras would track an attribute that is set in the usual way.
    for layer in layers:
        object.__setattr__(layer, "call", tf.function(layer.call))
    try:
        yield
    finally:
        for layer in layers:
            object.__delattr__(layer, "call")


def _is_stock_recurrent(layer: Any) -> bool:
    if not isinstance(layer, keras.layers.RNN) or "call" in vars(layer):
        return False
    return all(is_keras_class(type(each)) for each in (layer, *(inner for _, inner in walk_layers(layer))))
