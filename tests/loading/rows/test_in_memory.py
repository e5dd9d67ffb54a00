"""Rows in memory are read like those of files, and the custom objects of a live model are found."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
from keras import layers, ops
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.errors import DataError, UsageError
from keras_consistency_cli.loading.row_chunks import take
from keras_consistency_cli.loading.rows.in_memory import find_custom_objects, open_live_rows
from keras_consistency_cli.loading.rows.source import RowSource
from tests.helpers.error_texts import own_text

X = np.arange(12, dtype=np.float32).reshape(4, 3)


def source(
    arrays: dict[str, np.ndarray], *, named: bool, columns: tuple[str, ...] | None = None
) -> RowSource:
    return RowSource(path="x", sha256=None, arrays=arrays, length=4, named=named, columns=columns)


@pytest.mark.parametrize(
    ("values", "inputs", "expected"),
    [
        (X, ["in"], source({"data": X}, named=False)),
        (X.tolist(), ["in"], source({"data": X.astype(np.float64)}, named=False)),
        ([X], ["in"], source({"data": X}, named=False)),
        ([X, X[:, :1]], ["a", "b"], source({"a": X, "b": X[:, :1]}, named=True)),
        ({"b": X, "a": X[:, :1]}, ["a", "b"], source({"b": X, "a": X[:, :1]}, named=True)),
        (keras.ops.convert_to_tensor(X), ["in"], source({"data": X}, named=False)),
        (
            pd.DataFrame(X, columns=["p", "q", "r"]),
            ["in"],
            source({"data": X}, named=False, columns=("p", "q", "r")),
        ),
        (
            np.array(["a", "b", "c", "d"], dtype=object),
            ["in"],
            source({"data": np.array(["a", "b", "c", "d"])}, named=False),
        ),
    ],
    ids=["array", "lists", "list of one", "list", "dict", "tensor", "table", "text"],
)
def test_rows_of_every_form(values: Any, inputs: list[str], expected: RowSource) -> None:
    rows = open_live_rows(values, what="x", inputs=inputs)
    assert list(rows.arrays) == list(expected.arrays)
    for name, array in expected.arrays.items():
        assert rows.arrays[name].dtype == array.dtype
        assert np.array_equal(rows.arrays[name], array)
    without_arrays = [replace(source, arrays={}) for source in (rows, expected)]
    assert without_arrays[0] == without_arrays[1]


def test_texts_of_a_frame_are_codes_if_a_scaler_takes_them() -> None:
    frame = pd.DataFrame(
        {
            "town": pd.Categorical(["b", "a", None]),
            "age": pd.array([1, None, 3], dtype="Int64"),
            "on": [True, False, True],
            "name": pd.array(["x", None, "y"], dtype="string"),
        }
    )
    rows = open_live_rows(frame, what="x", inputs=["in"], texts="coded")
    assert (rows.columns, rows.words) == (tuple(frame), {"town": ("a", "b"), "name": ("x", "y")})
    expected = [[1, 1, 1, 0], [0, np.nan, 0, np.nan], [np.nan, 3, 1, 1]]
    assert np.array_equal(rows.arrays["data"], expected, equal_nan=True)


@pytest.mark.parametrize(
    "column", [pd.to_datetime(["2024-01-01"]), ["a", 1], [[1, 2]]], ids=["dates", "mixed", "lists"]
)
def test_columns_of_neither_numbers_nor_texts_are_refused(column: Any) -> None:
    frame = pd.DataFrame({"when": pd.Series(list(column), dtype=object), "town": "Rome"})
    with pytest.raises(DataError, match="column 'when'"):
        open_live_rows(frame, what="x", inputs=["in"], texts="coded")


@pytest.mark.parametrize("texts", ["alone", "coded"])
def test_two_columns_of_one_name_are_refused_as_in_a_file(texts: Any) -> None:
    with pytest.raises(DataError, match="'a'"):
        open_live_rows(pd.DataFrame(X, columns=["a", "b", "a"]), what="x", inputs=["in"], texts=texts)


def test_arrays_are_not_copied_until_rows_are_taken() -> None:
    rows = open_live_rows({"a": X}, what="x")
    assert rows.arrays["a"] is X
    copy = take(rows, {"a": "a"}, np.array([1, 2]))["a"]
    copy[:] = 0
    assert X[1, 0] == 3.0


def test_private_mappings_are_never_released(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", X)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="c")
    mapped[0] = -1.0
    take(open_live_rows(mapped, what="x"), {"x": "data"}, np.arange(4))
    assert mapped[0].tolist() == [-1.0, -1.0, -1.0]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ({}, UsageError),
        (3.0, UsageError),
        (X[:0], UsageError),
        ([object()], UsageError),
        ([[1.0], [1.0, 2.0]], UsageError),
        ({"a": X, "b": X[:2]}, DataError),
        ({"a": X.astype(complex)}, UsageError),
    ],
    ids=["empty", "one number", "no rows", "objects", "ragged lists", "different lengths", "complex numbers"],
)
def test_values_that_no_model_takes_are_refused(
    values: Any, kind: type[Exception], wording: SnapshotAssertion
) -> None:
    with pytest.raises(kind) as refused:
        open_live_rows(values, what="x", inputs=["in"])
    assert type(refused.value) is kind
    assert own_text(refused.value) == wording


class Outer(layers.Layer):
    """A layer that contains a custom layer."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.inner = Inner()

    def call(self, inputs: Any) -> Any:
        return self.inner(inputs)


class Inner(layers.Layer):
    """A custom layer that does nothing."""

    def call(self, inputs: Any) -> Any:
        return inputs


class Half(keras.initializers.Initializer):
    """Initial values of one half."""

    def __call__(self, shape: Any, dtype: Any = None, **_: Any) -> Any:
        return ops.full(shape, 0.5, dtype)


class Descent(keras.optimizers.SGD):
    """SGD under a different name."""


def bent(values: Any) -> Any:
    return ops.abs(values)


def off(truth: Any, answer: Any) -> Any:
    return ops.mean(ops.square(truth - answer))


def test_custom_objects_are_found_and_nothing_of_keras() -> None:
    model = keras.Sequential(
        [keras.Input((3,)), Outer(), layers.Dense(2, activation=bent, kernel_initializer=Half())]
    )
    model.compile(Descent(), off)
    assert find_custom_objects(model) == {
        "Outer": Outer,
        "Inner": Inner,
        "bent": bent,
        "Half": Half,
        "Descent": Descent,
        "off": off,
    }
    assert (
        find_custom_objects(keras.Sequential([keras.Input((3,)), layers.Dense(1, activation="relu")])) == {}
    )
    model.compile("sgd", metrics=[off])
    assert find_custom_objects(model)["off"] is off


def test_two_objects_of_one_name_are_left_out() -> None:
    one, other = (
        layers.Dense(2, activation=lambda values: values * 2),
        layers.Dense(2, activation=lambda values: values * 3),
    )
    assert list(find_custom_objects(keras.Sequential([keras.Input((3,)), one]))) == ["<lambda>"]
    assert find_custom_objects(keras.Sequential([keras.Input((3,)), one, other])) == {}
