"""Rows in memory as a data file's would be, and the names that a live model needs to be loaded again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
from keras import layers, ops
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.errors import DataError, UsageError
from keras_consistency_cli.loading.rows.in_memory import live_rows, own_objects
from keras_consistency_cli.loading.rows.source import RowSource, take
from tests.helpers.error_texts import own_text

X = np.arange(12, dtype=np.float32).reshape(4, 3)


def source(
    arrays: dict[str, np.ndarray], *, named: bool, columns: tuple[str, ...] | None = None
) -> RowSource:
    return RowSource(path="x", sha256=None, arrays=arrays, length=4, named=named, columns=columns)


@pytest.mark.parametrize(
    ("given", "inputs", "expected"),
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
def test_rows_of_every_form(given: Any, inputs: list[str], expected: RowSource) -> None:
    found = live_rows(given, what="x", inputs=inputs)
    assert list(found.arrays) == list(expected.arrays)
    for name, values in expected.arrays.items():
        assert found.arrays[name].dtype == values.dtype
        assert np.array_equal(found.arrays[name], values)
    told = [(each.path, each.sha256, each.length, each.named, each.columns) for each in (found, expected)]
    assert told[0] == told[1]


def test_arrays_are_not_copied_until_rows_are_taken() -> None:
    found = live_rows({"a": X}, what="x")
    assert found.arrays["a"] is X
    taken = take(found, {"a": "a"}, np.array([1, 2]))["a"]
    taken[:] = 0
    assert X[1, 0] == 3.0


def test_private_mappings_are_never_given_back(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", X)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="c")
    mapped[0] = -1.0
    take(live_rows(mapped, what="x"), {"x": "data"}, np.arange(4))
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
        live_rows(values, what="x", inputs=["in"])
    assert type(refused.value) is kind
    assert own_text(refused.value) == wording


class Outer(layers.Layer):
    """Holds a layer of the user's own."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.inner = Inner()

    def call(self, inputs: Any) -> Any:
        return self.inner(inputs)


class Inner(layers.Layer):
    """Does nothing."""

    def call(self, inputs: Any) -> Any:
        return inputs


class Half(keras.initializers.Initializer):
    """Starts with one half."""

    def __call__(self, shape: Any, dtype: Any = None, **_: Any) -> Any:
        return ops.full(shape, 0.5, dtype)


class Descent(keras.optimizers.SGD):
    """SGD by another name."""


def bent(values: Any) -> Any:
    return ops.abs(values)


def off(truth: Any, answer: Any) -> Any:
    return ops.mean(ops.square(truth - answer))


def test_what_a_model_names_is_found_and_nothing_of_keras() -> None:
    model = keras.Sequential(
        [keras.Input((3,)), Outer(), layers.Dense(2, activation=bent, kernel_initializer=Half())]
    )
    model.compile(Descent(), off)
    assert own_objects(model) == {
        "Outer": Outer,
        "Inner": Inner,
        "bent": bent,
        "Half": Half,
        "Descent": Descent,
        "off": off,
    }
    assert own_objects(keras.Sequential([keras.Input((3,)), layers.Dense(1, activation="relu")])) == {}
    model.compile("sgd", metrics=[off])
    assert own_objects(model)["off"] is off


def test_two_of_one_name_are_left_out() -> None:
    one, other = (
        layers.Dense(2, activation=lambda values: values * 2),
        layers.Dense(2, activation=lambda values: values * 3),
    )
    assert list(own_objects(keras.Sequential([keras.Input((3,)), one]))) == ["<lambda>"]
    assert own_objects(keras.Sequential([keras.Input((3,)), one, other])) == {}
