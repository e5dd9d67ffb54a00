"""Data sets that yield rows: the first rows are taken, as they belong to the inputs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.errors import DataError, UsageError
from keras_consistency_cli.loading.rows.datasets import Collected, collect_rows
from keras_consistency_cli.measurement.facts import InputFact

X = np.arange(60, dtype=np.float32).reshape(20, 3)
Y = np.zeros(20, np.float32)
ONE = (InputFact(name="x", shape=(None, 3), dtype="float32"),)
TWO = tuple(InputFact(name=name, shape=(None, 3), dtype="float32") for name in "ab")
SLICES = tf.data.Dataset.from_tensor_slices


def take(values: Any, inputs: tuple[InputFact, ...] = ONE, most: int = 10) -> Collected:
    collected = collect_rows(values, what="x", inputs=inputs, most=most)
    assert collected is not None
    return collected


class Batches(keras.utils.PyDataset):
    """Batches of four rows with labels and weights; a batch behind the third one is missing."""

    def __len__(self) -> int:
        return 5

    def __getitem__(self, place: int) -> tuple[np.ndarray, ...]:
        if place > 2:
            raise FileNotFoundError(f"batch {place}")
        rows = slice(4 * place, 4 * place + 4)
        return X[rows], Y[rows], Y[rows]


class Table:
    """A dataset of Hugging Face, as far as it is read."""

    __module__ = "datasets.arrow_dataset"

    def __init__(self, columns: dict[str, Any]) -> None:
        self.columns = columns

    def with_format(self, kind: str) -> Table:
        return self

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for cells in zip(*self.columns.values(), strict=True):
            yield dict(zip(self.columns, cells, strict=True))


class Splits(dict[str, Table]):
    """Several datasets by name."""

    __module__ = "datasets.dataset_dict"


@pytest.mark.parametrize(
    "dataset",
    [SLICES(X).batch(4), SLICES((X, Y)).batch(4), SLICES((X, Y, Y)), SLICES((X,)).repeat(), Batches()],
    ids=["rows", "labels", "single rows", "endless", "PyDataset"],
)
def test_the_first_rows_are_taken(dataset: Any) -> None:
    collected = take(dataset)
    assert isinstance(collected.values, np.ndarray)
    assert np.array_equal(collected.values, X[:10])
    assert "the first 10 rows" in collected.remark


def test_all_rows_are_the_rows_that_there_are(wording: SnapshotAssertion) -> None:
    collected = take(SLICES((X, Y)).batch(8), most=1000)
    assert len(collected.values) == 20
    assert collected.remark == wording


@pytest.mark.parametrize("form", [lambda a, b: {"a": a, "b": b}, lambda a, b: (a, b)], ids=["dict", "tuple"])
def test_several_inputs_are_named(form: Any) -> None:
    values = take(SLICES((form(X, X + 1), Y)).batch(4), TWO).values
    assert isinstance(values, dict)
    assert {name: rows[0, 0] for name, rows in values.items()} == {"a": 0, "b": 1}


def test_texts_of_tensorflow_are_texts() -> None:
    inputs = (InputFact(name="t", shape=(None, 1), dtype="string"),)
    assert np.asarray(take(SLICES(["ü", "b"]).map(lambda text: text[None]), inputs).values).tolist() == [
        ["ü"],
        ["b"],
    ]


def test_columns_of_hugging_face_belong_to_the_inputs_of_their_names() -> None:
    labelled = take(Table({"label": Y.tolist(), "x": X.tolist()}))
    assert np.array_equal(np.asarray(labelled.values), X[:10])
    assert "label" in labelled.remark
    assert np.array_equal(np.asarray(take(Table({"pixels": X.tolist()})).values), X[:10])
    assert set(take(Table({"b": X.tolist(), "a": X.tolist(), "c": Y.tolist()}), TWO).values) == {"a", "b"}


def _ragged() -> Any:
    spec = tf.TensorSpec((None,), tf.float32)
    return tf.data.Dataset.from_generator(
        lambda: (np.zeros(size, "float32") for size in (3, 4)), output_signature=spec
    )


@pytest.mark.parametrize(
    ("values", "inputs"),
    [
        (SLICES(X[:0]).batch(4), ONE),
        (Table({"pixels": X.tolist(), "label": Y.tolist()}), ONE),
        (Splits(train=Table({}), test=Table({})), ONE),
        (_ragged(), ONE),
    ],
    ids=["empty", "columns", "splits", "lengths"],
)
def test_data_sets_that_give_no_rows_are_refused(
    values: Any, inputs: tuple[InputFact, ...], wording: SnapshotAssertion
) -> None:
    with pytest.raises((DataError, UsageError)) as refused:
        take(values, inputs)
    assert str(refused.value) == wording


def test_an_error_of_the_users_code_is_named() -> None:
    with pytest.raises(DataError, match="FileNotFoundError: batch 3"):
        take(Batches(), most=100)


@pytest.mark.parametrize("values", [X, {"a": X}, [X], "x.npy", iter(X)])
def test_anything_else_is_left_alone(values: Any) -> None:
    assert collect_rows(values, what="x", inputs=ONE, most=4) is None
