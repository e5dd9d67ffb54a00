"""Work: how many multiplications one row takes, counted from the layers of a model that has a graph.

It is a count and not a measured time, so that the rows of a run do not depend on the machine.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import keras

from keras_consistency_cli.loading.model.graph_walk import functional_graph

__all__ = ["count_work"]

_OPEN_AXIS = 64
"""Stands for an axis of any length."""
_STEP_WORK = 200_000
"""What a time step of a recurrent layer costs at least: its dozen small operations take some 25 µs."""
_Shape = Sequence[int | None]


def count_work(model: Any) -> int:
    """Return the multiplications of one row, roughly; 0 if the model has no graph of layers.

    A weight is used once for each position of the output: each pixel, or each time step. Attention also
    multiplies each pair of time steps.
    """
    return sum(_work_of_call(node) for node in _walk_calls(model))


def _walk_calls(model: Any) -> Iterator[Any]:
    """Yield the calls of layers in the graphs of a model and of the models in it."""
    graph = functional_graph(model)
    for nodes in graph._nodes_by_depth.values() if graph is not None else ():
        for node in nodes:
            if isinstance(node.operation, keras.Model):
                yield from _walk_calls(node.operation)
            elif isinstance(node.operation, keras.layers.Layer):
                yield node


def _work_of_call(node: Any) -> int:
    layer = node.operation
    if isinstance(layer, keras.layers.Embedding):
        return 0
    weights: int = sum(math.prod(variable.shape) for variable in layer.weights if len(variable.shape) > 1)
    if not weights:
        return 0
    inputs, outputs = _shapes(node.input_tensors), _shapes(node.output_tensors)
    positions = max(
        (_count_positions(shape, layer) for shape in (*outputs, *_time_axes(inputs, layer))), default=1
    )
    if _is_recurrent(layer):
        loops = 2 if isinstance(layer, keras.layers.Bidirectional) else 1
        return positions * max(weights, loops * _STEP_WORK)
    return weights * positions + _work_of_attention(layer, outputs)


def _shapes(tensors: Sequence[Any]) -> list[_Shape]:
    return [tuple(tensor.shape) for tensor in tensors]


def _time_axes(inputs: Sequence[_Shape], layer: Any) -> list[_Shape]:
    """Return the inputs whose positions count although the output may have fewer of them.

    A recurrent layer may return its last step only; a transposed convolution uses its weights on each input.
    """
    return list(inputs) if _is_recurrent(layer) or "Transpose" in type(layer).__name__ else []


def _is_recurrent(layer: Any) -> bool:
    return isinstance(layer, keras.layers.RNN | keras.layers.Bidirectional)


def _count_positions(shape: _Shape, layer: Any) -> int:
    is_channels_first = getattr(layer, "data_format", None) == "channels_first"
    axes = shape[2:] if is_channels_first else shape[1:-1]
    return math.prod(size or _OPEN_AXIS for size in axes)


def _work_of_attention(layer: Any, outputs: Sequence[_Shape]) -> int:
    if not isinstance(layer, keras.layers.MultiHeadAttention | keras.layers.GroupQueryAttention):
        return 0
    steps, width = _count_positions(outputs[0], layer), outputs[0][-1] or _OPEN_AXIS
    return 2 * steps * steps * width
