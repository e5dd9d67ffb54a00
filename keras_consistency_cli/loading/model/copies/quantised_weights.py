"""The numbers that a quantised layer of Keras computes with, read by calling it on rows of ones and zeros.

Keras stores int8 numbers, or two numbers of four bits in one byte, with scales whose form depends on the
layer and on the version. The layer itself knows how to use them: for a row with a single 1, it returns one
row of its kernel.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

__all__ = [
    "CALIBRATION_MARKS",
    "FLOAT8_HALF_STEP",
    "Quantised",
    "is_calibrated",
    "is_quantised",
    "read_quantised",
]

CALIBRATION_MARKS = ("is_gptq_calibrated", "is_awq_calibrated")
"""Attributes of layers: whether GPTQ or AWQ has quantised their weights."""

FLOAT8_HALF_STEP = 2.0**-4
"""Half a unit in the last place of float8 (e4m3), as a share of the number."""
_LEVELS = {"int8": 127.0, "int4": 7.0}
"""The whole number that the largest weight of an output becomes."""
_GROUPED_BY_INPUT = ("gptq", "awq")
"""These always have a scale for each group of inputs, and store one row for each output."""
_UINT8, _FIRST_WRAPPED, _NARROW = 256, 192, 4
"""Values of a zero point, the lowest that is taken for one below zero, and the bits of weights for that."""
_CHUNK = 256
"""Rows of ones and zeros in one call."""


@dataclass(frozen=True, kw_only=True)
class Quantised:
    """What a quantised layer computes with.

    Args:
        mode: int8, int4, float8, gptq or awq.
        weights: the kernel or the embeddings, as floats.
        half_steps: half the distance of two values that can be stored; it broadcasts to `weights`.
        input_axes: the axes of the inputs that share one scale, None if the inputs are not rounded.
        input_scale: what inputs are divided by before they become float8; None for other modes.
        weight_scale: the same for the weights.
    """

    mode: str
    weights: np.ndarray
    half_steps: np.ndarray
    input_axes: tuple[int, ...] | None
    input_scale: float | None = None
    weight_scale: float | None = None


@dataclass(frozen=True, kw_only=True)
class _Equation:
    """The labels of an equation such as "abc,cde->abde": of inputs, kernel and outputs.

    `summed` are those that inputs and kernel share.
    """

    inputs: str
    kernel: str
    outputs: str
    summed: str


def is_quantised(layer: Any) -> bool:
    """Whether the layer computes with weights of int8, int4, float8, GPTQ or AWQ."""
    return getattr(layer, "quantization_mode", None) is not None


def is_calibrated(layer: Any) -> bool:
    """Whether the layer uses its quantised weights.

    GPTQ and AWQ leave layers outside the blocks that they are given in floats, with a quantised dtype policy.
    """
    mark = f"is_{getattr(layer, 'quantization_mode', None)}_calibrated"
    return mark not in CALIBRATION_MARKS or bool(getattr(layer, mark, False))


def read_quantised(layer: Any, shape: Sequence[int]) -> Quantised | None:
    """Return what a quantised layer computes with; None if the layer or its mode is not known.

    Args:
        layer: a layer that is quantised.
        shape: the shape of its kernel or embeddings as floats.
    """
    mode, kind = layer.quantization_mode, type(layer)
    if mode not in (*_LEVELS, *_GROUPED_BY_INPUT, "float8"):
        return None
    if kind is keras.layers.Embedding:
        return _describe(layer, _call_on_numbers(layer, shape[0]), (1,), None)
    equation = _parse(layer.equation) if kind is keras.layers.EinsumDense else _parse("...a,ab->...b")
    if equation is None or kind not in (keras.layers.Dense, keras.layers.EinsumDense):
        return None
    weights = _as_array(layer.kernel) if mode == "float8" else _read_kernel(layer, shape, equation)
    summed = tuple(equation.kernel.index(label) for label in equation.summed)
    axes = tuple(equation.inputs.index(label) - len(equation.inputs) for label in equation.summed)
    return _describe(layer, weights, summed, axes)


def _describe(
    layer: Any, weights: np.ndarray, summed: tuple[int, ...], axes: tuple[int, ...] | None
) -> Quantised:
    mode = layer.quantization_mode
    if mode == "float8":
        half_steps = FLOAT8_HALF_STEP * np.abs(weights)
    elif hasattr(layer, "g_idx"):
        steps = _read_group_steps(layer)
        half_steps = steps.reshape(weights.shape) / 2
        weights = weights + (_UINT8 * steps * _has_wrapped(layer)).reshape(weights.shape)
    else:
        half_steps = np.abs(weights).max(axis=summed, keepdims=True) / _LEVELS[mode] / 2
    rounds_inputs = mode == "float8" or bool(getattr(layer, "inputs_quantizer", None))
    input_scale, weight_scale = (
        float(_as_array(getattr(layer, name))) if mode == "float8" and hasattr(layer, name) else None
        for name in ("inputs_scale", "kernel_scale")
    )
    return Quantised(
        mode=mode,
        weights=weights,
        half_steps=half_steps,
        input_axes=axes if rounds_inputs else None,
        input_scale=input_scale,
        weight_scale=weight_scale,
    )


def _read_group_steps(layer: Any) -> np.ndarray:
    """Return the step of each weight, of a layer in which groups of weights have scales of their own."""
    if not is_calibrated(layer):
        return np.zeros(layer.kernel_shape)
    if not hasattr(layer, "kernel_scale"):
        return _as_array(layer.embeddings_scale)[:, _groups(layer)]
    steps = _by_weight(layer, layer.kernel_scale)
    # AWQ divides by these after it has read the stored numbers.
    return steps / _as_array(layer.awq_scales)[:, None] if hasattr(layer, "awq_scales") else steps


def _has_wrapped(layer: Any) -> np.ndarray:
    """Whether the zero point of each weight is below zero; Keras stores -17 as 239, and takes it for that.

    A zero point that really is so far above zero belongs to weights that differ by less than a twelfth.
    """
    is_narrow = getattr(layer.dtype_policy, "weight_bits", _NARROW) <= _NARROW
    if layer.quantization_mode not in _GROUPED_BY_INPUT or not is_narrow:
        return np.zeros(1)
    return _by_weight(layer, layer.kernel_zero) >= _FIRST_WRAPPED


def _by_weight(layer: Any, of_groups: Any) -> np.ndarray:
    """Return for each weight the value of its group."""
    values, groups = _as_array(of_groups), _groups(layer)
    return values[:, groups].T if layer.quantization_mode in _GROUPED_BY_INPUT else values[groups]


def _groups(layer: Any) -> np.ndarray:
    return _as_array(layer.g_idx).astype("int64")


def _parse(equation: str) -> _Equation | None:
    """Return the labels of an equation; None if the kernel differs by row, so that it is no dense layer."""
    # "..." stands for the axes of the rows; one label that the equation does not use can replace it.
    inputs, _, rest = equation.replace("...", "0").replace(" ", "").partition(",")
    kernel, _, outputs = rest.partition("->")
    shared = [label for label in inputs if label in kernel]
    if not inputs or any(label in outputs for label in shared) or inputs[0] in shared:
        return None
    return _Equation(inputs=inputs, kernel=kernel, outputs=outputs, summed="".join(shared))


def _read_kernel(layer: Any, shape: Sequence[int], equation: _Equation) -> np.ndarray:
    """Return the kernel: the outputs for inputs with a single 1, at each place that is summed over."""
    sizes = dict(zip(equation.kernel, shape, strict=True))
    summed = [sizes[label] for label in equation.summed]
    count = int(np.prod(summed))
    row = equation.inputs[0]
    input_shape = [sizes[label] if label in equation.summed else 1 for label in equation.inputs[1:]]
    with _without_bias_and_activation(layer):
        outputs = _call_in_chunks(layer, count, lambda part: part.reshape(len(part), *input_shape))
    # All axes of the outputs that come from the inputs have the size 1, except that of the rows.
    kept = [label for label in equation.outputs if label == row or label in sizes]
    places = [axis for axis, label in enumerate(equation.outputs) if label not in kept]
    outputs = np.moveaxis(np.squeeze(outputs, axis=tuple(places)), kept.index(row), 0)
    labels = equation.summed + "".join(label for label in kept if label != row)
    values = outputs.reshape(*summed, *outputs.shape[1:])
    return np.transpose(values, [labels.index(label) for label in equation.kernel])


def _call_in_chunks(layer: Any, count: int, shaped: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    parts = []
    for start in range(0, count, _CHUNK):
        numbers = np.arange(start, min(start + _CHUNK, count))
        rows = (numbers[:, None] == np.arange(count)).astype("float32")
        parts.append(_call(layer, keras.ops.convert_to_tensor(shaped(rows), layer.compute_dtype)))
    return np.concatenate(parts)


def _call_on_numbers(layer: Any, count: int) -> np.ndarray:
    return _call(layer, keras.ops.arange(count, dtype="int32"))


def _call(layer: Any, inputs: Any) -> np.ndarray:
    return _as_array(layer.quantized_call(inputs))


def _as_array(tensor: Any) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(keras.ops.cast(tensor, "float32")))


@contextlib.contextmanager
def _without_bias_and_activation(layer: Any) -> Iterator[None]:
    """Let the layer multiply by its kernel only; what it had is restored afterwards."""
    activation, bias = layer.activation, layer.bias
    values = None if bias is None else _as_array(bias)
    layer.activation = keras.activations.linear
    try:
        if values is not None:
            bias.assign(np.zeros_like(values))
        yield
    finally:
        layer.activation = activation
        if values is not None:
            bias.assign(values)
