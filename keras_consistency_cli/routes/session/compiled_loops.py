"""Loops of a model: which may be in it, and those of Keras compiled.

Compiled loops are an eager call in which Keras's own recurrent layers run their loops as graphs.

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

from keras_consistency_cli.loading.hints.layer_hints import keras_class_names
from keras_consistency_cli.loading.model.graph_walk import functional_graph
from keras_consistency_cli.loading.model.layer_walk import is_keras_class, walk_layers

__all__ = ["compiled_loops", "may_hold_loops"]

_HOLDING_CODE = frozenset({"Lambda", "WhileLoop", "TFSMLayer", "JaxLayer", "FlaxLayer", "TorchModuleWrapper"})


def may_hold_loops(model: Any) -> bool:
    """Whether a model may have other loops than those over time steps: in the user's code or its graph."""
    parts = [model, *(layer for _, layer in walk_layers(model))]
    graphs = [graph for part in parts if (graph := functional_graph(part)) is not None]
    operations = [*parts, *(operation for graph in graphs for operation in graph.operations)]
    return any(
        not is_keras_class(type(each)) or _HOLDING_CODE & set(keras_class_names(each)) for each in operations
    )


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
