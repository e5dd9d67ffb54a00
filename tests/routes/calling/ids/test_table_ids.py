"""The ids that reach each table, recorded on live models."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.routes.calling.ids.table_ids import IDS_ROUTE
from tests.helpers.live_models import session_of
from tests.loading.model.test_id_places import Places, functional


def words(dtype: str = "float32", entries: int = 9) -> Any:
    return keras.Sequential(
        [
            keras.Input((5,), dtype=dtype, name="x"),
            layers.Embedding(entries, 3, name="table"),
            layers.Flatten(),
            layers.Dense(1),
        ]
    )


def run(model: Any, rows: np.ndarray) -> Any:
    return IDS_ROUTE.run(session_of((model, {})), {"x": rows}).details


def run_on_ids(values: list[list[float]]) -> Any:
    return run(words(), np.array(values, np.float32))["table"]


def test_ids_inside_the_vocabulary_are_right() -> None:
    assert run_on_ids([[0.0, 1, 2, 3, 8]]) == {"wrong": 0, "highest": 8, "input": "x"}


@pytest.mark.parametrize(
    "values",
    [[[0.0, 1, 2, 3.5, 8]], [[0.0, -1, 2, 3, 8]], [[0.0, 1, 2, 3, 9]]],
    ids=["fraction", "negative", "too large"],
)
def test_ids_that_the_table_does_not_have_are_counted(
    values: list[list[float]], wording: SnapshotAssertion
) -> None:
    details = run_on_ids(values)
    assert (details["wrong"], details["input"]) == (1, "x")
    assert {"kind": details["kind"], "keras": details["keras"]} == wording


TABLES: dict[str, Callable[[Any], Any]] = {
    "getitem": lambda x: layers.Embedding(9, 2, name="table")(x[:, 0]),
    "cast": lambda x: layers.Embedding(9, 2, name="table")(ops.cast(x[:, :1], "int32")),
    "split": lambda x: layers.Embedding(9, 2, name="table")(ops.split(x, [1], axis=1)[0]),
}


@pytest.mark.parametrize("follow", TABLES.values(), ids=TABLES)
@pytest.mark.parametrize(("code", "wrong"), [(8.0, 0), (-2.0, 1)])
def test_only_the_column_that_reaches_the_table_counts(
    follow: Callable[[Any], Any], code: float, wrong: int
) -> None:
    rows = np.array([[code, -7.25, 300.5], [3.0, 0.5, 10.0]], np.float32)
    assert run(functional(follow), rows)["table"]["wrong"] == wrong


def test_numbers_next_to_a_table_of_positions_are_not_ids() -> None:
    model = functional(lambda x: Places()(x), (4, 4))
    (details,) = run(model, np.full((3, 4, 4), 0.5, np.float32)).values()
    assert details == {"wrong": 0, "highest": 3, "input": ""}


def test_more_positions_than_the_table_has_are_not_wrong_ids() -> None:
    def follow(x: Any) -> Any:
        positions = layers.Lambda(lambda values: ops.arange(ops.shape(values)[1]))(x)
        return layers.Embedding(4, 3, name="table")(positions) + x

    details = run(functional(follow, (None, 3)), np.zeros((2, 6, 3), np.float32))["table"]
    assert details["places"] == 6


@pytest.mark.parametrize(("dtype", "rounded"), [("float16", True), ("float32", False), ("int32", False)])
def test_ids_that_a_dtype_does_not_hold_are_compared_with_the_rows(dtype: str, rounded: bool) -> None:
    rows = np.arange(4000, 4100).reshape(20, 5)
    details = run(words(dtype, entries=4200), rows)["table"]
    assert ("rounded" in details) is rounded
    if rounded:
        found = details["rounded"]
        assert (found["dtype"], found["given"], found["greatest"]) == ("float16", 100, 4099)
        assert found["kept"] < 60
        assert found["changed"] >= 40


def test_ids_that_the_model_clips_itself_are_not_rounded() -> None:
    model = functional(lambda x: layers.Embedding(100, 2, name="table")(ops.minimum(x, 99)), (2,))
    assert "rounded" not in run(model, np.arange(200, dtype=np.int64).reshape(100, 2))["table"]


def folded(dtype: str, fold: Callable[[Any], Any]) -> Any:
    x = keras.Input((2,), dtype=dtype, name="x")
    return keras.Model(x, layers.Embedding(1000, 2, name="table")(fold(x)))


FOLDS: dict[str, Callable[[Any], Any]] = {
    "modulo": lambda x: ops.cast(x, "int32") % 1000,
    "modulo of floats": lambda x: ops.cast(ops.mod(x, 1000.0), "int32"),
    "one entry for unknown ids": lambda x: ops.cast(x, "int32") % 999,
}


@pytest.mark.parametrize("fold", FOLDS.values(), ids=FOLDS)
@pytest.mark.parametrize("given", ["int64", "float64"])
@pytest.mark.parametrize(
    ("first", "rounded"), [(900_000_001, True), (4_000_001, False)], ids=["above 2^24", "below 2^24"]
)
def test_ids_that_are_folded_into_the_table_are_compared_too(
    fold: Callable[[Any], Any], given: str, first: int, rounded: bool
) -> None:
    rows = np.arange(first, first + 100).reshape(50, 2).astype(given)
    found = run(folded("float32", fold), rows)["table"].get("rounded")
    assert (found is not None) is rounded
    if found is not None:
        assert (found["dtype"], found["given"], found["kept"] < 10) == ("float32", 100, True)


def test_ids_of_a_whole_dtype_are_folded_without_rounding() -> None:
    rows = np.arange(900_000_001, 900_000_101).reshape(50, 2)
    assert "rounded" not in run(folded("int32", FOLDS["modulo"]), rows)["table"]


@pytest.mark.parametrize(
    "fold",
    [
        lambda x: ops.cast(ops.minimum(x, 999.0), "int32"),
        lambda x: ops.cast(ops.where(x < 1000.0, x, 0.0), "int32"),
        lambda x: ops.cast(ops.floor(x / 3600.0) % 24, "int32"),
    ],
    ids=["clipped", "unknown ids", "hours"],
)
def test_large_numbers_that_the_model_reduces_itself_are_not_rounded_ids(fold: Callable[[Any], Any]) -> None:
    rows = np.random.default_rng(0).integers(1_700_000_000, 1_800_000_000, (50, 2))
    assert "rounded" not in run(folded("float32", fold), rows)["table"]


def shared(dtypes: tuple[str, str]) -> Any:
    inputs = [keras.Input((2,), dtype=dtype, name=name) for name, dtype in zip("ab", dtypes, strict=True)]
    table = layers.Embedding(5000, 2, name="table")
    return keras.Model(inputs, layers.Add()([table(each) for each in inputs]))


@pytest.mark.parametrize("name", ["a", "b"])
def test_each_input_of_a_shared_table_is_compared(name: str) -> None:
    good, bad = np.arange(40).reshape(20, 2), np.arange(4000, 4040).reshape(20, 2)
    rows = {each: bad if each == name else good for each in "ab"}
    dtypes = tuple("float16" if each == name else "int32" for each in "ab")
    details = IDS_ROUTE.run(session_of((shared(dtypes), {})), rows).details["table"]
    assert (details["input"], details["rounded"]["dtype"]) == (name, "float16")
    whole = IDS_ROUTE.run(session_of((shared(("int32", "int32")), {})), rows).details["table"]
    assert "rounded" not in whole
    unknown = {each: values + 2000 for each, values in rows.items()}
    details = IDS_ROUTE.run(session_of((shared(("int32", "int32")), {})), unknown).details["table"]
    assert (details["input"], details["wrong"]) == (name, 40)


def test_a_model_without_tables_is_left_out() -> None:
    from keras_consistency_cli.loading.model.facts import describe_model

    assert IDS_ROUTE.unavailable(describe_model(functional(layers.Dense(1)))) is not None
    assert IDS_ROUTE.unavailable(describe_model(words())) is None


def test_hidden_states_that_a_tied_embedding_projects_back_are_not_ids() -> None:
    ids = keras.Input((5,), dtype="int32", name="x")
    table = layers.ReversibleEmbedding(9, 4, name="table")
    hidden = layers.Dense(4, activation="tanh")(table(ids))
    details = run(
        keras.Model(ids, table(hidden, reverse=True)), np.arange(20, dtype=np.int32).reshape(4, 5) % 9
    )
    assert details["table"] == {"wrong": 0, "highest": 8, "input": "x"}
