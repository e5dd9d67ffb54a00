"""The planted layer is named by its path, inside nested models and custom layers too."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from keras_consistency_cli.routes.locating.layers import LAYER_LOCATORS
from tests.helpers.live_models import (
    Block,
    Counter,
    InsideTraining,
    Leak,
    LeftOn,
    Rare,
    TrainedByDefault,
    chain,
    encoder,
    measured,
    mlp,
    normal,
    session_of,
)
from tests.helpers.live_models import stateful as stateful_lstm

LOCATE = {route.name: route.run for route in LAYER_LOCATORS}


def located(name: str, built: tuple[Any, Any]) -> dict[str, Any]:
    """The details of a locating route on a live model."""
    return measured(LOCATE[name], built)


CROSSING = {
    "leak": lambda: chain(
        (5,), layers.Dense(4, name="before"), Leak(1e-3, name="leak"), layers.Dense(1, name="after")
    ),
    "encoder/leak": lambda: chain((5,), encoder(layers.Dense(4), Leak(1e-3, name="leak")), layers.Dense(1)),
    "block/inner": lambda: chain(
        (5,), layers.Dense(4), Block(Leak(1e-3, name="inner"), name="block"), layers.Dense(1)
    ),
    "block/norm": lambda: chain((5,), layers.Dense(4), InsideTraining(name="block"), layers.Dense(1)),
    "outer/inner/leak": lambda: chain(
        (5,), Block(Block(Leak(1e-3, name="leak"), name="inner"), name="outer")
    ),
}


@pytest.mark.parametrize("path", CROSSING)
def test_the_layer_that_mixes_neighbours_is_named(path: str) -> None:
    found = located("locate-companions", CROSSING[path]())
    assert found["layer"] == path
    assert found["custom"] is (path != "block/norm")
    assert found["kind"] == ("BatchNormalization" if path == "block/norm" else "Leak")
    assert 1 <= found["order"] <= found["steps"]


def test_a_leak_into_a_single_row_is_located() -> None:
    """Only the first row depends on others; the few rows that are examined first do not show it."""
    model, rows = chain((5,), Rare(name="rare"), layers.Dense(1))
    (name,) = rows
    rows[name] = np.clip(rows[name], -1.5, 1.5)
    assert located("locate-companions", (model, rows)) == {}
    rows[name][0, 0] = 3.0
    assert located("locate-companions", (model, rows))["layer"] == "rare"


def centred(hidden: Any) -> Any:
    return keras.ops.subtract(hidden, keras.ops.mean(hidden, axis=0, keepdims=True))


def divided(hidden: Any) -> Any:
    return hidden / (keras.ops.sqrt(keras.ops.sum(hidden * hidden, axis=0)) + 1.0)


@pytest.mark.parametrize(
    ("mixing", "kind"),
    [(centred, "Mean"), (divided, "Sum"), (lambda hidden: keras.ops.flip(hidden, axis=0), "Flip")],
)
def test_the_operation_over_the_batch_is_named(mixing: Any, kind: str) -> None:
    """Not the operation that combines its result with the rows."""
    inputs = keras.Input((5,))
    mixed = mixing(layers.Dense(3, name="before")(inputs))
    found = located(
        "locate-companions",
        (keras.Model(inputs, layers.Dense(1, name="after")(mixed)), {inputs.name: normal(5)}),
    )
    assert found["kind"] == kind
    assert [each["kind"] for each in found["depth"] if each["culprit"]] == [kind]


def test_attention_over_the_batch_is_named() -> None:
    inputs = keras.Input((6,))
    model = keras.Model(inputs, layers.Dense(1)(layers.Attention(name="attention")([inputs, inputs])))
    found = located("locate-companions", (model, {inputs.name: normal(6)}))
    assert (found["layer"], found["kind"], found["custom"]) == ("attention", "Attention", False)


@pytest.mark.parametrize(
    ("path", "build"),
    [
        ("drop", lambda: chain((5,), layers.Dense(4), LeftOn(0.4, name="drop"), layers.Dense(1))),
        ("counter", lambda: chain((5,), layers.Dense(4), Counter(name="counter"))),
        (
            "encoder/counter",
            lambda: chain((5,), encoder(layers.Dense(4), Counter(name="counter")), layers.Dense(1)),
        ),
        ("memory", stateful_lstm),
    ],
)
def test_the_layer_whose_second_output_differs_is_named(path: str, build: Any) -> None:
    assert located("locate-repeat", build())["layer"] == path


@pytest.mark.parametrize(
    ("path", "build"),
    [
        ("default", lambda: chain((5,), layers.Dense(4), TrainedByDefault(name="default"), layers.Dense(1))),
        (
            "encoder/default",
            lambda: chain((5,), encoder(layers.Dense(4), TrainedByDefault(name="default")), layers.Dense(1)),
        ),
        (
            "flip",
            lambda: chain(
                (4, 4, 1), layers.RandomTranslation(0.4, 0.4, seed=1, name="flip"), layers.Flatten()
            ),
        ),
    ],
)
def test_the_layer_in_training_mode_is_named(path: str, build: Any) -> None:
    assert located("locate-training", build())["layer"] == path


@pytest.mark.parametrize("name", LOCATE)
def test_no_layer_is_named_if_nothing_differs(name: str) -> None:
    assert "layer" not in located(name, mlp())


def test_keras_is_restored_if_the_model_raises() -> None:
    before = keras.layers.Layer.__call__, keras.Operation.__call__
    session = session_of(mlp())
    with pytest.raises(Exception, match="incompatible"):
        LOCATE["locate-repeat"](session, {"x": normal(99)})
    assert (keras.layers.Layer.__call__, keras.Operation.__call__) == before


def test_the_layer_that_creates_nan_is_named() -> None:
    inputs = keras.Input((3,))
    logs = keras.ops.log(keras.layers.Dense(2, name="before")(inputs))
    model = keras.Model(inputs, keras.layers.Dense(1, name="after")(logs))
    rows = {model.inputs[0].name: np.random.default_rng(0).normal(size=(12, 3)).astype(np.float32)}
    route = next(route for route in LAYER_LOCATORS if route.name == "locate-nonfinite")
    assert route.run(session_of((model, rows)), rows).details["layer"] == logs._keras_history.operation.name


@pytest.mark.parametrize(("batch_size", "finite_rows"), [(None, 11), (4, 8)])
def test_rows_that_stay_finite_are_counted(batch_size: int | None, finite_rows: int) -> None:
    inputs = keras.Input((3,), batch_size=batch_size)
    model = keras.Model(inputs, keras.layers.Dense(1)(inputs))
    values = np.ones((12, 3), np.float32)
    values[5, 1] = np.nan
    rows = {model.inputs[0].name: values}
    route = next(route for route in LAYER_LOCATORS if route.name == "locate-nonfinite")
    assert route.run(session_of((model, rows)), rows).details == {"finite_rows": finite_rows}
