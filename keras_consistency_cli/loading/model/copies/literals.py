"""Types that own code of a model names: `tf.cast(x, tf.float32)`, `ops.arange(8, dtype="float32")`.

The dtype policy of a float64 copy does not reach them, and TensorFlow does not add float32 to float64. Inside
`raised_literals`, the functions that such code calls give float64 in place of float32.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import tensorflow as tf

__all__ = ["raised_literals"]

_FUNCTIONS: tuple[tuple[ModuleType, tuple[str, ...]], ...] = (
    (
        tf,
        ("cast", "constant", "convert_to_tensor", "eye", "fill", "linspace", "one_hot", "ones", "ones_like"),
    ),
    (tf, ("range", "saturate_cast", "sequence_mask", "zeros", "zeros_like")),
    (tf.dtypes, ("cast", "saturate_cast")),
    (tf.linalg, ("eye",)),
    (tf.strings, ("to_number",)),
)
"""Functions of TensorFlow that create numbers, or convert them; those of Keras call them too."""
_FLOAT32 = ("float32", "float", float)


@contextlib.contextmanager
def raised_literals() -> Iterator[None]:
    """Let these functions give float64 wherever they would give float32 inside the context.

    float16 and bfloat16 stay: code that computes in them loses more than float32 does.
    """
    originals = [(module, name, getattr(module, name)) for module, names in _FUNCTIONS for name in names]
    for module, name, original in originals:
        setattr(module, name, _raise(original))
    try:
        yield
    finally:
        for module, name, original in originals:
            setattr(module, name, original)


def _raise(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function with float64 in place of float32 in its arguments and its result."""
    cast = tf.cast

    @functools.wraps(function)
    def raised(*args: Any, **kwargs: Any) -> Any:
        result = function(*map(_widen, args), **{name: _widen(value) for name, value in kwargs.items()})
        is_narrow = isinstance(result, tf.Tensor) and result.dtype == tf.float32
        return cast(result, tf.float64) if is_narrow else result

    converted: Callable[..., Any] = tf.autograph.experimental.do_not_convert(raised)
    return converted


def _widen(argument: Any) -> Any:
    """Return float64 for a name of float32, other arguments unchanged."""
    if isinstance(argument, tf.DType):
        return tf.float64 if argument == tf.float32 else argument
    return "float64" if isinstance(argument, (str, type)) and argument in _FLOAT32 else argument
