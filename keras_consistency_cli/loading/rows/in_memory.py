"""Objects that are at hand instead of files: rows in memory, and what a live model must be able to name to be loaded again."""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from keras_consistency_cli.errors import DataError, UsageError
from keras_consistency_cli.loading.rows.source import LONE_ARRAY, RowSource
from keras_consistency_cli.text import clean

__all__ = ["live_rows", "own_objects"]

_KINDS = "fiubUS"
_EXPECTED = "an array, a DataFrame, a dict of arrays by input name, or a list of arrays in the order of the model's inputs"


def live_rows(given: Any, *, what: str, inputs: Sequence[str] = ()) -> RowSource:
    """Return rows that are in memory as a data file's would be; nothing is copied that is an array already.

    Args:
        given: an array or tensor, a DataFrame, a dict by name, or a list in the order of `inputs`.
        what: how messages call it, such as "x".
        inputs: names of the model's inputs, where they are known.

    Raises:
        UsageError: it is none of these, or holds what no model takes.
        DataError: arrays have different numbers of rows.
    """
    named = _by_name(given, what, inputs)
    arrays = {
        name: _array(values, what if name == LONE_ARRAY else f"{what}['{clean(name)}']")
        for name, values in named.items()
    }
    (first, sample), *others = arrays.items()
    for name, array in others:
        if len(array) != len(sample):
            told = f"{what}: '{clean(first)}' has {len(sample)} rows, '{clean(name)}' has {len(array)}"
            raise DataError(told, expected="the same number of rows in each")
    columns = tuple(map(str, given.columns)) if hasattr(given, "columns") else None
    return RowSource(
        path=what,
        sha256=None,
        arrays=arrays,
        length=len(sample),
        named=LONE_ARRAY not in arrays,
        columns=columns,
    )


def _by_name(given: Any, what: str, inputs: Sequence[str]) -> dict[str, Any]:
    if isinstance(given, Mapping):
        named = {str(name): values for name, values in given.items()}
    elif (
        isinstance(given, (list, tuple))
        and len(given) == len(inputs)
        and all(hasattr(each, "shape") for each in given)
    ):
        named = dict(zip(inputs, given, strict=True)) if len(inputs) > 1 else {LONE_ARRAY: given[0]}
    else:
        named = {LONE_ARRAY: given}
    if not named:
        raise UsageError(f"{what} is empty", expected=_EXPECTED)
    return named


def _array(values: Any, what: str) -> np.ndarray:
    try:
        array = np.asarray(
            values if isinstance(values, np.ndarray) or not hasattr(values, "to_numpy") else values.to_numpy()
        )
        if (
            array.dtype.kind == "O"
            and array.size
            and all(isinstance(each, (str, bytes)) for each in array.flat)
        ):
            array = array.astype(str)
    except Exception as problem:
        raise UsageError(
            f"{what} is no array: {type(problem).__name__}: {clean(problem)}", expected=_EXPECTED
        ) from problem
    if array.ndim == 0 or array.dtype.kind not in _KINDS or not len(array):
        raise UsageError(
            f"{what} is {array.dtype} of shape {array.shape}",
            expected=f"numbers or text in rows: {_EXPECTED}",
        )
    # Pages of a mapped file are given back as it is read; a mapping of the user's may be a private one, whose pages are the only copy.
    return np.asarray(memoryview(array)) if isinstance(array.base, mmap.mmap) else array


def own_objects(model: Any) -> dict[str, Any]:
    """Return by name the classes and functions of a live model that are not Keras's own: layers, activations, losses, metrics, optimizers.

    A name that two of them have, as lambdas do, is left out: a file could not tell them apart either.
    """
    from keras_consistency_cli.loading.model.facts import walk_layers

    found: dict[str, list[Any]] = {}
    for each in (model, *(layer for _, layer in walk_layers(model)), *_training_parts(model)):
        for thing in (type(each), each, *_attributes(each)):
            name, module = getattr(thing, "__name__", None), getattr(thing, "__module__", None)
            if (
                callable(thing)
                and name
                and module
                and module.partition(".")[0] not in ("keras", "builtins", "tensorflow")
            ):
                found.setdefault(name, []).append(thing)
    return {name: things[0] for name, things in found.items() if all(thing is things[0] for thing in things)}


def _attributes(each: Any) -> Iterator[Any]:
    """Functions, and objects such as initializers and cells, that a layer was given."""
    for value in list(vars(each).values()) if hasattr(each, "__dict__") else ():
        if callable(value):
            yield value
            yield type(value)


def _training_parts(model: Any) -> Iterator[Any]:
    """What a model was compiled with."""
    import keras

    stated = getattr(getattr(model, "_compile_config", None), "config", None) or {}
    yield from (each for each in keras.tree.flatten(stated) if each is not None and not isinstance(each, str))
