"""Integers that leave the range of their dtype: what is found, where, and what it changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_consistency_cli.routes.numerics.integer_range import INTEGER_ROUTES, IntegerDetails
from tests.helpers.live_models import session_of, state_of

(ROUTE,) = INTEGER_ROUTES


class Inside(layers.Layer):
    """A layer that adds up bytes in its own code."""

    def call(self, x: Any) -> Any:
        """Add 100 to each."""
        return ops.cast(ops.add(x, 100), "float32")


def run(
    change: Callable[[Any], Any], dtype: str, rows: np.ndarray, *, eagerly: bool = False
) -> IntegerDetails:
    """Run the route on a model that changes its rows and ends with a dense layer; nothing of it may move."""
    keras.utils.set_random_seed(3)
    entry = keras.Input(rows.shape[1:], dtype=dtype, name="x")
    model = keras.Model(entry, layers.Dense(2)(layers.Flatten()(ops.cast(change(entry), "float32"))))
    if eagerly:
        model.compile(run_eagerly=True)
    session, before = session_of((model, {"x": rows})), state_of(model)
    details: Any = ROUTE.run(session, {"x": rows}).details
    for value, same in zip(before, state_of(model), strict=True):
        np.testing.assert_array_equal(value, same)
    return details


BYTES = np.array([[10, 200, 30, 250], [0, 1, 2, 3]], "uint8")
WORDS = np.array([[-300, 200, 30, 7]], "int16")


@pytest.mark.parametrize(
    ("change", "rows", "operation", "count", "exact", "became"),
    [
        (lambda x: x[:, 1:] - x[:, :-1], BYTES, "Sub", 1, -170, 86),
        (lambda x: x + x, BYTES, "AddV2", 2, 400, 144),
        (lambda x: x * 3, BYTES, "Mul", 2, 600, 88),
        (ops.square, WORDS, "Square", 2, 90000, 24464),
        (lambda x: ops.cast(ops.cast(x, "float32") * 1.5, "uint8"), BYTES, "Cast", 2, 300, 44),
        (Inside(name="inside"), BYTES, "AddV2", 2, 300, 44),
    ],
    ids=["Sub", "Add", "Mul", "Square", "Cast", "inside"],
)
def test_results_that_do_not_fit_are_found(
    change: Callable[[Any], Any], rows: np.ndarray, operation: str, count: int, exact: int, became: int
) -> None:
    details = run(change, str(rows.dtype), rows)
    wrapped = details["wrapped"]
    assert (details["operation"], wrapped["count"], wrapped["exact"]) == (operation, count, exact)
    assert wrapped["became"] == became or operation == "Cast", "what a cast gives is not defined"
    assert details["changed"] > 0.1 * details["scale"] > 0
    assert details["layer"]


def test_a_model_that_runs_eagerly_is_watched_too() -> None:
    details = run(lambda x: x * 3, "uint8", BYTES, eagerly=True)
    assert (details["operation"], details["wrapped"]["count"]) == ("Mul", 2)
    assert "wrapped" not in run(lambda x: x // 2, "uint8", BYTES, eagerly=True)


def test_the_layer_is_named_whose_code_computes() -> None:
    assert run(Inside(name="inside"), "uint8", BYTES)["layer"] == "inside"


@pytest.mark.parametrize(
    "change",
    [
        lambda x: ops.cast(x, "int16")[:, 1:] - ops.cast(x, "int16")[:, :-1],
        lambda x: ops.maximum(x[:, 1:], x[:, :-1]) - ops.minimum(x[:, 1:], x[:, :-1]),
        lambda x: x // 2 + 100,
        lambda x: ops.mean(x, axis=-1, keepdims=True),
        lambda x: ops.sum(x, axis=-1, keepdims=True),
    ],
    ids=["wide", "sorted before", "small", "mean", "sum"],
)
def test_results_that_fit_are_not(change: Callable[[Any], Any]) -> None:
    assert "wrapped" not in run(change, "uint8", BYTES)


@pytest.mark.parametrize("mode", ["int8", "int4"])
def test_a_quantised_model_stays_in_range(mode: str) -> None:
    keras.utils.set_random_seed(3)
    model = keras.Sequential([keras.Input((6,), name="x"), layers.Dense(8), layers.Dense(2)])
    model.quantize(mode, filters="dense")
    rows = {"x": np.random.default_rng(1).normal(size=(5, 6)).astype("float32")}
    assert dict(ROUTE.run(session_of((model, rows)), rows).details) == {"inputs": {}}


def test_what_the_outputs_do_not_depend_on_changes_nothing() -> None:
    details = run(lambda x: ops.cast(x + x, "float32") * 0.0 + ops.cast(x, "float32"), "uint8", BYTES)
    assert (details["wrapped"]["count"], details["changed"]) == (2, 0.0)


def angle(x: Any) -> Any:
    """The sine of an angle in 256 steps, for which 300 is 44."""
    return ops.sin(
        ops.cast(ops.transpose(ops.reshape(x + 100, (-1, 2, 2)), (0, 2, 1)), "float32") * np.pi / 128
    )


def test_numbers_that_are_meant_to_wrap_around_change_nothing() -> None:
    details = run(angle, "uint8", BYTES)
    assert (details["wrapped"]["count"], details["stopped"]) == (2, False)
    assert details["changed"] < 1e-5 < details["scale"]
    hashed = run(lambda x: layers.Embedding(256, 2)(ops.cast(x * 31, "int32")), "uint8", BYTES)
    assert (hashed["changed"], "refused" in hashed) == (0.0, True)


def test_results_stop_at_the_end_where_an_operation_takes_no_wider_numbers() -> None:
    details = run(lambda x: ops.maximum(x * 3, 5), "uint8", BYTES)
    assert details["stopped"]
    assert details["changed"] > 0.1 * details["scale"]


@pytest.mark.parametrize(
    ("dtype", "rows", "count"),
    [
        ("int32", np.array([[2**31, 5]]), 1),
        ("uint8", np.array([[-1, 255]]), 1),
        ("int8", np.array([[127, -128]]), 0),
        ("int64", np.array([[2**40, 5]]), 0),
        ("float32", np.array([[2**40, 5]]), 0),
    ],
)
def test_rows_are_compared_with_the_range_of_their_input(dtype: str, rows: np.ndarray, count: int) -> None:
    inputs = run(lambda x: x, dtype, rows)["inputs"]
    assert [each["count"] for each in inputs.values()] == [count] * bool(count)


def test_keras_converts_rows_as_they_are_described() -> None:
    entry = keras.Input((1,), dtype="int32")
    model = keras.Model(entry, ops.add(entry, 0))
    (became,) = model.predict(np.array([[2**31 + 5]]), verbose=0)[0]
    assert run(lambda x: x, "int32", np.array([[2**31 + 5]]))["inputs"]["x"]["became"] == became
