"""Outputs of each layer of the float64 copy, with the rounding of float32.

The inputs of each layer or operation are moved by half a unit in float32's last place, up or down at random
or always up (some kernels are biased), and its outputs are rounded to float32.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_consistency_cli.measurement.rounding import HALF_ULP
from keras_consistency_cli.routes.session.layer_hooks import CallStack, intercept_calls, layer_path

__all__ = [
    "Change",
    "LayerOutput",
    "changing_layers",
    "keep_values",
    "move_by_half_ulp",
    "recording_outputs",
    "round_to",
    "round_to_float32",
]

_MAX_VALUES = 4096
"""Values kept of each layer's output, so that memory does not grow with the model."""

Change = Callable[[Any], Any]
"""Returns a tensor in place of a different one."""


@dataclass(frozen=True, kw_only=True)
class LayerOutput:
    """The output of one layer or operation, with some of its values.

    Args:
        path: path of the layer below the model.
        kind: class of the layer.
        custom: whether the class is not Keras' own.
        values: some of the values, spread over the output.
    """

    path: str
    kind: str
    custom: bool
    values: np.ndarray


@contextmanager
def changing_layers(
    change_inputs: Change,
    change_outputs: Change,
    observe: Callable[[CallStack, Any], None] = lambda _running, _outputs: None,
) -> Iterator[None]:
    """Change inputs and outputs of every layer and operation; `observe` gets each with its outputs.

    Only layers and the operations of a functional graph are changed, not the models that contain them.
    """
    import keras

    def around(running: CallStack, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if isinstance(running[-1], keras.Model):
            return original(*args, **kwargs)
        outputs = original(*keras.tree.map_structure(change_inputs, args), **kwargs)
        outputs = keras.tree.map_structure(change_outputs, outputs)
        observe(running, outputs)
        return outputs

    with intercept_calls(around):
        yield


@contextmanager
def recording_outputs(change_inputs: Change, change_outputs: Change) -> Iterator[list[LayerOutput]]:
    """Change inputs and outputs of every layer and operation, and record some values of the outputs."""
    recorded: list[LayerOutput] = []

    def observe(running: CallStack, outputs: Any) -> None:
        recorded.extend(_sample_outputs(running, outputs))

    with changing_layers(change_inputs, change_outputs, observe):
        yield recorded


def _sample_outputs(running: CallStack, outputs: Any) -> Iterator[LayerOutput]:
    import keras

    path, kind = layer_path(running), type(running[-1])
    for leaf in keras.tree.flatten(outputs):
        if _has_values(leaf) and "float" in str(leaf.dtype):
            values = np.asarray(keras.ops.convert_to_numpy(keras.ops.cast(leaf, "float64"))).ravel()
            step = max(1, -(-values.size // _MAX_VALUES))
            yield LayerOutput(
                path=path,
                kind=kind.__name__,
                custom=not kind.__module__.startswith("keras."),
                values=values[::step].copy(),
            )


def _has_values(leaf: Any) -> bool:
    """Whether this is a tensor with values: while a loop is traced, it has none."""
    return hasattr(leaf, "numpy") and hasattr(leaf, "dtype") and not hasattr(leaf, "graph")


def _is_float64(leaf: Any) -> bool:
    return getattr(leaf, "dtype", None) == "float64" and (_has_values(leaf) or _is_in_graph(leaf))


def _is_in_graph(leaf: Any) -> bool:
    """Whether this is a tensor of a graph of TensorFlow that is being traced, as in a compiled loop."""
    return hasattr(leaf, "graph")


def keep_values(leaf: Any) -> Any:
    """Return the tensor unchanged."""
    return leaf


def move_by_half_ulp(seed: int | None, half_ulp: float = HALF_ULP) -> Change:
    """Return a change that moves values by half a unit in the last place.

    Args:
        seed: of the random directions; None moves all values up.
        half_ulp: half a unit in the last place relative to the value, by default of float32.
    """
    random = np.random.default_rng(seed)

    def move(leaf: Any) -> Any:
        if not _is_float64(leaf):
            return leaf
        if seed is None:
            return leaf * (1.0 + half_ulp)
        if _is_in_graph(leaf):
            return leaf * (1.0 + half_ulp * _draw_in_graph(leaf, random))
        return leaf * np.array([1.0 - half_ulp, 1.0 + half_ulp])[_draw_bits(tuple(leaf.shape), random)]

    return move


def _draw_bits(shape: tuple[int, ...], random: np.random.Generator) -> np.ndarray:
    """Return random bits: an image model draws one for each of a hundred million values."""
    count = math.prod(shape)
    drawn = np.frombuffer(random.bytes(-(-count // 8)), np.uint8)
    return np.unpackbits(drawn, count=count).reshape(shape)


def _draw_in_graph(leaf: Any, random: np.random.Generator) -> Any:
    """Return directions that are drawn again in every turn of a loop."""
    import tensorflow as tf

    draws = tf.random.uniform(tf.shape(leaf), -1.0, 1.0, tf.float64, seed=int(random.integers(2**31)))
    return tf.sign(draws)


def round_to_float32(leaf: Any) -> Any:
    """Return float64 values rounded to float32, still as float64; all others unchanged."""
    return round_to("float32", leaf)


def round_to(dtype: str, leaf: Any) -> Any:
    """Return float64 values rounded to a narrower type, still as float64; all others unchanged."""
    if not _is_float64(leaf):
        return leaf
    import tensorflow as tf

    # The functions that own code calls give float64 in place of float32 while the copy runs.
    return tf.raw_ops.Cast(x=tf.raw_ops.Cast(x=leaf, DstT=tf.as_dtype(dtype)), DstT=tf.float64)
