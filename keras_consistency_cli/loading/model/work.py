"""Work: how many multiplications one row takes, counted from the layers of a model that has a graph.

It is a count and not a measured time, so that the rows of a run do not depend on the machine.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import keras

__all__ = ["count_work"]

_OPEN_AXIS = 64
"""Stands for an axis of any length."""
_Shape = Sequence[int | None]


def count_work(model: Any) -> int:
    """Return the multiplications of one row, roughly; 0 if the model has no graph of layers.

    A weight is used once for each position of the output: each pixel, or each time step. Attention also
    multiplies each pair of time steps.
    """
    return sum(_work_of_layer(layer) for layer in _walk_graph(model))


def _walk_graph(model: Any) -> Iterator[Any]:
    """Yield the layers in the graphs of a model and of the models in it, as often as they are called."""
    for layer in getattr(model, "layers", ()):
        if isinstance(layer, keras.Model) and getattr(layer, "layers", None):
            yield from _walk_graph(layer)
        elif getattr(layer, "_inbound_nodes", None):
            yield from [layer] * len(layer._inbound_nodes)


def _work_of_layer(layer: Any) -> int:
    if isinstance(layer, keras.layers.Embedding):
        return 0
    weights: int = sum(math.prod(variable.shape) for variable in layer.weights if len(variable.shape) > 1)
    if not weights:
        return 0
    inputs, outputs = (_shapes(layer, node) for node in ("input", "output"))
    positions = max(
        (_count_positions(shape, layer) for shape in (*outputs, *_time_axes(inputs, layer))), default=1
    )
    return weights * positions + _work_of_attention(layer, outputs)


def _shapes(layer: Any, end: str) -> list[_Shape]:
    """Return the shapes of the inputs or outputs of the layer's first call."""
    tensors = getattr(layer._inbound_nodes[0], f"{end}_tensors", ())
    return [tuple(tensor.shape) for tensor in tensors]


def _time_axes(inputs: Sequence[_Shape], layer: Any) -> list[_Shape]:
    """Return the inputs whose positions count although the output may have fewer of them.

    A recurrent layer may return its last step only; a transposed convolution uses its weights on each input.
    """
    kinds = (keras.layers.RNN, keras.layers.Bidirectional)
    return list(inputs) if isinstance(layer, kinds) or "Transpose" in type(layer).__name__ else []


def _count_positions(shape: _Shape, layer: Any) -> int:
    is_channels_first = getattr(layer, "data_format", None) == "channels_first"
    axes = shape[2:] if is_channels_first else shape[1:-1]
    return math.prod(size or _OPEN_AXIS for size in axes)


def _work_of_attention(layer: Any, outputs: Sequence[_Shape]) -> int:
    if not isinstance(layer, keras.layers.MultiHeadAttention | keras.layers.GroupQueryAttention):
        return 0
    steps, width = _count_positions(outputs[0], layer), outputs[0][-1] or _OPEN_AXIS
    return 2 * steps * steps * width
