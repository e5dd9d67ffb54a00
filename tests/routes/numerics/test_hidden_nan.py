"""locate-hidden-nan: layers that return numbers for NaN, and layers that do not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_consistency_cli.routes.numerics.hidden_nan import HIDDEN_NAN_LOCATORS
from tests.helpers.live_models import session_of

(ROUTE,) = HIDDEN_NAN_LOCATORS


def _details(
    build: Callable[[Any], Any], shape: tuple[int, ...], value: float = np.nan, **settings: Any
) -> Any:
    entry = keras.Input(shape, **settings)
    model = keras.Model(entry, build(entry))
    values = np.random.default_rng(0).normal(size=(12, *shape)).astype("float32")
    values[5].flat[1] = values[7].flat[2] = value
    rows = {model.inputs[0].name: values}
    return ROUTE.run(session_of((model, rows)), rows).details


DROPPING = {
    "series": (lambda x: layers.MaxPooling1D(2, name="pool")(x), (6, 3)),
    "pixels": (lambda x: layers.MaxPooling2D(2, name="pool")(x), (6, 6, 2)),
    "volumes": (lambda x: layers.MaxPooling3D(2, name="pool")(x), (4, 4, 4, 1)),
    "overlapping": (lambda x: layers.MaxPooling2D(3, strides=1, name="pool")(x), (6, 6, 2)),
    "later": (
        lambda x: layers.MaxPooling1D(2, name="pool")(layers.Conv1D(3, 2, activation="tanh")(x)),
        (7, 3),
    ),
    "nested": (
        lambda x: keras.Sequential([layers.MaxPooling1D(2, name="pool"), layers.Dense(2)], name="inner")(x),
        (6, 3),
    ),
}


@pytest.mark.parametrize(("build", "shape"), DROPPING.values(), ids=DROPPING)
def test_max_pooling_that_drops_nan_is_named(build: Callable[[Any], Any], shape: tuple[int, ...]) -> None:
    details = _details(build, shape)
    assert details["layer"].rpartition("/")[2] == "pool"
    assert (details["nan_rows"], details["custom"]) == (2, False)


def test_a_row_of_nan_only_becomes_the_lowest_number() -> None:
    entry = keras.Input((6, 6, 2))
    model = keras.Model(entry, layers.MaxPooling2D(2, name="pool")(entry))
    rows = {model.inputs[0].name: np.full((3, 6, 6, 2), np.nan, np.float32)}
    details: Any = ROUTE.run(session_of((model, rows)), rows).details
    assert (details["layer"], details["nan_rows"]) == ("pool", 3)


def test_a_fixed_batch_is_searched_for_rows_with_nan() -> None:
    details = _details(lambda x: layers.MaxPooling1D(2, name="pool")(x), (6, 3), batch_size=4)
    assert (details["layer"], details["nan_rows"]) == ("pool", 2)


def test_an_argmax_of_nan_is_a_number() -> None:
    assert _details(lambda x: ops.argmax(layers.Dense(3)(x), axis=-1), (4,))["kind"] == "Argmax"


KEEPING = {
    "maximum over everything": (lambda x: layers.GlobalMaxPooling1D()(x), (6, 3)),
    "average": (lambda x: layers.AveragePooling1D(2)(x), (6, 3)),
    "relu": (lambda x: layers.Dense(3, activation="relu")(x), (6,)),
    "replaced on purpose": (
        lambda x: layers.MaxPooling1D(2)(ops.where(ops.isnan(x), 0.0, x)),
        (6, 3),
    ),
}


@pytest.mark.parametrize(("build", "shape"), KEEPING.values(), ids=KEEPING)
def test_other_layers_are_not_named(build: Callable[[Any], Any], shape: tuple[int, ...]) -> None:
    assert _details(build, shape) == {}


@pytest.mark.parametrize("value", [-np.inf, np.inf, 1.0], ids=str)
def test_rows_without_nan_are_not_searched(value: float) -> None:
    assert _details(lambda x: layers.MaxPooling1D(2)(x), (6, 3), value) == {}
