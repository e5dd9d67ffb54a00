"""Rows in memory instead of files, and the custom objects of a live model.

The Python API takes both; the rest of the package sees the same row sources as for files.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from keras_consistency_cli.errors import DataError, UsageError
from keras_consistency_cli.loading.rows.source import LONE_ARRAY, RowSource, check_equal_lengths
from keras_consistency_cli.loading.tables.columns import LARGEST_EXACT, Column, Texts, combine, encode
from keras_consistency_cli.loading.tables.csv_files import check_unique
from keras_consistency_cli.loading.tables.dialects import Dialect
from keras_consistency_cli.text import clean

__all__ = ["find_custom_objects", "open_live_rows"]

_KINDS = "fiubUS"
_NUMBERS = "fiub"
_EXPECTED = (
    "an array, a DataFrame, a dict of arrays by input name, a list of arrays in the order of the model's "
    "inputs, or a tf.data.Dataset, PyDataset or dataset of Hugging Face"
)
_OTHER_PACKAGES = ("keras", "builtins", "tensorflow")


def open_live_rows(
    values: Any, *, what: str, inputs: Sequence[str] = (), texts: Texts = "alone"
) -> RowSource:
    """Return rows in memory as a row source; arrays are not copied.

    Args:
        values: an array or tensor, a DataFrame, a dict by name, or a list in the order of `inputs`.
        what: its name in messages, such as "x".
        inputs: names of the model's inputs, if they are known.
        texts: what becomes of the columns of texts of a DataFrame.

    Raises:
        UsageError: it is none of these, or holds values that no model takes.
        DataError: arrays have different numbers of rows, or a DataFrame has two columns of one name.
    """
    if hasattr(values, "columns"):
        check_unique([str(name) for name in values.columns], what)
    if texts != "alone" and hasattr(values, "columns") and _holds_texts(values):
        return _open_frame(values, what, texts)
    arrays = {
        name: _convert_to_array(part, what if name == LONE_ARRAY else f"{what}['{clean(name)}']")
        for name, part in _name_parts(values, what, inputs).items()
    }
    check_equal_lengths(arrays, what)
    return RowSource(
        path=what,
        sha256=None,
        arrays=arrays,
        length=len(next(iter(arrays.values()))),
        named=LONE_ARRAY not in arrays,
        columns=tuple(map(str, values.columns)) if hasattr(values, "columns") else None,
        whole=_find_whole(values) if hasattr(values, "columns") else frozenset(),
    )


def _find_whole(frame: Any) -> frozenset[str]:
    """Return the columns of whole numbers, which a DataFrame with other ones gives as float64."""
    return frozenset(
        str(name)
        for name in frame.columns
        if getattr(frame[name].dtype, "kind", "O") in "iu" and not frame[name].hasnans
        if frame[name].abs().max() <= LARGEST_EXACT
    )


def _holds_texts(frame: Any) -> bool:
    """Whether a column of a DataFrame holds anything but numbers."""
    return any(getattr(frame[name].dtype, "kind", "O") not in _NUMBERS for name in frame.columns)


def _open_frame(frame: Any, what: str, texts: Texts) -> RowSource:
    """Return a DataFrame with columns of texts as codes, and their words."""
    columns = [_read_column(str(name), frame[name], what) for name in frame.columns]
    values, words = combine(columns, texts, what, Dialect())
    return RowSource(
        path=what,
        sha256=None,
        arrays={LONE_ARRAY: values},
        length=len(values),
        named=False,
        columns=tuple(column.name for column in columns),
        words=words,
        whole=_find_whole(frame),
    )


def _read_column(name: str, series: Any, what: str) -> Column:
    values = [None if _is_missing(value) else value for value in list(series)]
    if all(isinstance(value, str | None) for value in values) and any(values):
        return encode(name, values)
    try:
        return Column(name=name, values=np.array([np.nan if v is None else float(v) for v in values]))
    except (TypeError, ValueError) as problem:
        raise DataError(
            f"{what}: column '{clean(name)}' holds neither numbers nor texts only: {clean(problem, 80)}",
            expected="numbers or texts in each column",
            fix="leave the column out, or encode it as in training",
        ) from problem


def _is_missing(value: Any) -> bool:
    """Whether a cell is None, NaN, or the NA of pandas, which has no truth value."""
    try:
        return value is None or bool(value != value)
    except TypeError:
        return True


def _name_parts(values: Any, what: str, inputs: Sequence[str]) -> dict[str, Any]:
    if isinstance(values, Mapping):
        named = {str(name): part for name, part in values.items()}
    elif _is_list_of_arrays(values, len(inputs)):
        named = dict(zip(inputs, values, strict=True)) if len(inputs) > 1 else {LONE_ARRAY: values[0]}
    else:
        named = {LONE_ARRAY: values}
    if not named:
        raise UsageError(f"{what} is empty", expected=_EXPECTED)
    return named


def _is_list_of_arrays(values: Any, length: int) -> bool:
    return (
        isinstance(values, (list, tuple))
        and len(values) == length
        and all(hasattr(part, "shape") for part in values)
    )


def _convert_to_array(values: Any, what: str) -> np.ndarray:
    try:
        has_own_conversion = not isinstance(values, np.ndarray) and hasattr(values, "to_numpy")
        array = np.asarray(values.to_numpy() if has_own_conversion else values)
        if _holds_text_objects(array):
            array = array.astype(str)
    except Exception as problem:
        raise UsageError(
            f"{what} is not an array: {type(problem).__name__}: {clean(problem)}", expected=_EXPECTED
        ) from problem
    if array.ndim == 0 or array.dtype.kind not in _KINDS or not len(array):
        raise UsageError(
            f"{what} is {array.dtype} of shape {array.shape}",
            expected=f"numbers or text in rows: {_EXPECTED}",
        )
    # The pages of a mapped file are released after they are read. A mapping of the user may be private, and
    # its pages the only copy; a memoryview hides the mapping.
    return np.asarray(memoryview(array)) if isinstance(array.base, mmap.mmap) else array


def _holds_text_objects(array: np.ndarray) -> bool:
    return (
        array.dtype.kind == "O"
        and array.size > 0
        and all(isinstance(item, (str, bytes)) for item in array.flat)
    )


def find_custom_objects(model: Any) -> dict[str, Any]:
    """Return by name the classes and functions of a live model that are not part of Keras.

    They are layers, activations, losses, metrics, optimizers. A name that two of them share, as lambdas do,
    is left out: a file could not tell them apart either.
    """
    from keras_consistency_cli.loading.model.layer_walk import walk_layers

    candidates: dict[str, list[Any]] = {}
    for owner in (model, *(layer for _, layer in walk_layers(model)), *_list_training_parts(model)):
        for candidate in (type(owner), owner, *_list_callables(owner)):
            name = _get_custom_name(candidate)
            if name:
                candidates.setdefault(name, []).append(candidate)
    return {
        name: objects[0]
        for name, objects in candidates.items()
        if all(candidate is objects[0] for candidate in objects)
    }


def _get_custom_name(candidate: Any) -> str | None:
    """The name of a class or function outside Keras, None for anything else."""
    name, module = getattr(candidate, "__name__", None), getattr(candidate, "__module__", None)
    if not callable(candidate) or not name or not module:
        return None
    return None if module.partition(".")[0] in _OTHER_PACKAGES else str(name)


def _list_callables(owner: Any) -> Iterator[Any]:
    """Functions and callable objects, such as initializers, that a layer holds."""
    for value in list(vars(owner).values()) if hasattr(owner, "__dict__") else ():
        if callable(value):
            yield value
            yield type(value)


def _list_training_parts(model: Any) -> Iterator[Any]:
    """The loss, metrics and optimizer that a model was compiled with."""
    import keras

    config = getattr(getattr(model, "_compile_config", None), "config", None) or {}
    yield from (part for part in keras.tree.flatten(config) if part is not None and not isinstance(part, str))
