"""The layers whose weights converters merge: a linear layer, and normalizations directly before and after."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_consistency_cli.routes.session.layer_hooks import CallStack, intercept_calls

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session
    from keras_consistency_cli.routes.trace import Rows

__all__ = ["Chain", "channel_axes", "find_chains", "is_normalization", "kernel_of"]


@dataclass(frozen=True, kw_only=True)
class Chain:
    """A layer with a kernel, and the BatchNormalization before it and after it; None if there is none."""

    linear: Any
    before: Any
    after: Any


def find_chains(session: Session, rows: Rows) -> list[Chain]:
    """Return the layers with a kernel that have a BatchNormalization directly before or after them.

    What is between layers is found by a call: the tensor that one returns is the one that another gets.
    Layers that run several times are left out: their weights cannot be merged.
    """
    calls = _record(session, rows)
    runs = {id(layer): sum(other is layer for other, _, _ in calls) for layer, _, _ in calls}
    made_by = {id(outputs): layer for layer, _, outputs in calls if runs[id(layer)] == 1}
    pairs = [(made_by[id(inputs)], layer) for layer, inputs, _ in calls if id(inputs) in made_by]
    single = [pair for pair in pairs if all(runs[id(layer)] == 1 for layer in pair)]
    after = {id(first): last for first, last in single if _is_linear(first) and _normalizes(first, last)}
    taken = {id(layer) for layer in after.values()}
    before = {
        id(last): first
        for first, last in single
        if is_normalization(first) and id(first) not in taken and _is_dense_after(first, last)
    }
    return [
        Chain(linear=layer, before=before.get(id(layer)), after=after.get(id(layer)))
        for layer, _, _ in calls
        if id(layer) in after or id(layer) in before
    ]


def _record(session: Session, rows: Rows) -> list[tuple[Any, Any, Any]]:
    """Return the layers that have a kernel or normalize, with the tensors that they got and returned."""
    calls: list[tuple[Any, Any, Any]] = []

    def around(running: CallStack, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        outputs = original(*args, **kwargs)
        if args and (is_normalization(running[-1]) or channel_axes(running[-1])):
            calls.append((running[-1], args[0], outputs))
        return outputs

    session.restore()
    with intercept_calls(around):
        session.call(rows, training=False)
    session.restore()
    return calls


def is_normalization(layer: Any) -> bool:
    """Whether a layer is a BatchNormalization."""
    import keras

    return type(layer) is keras.layers.BatchNormalization


def channel_axes(layer: Any) -> tuple[int, ...]:
    """Return the axes of the kernel that are the channels of the outputs; none if there is no such kernel."""
    from keras import layers

    last, before_last, both = (-1,), (-2,), (-2, -1)
    kinds = {
        (layers.Dense, layers.Conv1D, layers.Conv2D, layers.Conv3D): last,
        (layers.SeparableConv1D, layers.SeparableConv2D): last,
        (layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose): before_last,
        (layers.DepthwiseConv1D, layers.DepthwiseConv2D): both,
    }
    return next((axes for group, axes in kinds.items() if type(layer) in group), ())


def kernel_of(layer: Any) -> Any:
    """Return the variable that multiplies last."""
    names = ("pointwise_kernel", "_kernel", "kernel")
    return next(found for name in names if (found := getattr(layer, name, None)) is not None)


def _is_linear(layer: Any) -> bool:
    """Whether a layer multiplies by a kernel, adds a bias, and does nothing else."""
    import keras

    return bool(channel_axes(layer)) and layer.activation is keras.activations.linear


def _normalizes(linear: Any, layer: Any) -> bool:
    """Whether each output channel of the linear layer is normalized by itself."""
    if not is_normalization(layer):
        return False
    kernel = kernel_of(linear).shape
    channels = int(np.prod([kernel[axis] for axis in channel_axes(linear)]))
    return channels == int(np.prod(layer.moving_mean.shape))


def _is_dense_after(normalization: Any, layer: Any) -> bool:
    """Whether a layer multiplies each normalized channel by numbers of its own, whatever is around it."""
    import keras

    is_dense = type(layer) is keras.layers.Dense and layer.bias is not None
    return is_dense and int(kernel_of(layer).shape[0]) == int(np.prod(normalization.moving_mean.shape))
