"""What single layers expect of their input values. One reader for each layer that cares; the others give no hint."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from keras_consistency_cli.text import clean

__all__ = ["Hint", "keras_class_names", "read_consumer"]

_IMAGE_DIVISORS = (255.0, 127.5)
"""Who divides by these takes pixels of 0 to 255."""
_HASHED_SPREAD = 10
"""Ids for a hash are drawn from this many times its bins, so that some collide and none stays empty for long."""


@dataclass(frozen=True, kw_only=True)
class Hint:
    """The values that an input expects.

    `kind`: "values" one of `values`; "text" a few words of `values`; "whole" whole numbers and "range" any numbers in `low`..`high`, both
    included; "normal" around `mean` with deviation `std`, one for each feature of the last axis or one for all; "plain" nothing but `padding`.
    `padding` is the value that a mask takes for padding on axis 1, None where nothing masks. `why` names the source: "vocabulary of 'embedding'".
    """

    kind: Literal["values", "text", "whole", "range", "normal", "plain"]
    why: str = ""
    low: float = 0.0
    high: float = 1.0
    values: tuple[str, ...] | tuple[int, ...] = ()
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    padding: float | None = None


def keras_class_names(operation: Any) -> tuple[str, ...]:
    """Return the names of Keras's own classes that an operation is one of, nearest first; a user's class of the same name does not count."""
    return tuple(base.__name__ for base in type(operation).__mro__ if base.__module__.startswith("keras."))


def read_consumer(operation: Any, constants: tuple[Any, ...] = ()) -> Hint | None:
    """Return what a layer or operation expects of its input, None where any value does.

    Args:
        operation: a live Keras layer or operation.
        constants: the positional arguments of its call in the graph, for operations such as `x / 255`.
    """
    for kind in keras_class_names(operation):
        if kind in _READERS:
            try:
                return _READERS[kind](operation, constants)
            except (AttributeError, TypeError, ValueError, RuntimeError):
                return None  # a hint is a courtesy: a layer that is not built, or was subclassed beyond recognition, gives none
    return None


def _ids(layer: Any, count: object, relation: str) -> Hint:
    return Hint(kind="whole", high=float(int(str(count)) - 1), why=f"{relation} '{clean(layer.name)}'")


def _embedding(layer: Any, _: tuple[Any, ...]) -> Hint:
    why = f"vocabulary of '{clean(layer.name)}'"
    masked = bool(layer.mask_zero) and layer.input_dim > 1
    return Hint(
        kind="whole",
        low=1.0 if masked else 0.0,
        high=float(layer.input_dim - 1),
        why=why,
        padding=0.0 if masked else None,
    )


def _lookup(layer: Any, _: tuple[Any, ...]) -> Hint | None:
    if layer.invert:
        return _ids(layer, layer.vocabulary_size(), "vocabulary of")
    return _vocabulary(layer, "values")


def _vectorizer(layer: Any, _: tuple[Any, ...]) -> Hint | None:
    return _vocabulary(layer, "text")


def _vocabulary(layer: Any, kind: Literal["values", "text"]) -> Hint | None:
    known = layer.get_vocabulary(include_special_tokens=False)
    if not len(known):
        return None
    whole = all(isinstance(each, int | np.integer) for each in known)
    values = tuple(int(each) for each in known) if whole else tuple(str(each) for each in known)
    return Hint(kind=kind, values=values, why=f"vocabulary of '{clean(layer.name)}'")


def _hashing(layer: Any, _: tuple[Any, ...]) -> Hint:
    return _ids(layer, layer.num_bins * _HASHED_SPREAD, "hashed by")


def _category(layer: Any, _: tuple[Any, ...]) -> Hint | None:
    return None if layer.num_tokens is None else _ids(layer, layer.num_tokens, "categories of")


def _one_hot(operation: Any, _: tuple[Any, ...]) -> Hint:
    return _ids(operation, operation.num_classes, "categories of")


def _discretization(layer: Any, _: tuple[Any, ...]) -> Hint | None:
    bounds = [float(bound) for bound in layer.bin_boundaries or ()]
    if not bounds:
        return None
    margin = (bounds[-1] - bounds[0]) / len(
        bounds
    ) or 1.0  # the outer bins are open: give them a share as well
    return Hint(
        kind="range", low=bounds[0] - margin, high=bounds[-1] + margin, why=f"bins of '{clean(layer.name)}'"
    )


def _rescaling(layer: Any, _: tuple[Any, ...]) -> Hint | None:
    """The raw range that lands on 0..1, or on -1..1 where the offset is negative."""
    scale, offset = float(np.mean(layer.scale)), float(np.mean(layer.offset))
    why = f"range of '{clean(layer.name)}'"
    if scale == 0 or not np.isfinite([scale, offset]).all():
        return None
    if any(np.isclose(scale * divisor, 1.0) for divisor in _IMAGE_DIVISORS):
        return Hint(kind="range", high=255.0, why=why)
    if scale > 1 and offset == 0:  # it blows 0..1 up for a backbone that wants pixels
        return Hint(kind="range", high=1.0, why=why)
    low, high = sorted((target - offset) / scale for target in (-1.0 if offset < 0 else 0.0, 1.0))
    return Hint(kind="range", low=low, high=high, why=why)


def _divide(operation: Any, constants: tuple[Any, ...]) -> Hint | None:
    return _pixels(
        operation, [1.0 / float(each) for each in constants[1:2] if isinstance(each, int | float) and each]
    )


def _multiply(operation: Any, constants: tuple[Any, ...]) -> Hint | None:
    return _pixels(operation, [float(each) for each in constants if isinstance(each, int | float)])


def _pixels(operation: Any, scales: list[float]) -> Hint | None:
    """Other constants than those of images say nothing about the range."""
    if any(np.isclose(scale * divisor, 1.0) for scale in scales for divisor in _IMAGE_DIVISORS):
        return Hint(kind="range", high=255.0, why=f"range of '{clean(operation.name)}'")
    return None


def _normalization(layer: Any, _: tuple[Any, ...]) -> Hint | None:
    if layer.invert or layer.mean is None:
        return None
    last = tuple(layer.axis) in ((-1,), (len(layer.mean.shape) - 1,))
    return _normal(layer.mean, layer.variance, f"statistics of '{clean(layer.name)}'", by_feature=last)


def _batch_normalization(layer: Any, _: tuple[Any, ...]) -> Hint:
    spec = getattr(layer, "input_spec", None)
    last = layer.axis in (-1, (getattr(spec, "ndim", None) or 0) - 1)
    return _normal(
        layer.moving_mean, layer.moving_variance, f"statistics of '{clean(layer.name)}'", by_feature=last
    )


def _normal(mean: Any, variance: Any, why: str, *, by_feature: bool) -> Hint:
    means, variances = (np.nan_to_num(_numbers(each)) for each in (mean, variance))
    if not by_feature:
        means, variances = means.mean(keepdims=True), variances.mean(keepdims=True)
    std = np.sqrt(np.maximum(variances, 0.0))
    return Hint(kind="normal", mean=tuple(means.tolist()), std=tuple(std.tolist()), why=why)


def _numbers(tensor: Any) -> np.ndarray[Any, np.dtype[np.float64]]:
    import keras

    flat = keras.ops.reshape(
        tensor, (-1,)
    )  # a tensor of its own: NumPy warns about reading a TensorFlow variable directly
    return np.asarray(keras.ops.convert_to_numpy(flat), dtype=np.float64)


_READERS: dict[str, Callable[[Any, tuple[Any, ...]], Hint | None]] = {
    "Embedding": _embedding,
    "TextVectorization": _vectorizer,
    "IndexLookup": _lookup,  # the base of StringLookup and IntegerLookup
    "Hashing": _hashing,
    "HashedCrossing": _hashing,
    "CategoryEncoding": _category,
    "OneHot": _one_hot,
    "Discretization": _discretization,
    "Rescaling": _rescaling,
    "TrueDivide": _divide,
    "Divide": _divide,
    "Multiply": _multiply,
    "Normalization": _normalization,
    "BatchNormalization": _batch_normalization,
}
