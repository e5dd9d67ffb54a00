"""The input values that a single layer expects.

There is one reader for each class of layer with an expectation; other layers give no hint.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from keras_consistency_cli.text import clean

__all__ = ["Hint", "IdPlaces", "as_numbers", "keras_class_names", "read_layer_hint"]

_IMAGE_DIVISORS = (255.0, 127.5)
"""A layer that divides by one of these takes pixels of 0 to 255."""
_HASHED_SPREAD = 10
"""Ids for a hash are drawn from this many times its bins, so that some collide and all bins are used."""


@dataclass(frozen=True, kw_only=True, eq=False)
class IdPlaces:
    """The places of one input whose values one table looks up.

    Args:
        table: path of the table.
        kind: the class of Keras that it belongs to.
        size: number of its entries, None if it takes any value.
        masks_zero: whether 0 is padding.
        mask: by place of a row, True for ids; an axis of any length has the length 1.
    """

    table: str
    kind: str
    size: int | None
    masks_zero: bool
    mask: np.ndarray

    def among(self, values: np.ndarray) -> np.ndarray:
        """Return the mask of these rows of the input, in a shape that broadcasts with them."""
        mask = self.mask
        if values.ndim != mask.ndim + 1:
            return np.full((1,) * values.ndim, bool(mask.any()))
        for axis, size in enumerate(values.shape[1:]):
            if mask.shape[axis] not in (1, size):
                mask = np.asarray(mask.any(axis=axis, keepdims=True))
        return mask[None]


@dataclass(frozen=True, kw_only=True)
class Hint:
    """The values that an input expects.

    `kind` is "values" for one of `values`; "text" for a few words of `values`; "whole" for whole numbers and
    "range" for any numbers from `low` to `high`, both included; "normal" for numbers around `mean` with
    standard deviation `std`, one for each feature of the last axis or one for all; "plain" if only `padding`
    is known. `padding` is the value that a mask treats as padding on axis 1, None without a mask. `why` names
    the source: "vocabulary of 'embedding'". `places` are the ids among other numbers. `bounds` are the
    borders of the bins that the numbers fall into.
    """

    kind: Literal["values", "text", "whole", "range", "normal", "plain"]
    why: str = ""
    low: float = 0.0
    high: float = 1.0
    values: tuple[str, ...] | tuple[int, ...] = ()
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    padding: float | None = None
    places: tuple[IdPlaces, ...] = ()
    bounds: tuple[float, ...] = ()

    @property
    def vocabulary(self) -> str | None:
        """The name of the layer with the vocabulary that the values belong to, None if there is none."""
        prefix = "vocabulary of "
        return self.why.removeprefix(prefix).strip("'") if self.why.startswith(prefix) else None


def keras_class_names(operation: Any) -> tuple[str, ...]:
    """Return the names of the operation's classes that belong to Keras.

    The most specific one is first.
    """
    return tuple(base.__name__ for base in type(operation).__mro__ if base.__module__.startswith("keras."))


def read_layer_hint(
    operation: Any, constants: tuple[Any, ...] = (), *, without: frozenset[str] = frozenset()
) -> Hint | None:
    """Return what a layer or operation expects of its input, None if it takes any value.

    Args:
        operation: a live Keras layer or operation.
        constants: the positional arguments of its call in the graph, for operations such as `x / 255`.
        without: classes whose expectation is known from elsewhere.
    """
    for kind in keras_class_names(operation):
        if kind in without:
            return None
        if kind in _READERS:
            try:
                return _READERS[kind](operation, constants)
            except (AttributeError, TypeError, ValueError, RuntimeError):
                # A layer that is not built, or a subclass that differs too much, gives no hint.
                return None
    return None


def _ids_below(layer: Any, count: object, relation: str) -> Hint:
    return Hint(kind="whole", high=float(int(str(count)) - 1), why=f"{relation} '{clean(layer.name)}'")


def _read_embedding(layer: Any, _: tuple[Any, ...]) -> Hint:
    why = f"vocabulary of '{clean(layer.name)}'"
    is_masked = bool(layer.mask_zero) and layer.input_dim > 1
    return Hint(
        kind="whole",
        low=1.0 if is_masked else 0.0,
        high=float(layer.input_dim - 1),
        why=why,
        padding=0.0 if is_masked else None,
    )


def _read_lookup(layer: Any, _: tuple[Any, ...]) -> Hint | None:
    if layer.invert:
        return _ids_below(layer, layer.vocabulary_size(), "vocabulary of")
    return _read_vocabulary(layer, "values")


def _read_vectorizer(layer: Any, _: tuple[Any, ...]) -> Hint | None:
    return _read_vocabulary(layer, "text")


def _read_vocabulary(layer: Any, kind: Literal["values", "text"]) -> Hint | None:
    entries = layer.get_vocabulary(include_special_tokens=False)
    if not len(entries):
        return None
    is_whole = all(isinstance(entry, int | np.integer) for entry in entries)
    values = tuple(int(entry) for entry in entries) if is_whole else tuple(str(entry) for entry in entries)
    return Hint(kind=kind, values=values, why=f"vocabulary of '{clean(layer.name)}'")


def _read_hashing(layer: Any, _: tuple[Any, ...]) -> Hint:
    return _ids_below(layer, layer.num_bins * _HASHED_SPREAD, "hashed by")


def _read_category_encoding(layer: Any, _: tuple[Any, ...]) -> Hint | None:
    return None if layer.num_tokens is None else _ids_below(layer, layer.num_tokens, "categories of")


def _read_one_hot(operation: Any, _: tuple[Any, ...]) -> Hint:
    return _ids_below(operation, operation.num_classes, "categories of")


def _read_discretization(layer: Any, _: tuple[Any, ...]) -> Hint | None:
    bounds = [float(bound) for bound in layer.bin_boundaries or ()]
    if not bounds:
        return None
    # The outer bins have no end: their part is one bin wide.
    margin = (bounds[-1] - bounds[0]) / len(bounds) or 1.0
    return Hint(
        kind="range",
        low=bounds[0] - margin,
        high=bounds[-1] + margin,
        why=f"bins of '{clean(layer.name)}'",
        bounds=tuple(bounds),
    )


def _read_rescaling(layer: Any, _: tuple[Any, ...]) -> Hint | None:
    """The raw range that is scaled to 0..1, or to -1..1 if the offset is negative."""
    scale, offset = float(np.mean(layer.scale)), float(np.mean(layer.offset))
    why = f"range of '{clean(layer.name)}'"
    if scale == 0 or not np.isfinite([scale, offset]).all():
        return None
    if any(np.isclose(scale * divisor, 1.0) for divisor in _IMAGE_DIVISORS):
        return Hint(kind="range", high=255.0, why=why)
    if scale > 1 and offset == 0:  # it scales 0..1 up for a backbone that takes pixels
        return Hint(kind="range", high=1.0, why=why)
    low, high = sorted((target - offset) / scale for target in (-1.0 if offset < 0 else 0.0, 1.0))
    return Hint(kind="range", low=low, high=high, why=why)


def _read_division(operation: Any, constants: tuple[Any, ...]) -> Hint | None:
    return _read_pixel_scale(
        operation,
        [1.0 / float(divisor) for divisor in constants[1:2] if isinstance(divisor, int | float) and divisor],
    )


def _read_multiplication(operation: Any, constants: tuple[Any, ...]) -> Hint | None:
    return _read_pixel_scale(
        operation, [float(factor) for factor in constants if isinstance(factor, int | float)]
    )


def _read_pixel_scale(operation: Any, scales: list[float]) -> Hint | None:
    """The range of pixels; constants that are not those of images say nothing about the range."""
    if any(np.isclose(scale * divisor, 1.0) for scale in scales for divisor in _IMAGE_DIVISORS):
        return Hint(kind="range", high=255.0, why=f"range of '{clean(operation.name)}'")
    return None


def _read_normalization(layer: Any, _: tuple[Any, ...]) -> Hint | None:
    if layer.invert or layer.mean is None:
        return None
    is_last_axis = tuple(layer.axis) in ((-1,), (len(layer.mean.shape) - 1,))
    return _normal_hint(layer, layer.mean, layer.variance, by_feature=is_last_axis)


def _read_batch_normalization(layer: Any, _: tuple[Any, ...]) -> Hint:
    spec = getattr(layer, "input_spec", None)
    is_last_axis = layer.axis in (-1, (getattr(spec, "ndim", None) or 0) - 1)
    return _normal_hint(layer, layer.moving_mean, layer.moving_variance, by_feature=is_last_axis)


def _normal_hint(layer: Any, mean: Any, variance: Any, *, by_feature: bool) -> Hint:
    means, variances = np.nan_to_num(as_numbers(mean)), np.nan_to_num(as_numbers(variance))
    if not by_feature:
        means, variances = means.mean(keepdims=True), variances.mean(keepdims=True)
    std = np.sqrt(np.maximum(variances, 0.0))
    return Hint(
        kind="normal",
        mean=tuple(means.tolist()),
        std=tuple(std.tolist()),
        why=f"statistics of '{clean(layer.name)}'",
    )


def as_numbers(tensor: Any) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return a tensor or a variable of the backend as flat numbers of NumPy."""
    import keras

    # The reshape makes a tensor: NumPy warns about reading a TensorFlow variable directly.
    flat = keras.ops.reshape(tensor, (-1,))
    return np.asarray(keras.ops.convert_to_numpy(flat), dtype=np.float64)


_READERS: dict[str, Callable[[Any, tuple[Any, ...]], Hint | None]] = {
    "Embedding": _read_embedding,
    "TextVectorization": _read_vectorizer,
    "IndexLookup": _read_lookup,  # the base of StringLookup and IntegerLookup
    "Hashing": _read_hashing,
    "HashedCrossing": _read_hashing,
    "CategoryEncoding": _read_category_encoding,
    "OneHot": _read_one_hot,
    "Discretization": _read_discretization,
    "Rescaling": _read_rescaling,
    "TrueDivide": _read_division,
    "Divide": _read_division,
    "Multiply": _read_multiplication,
    "Normalization": _read_normalization,
    "BatchNormalization": _read_batch_normalization,
}
