"""Routes about the shape of rows, on live models."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.loading.model.facts import describe_model
from keras_consistency_cli.routes.sequences.shapes import SHAPE_ROUTES
from tests.helpers.live_models import chain, mlp, normal, session_of

TABLE = {route.name: route for route in SHAPE_ROUTES}


def tagging(*shape: int | None) -> Any:
    return keras.Sequential(
        [
            keras.Input(shape, name="x"),
            layers.LSTM(4, return_sequences=True),
            layers.TimeDistributed(layers.Dense(2)),
        ]
    )


def test_two_lengths_show_the_fault_of_time_distributed(wording: SnapshotAssertion) -> None:
    session = session_of((tagging(None, 3), {}))
    details = TABLE["two-lengths"].run(session, {"x": normal(7, 3)}).details["wrong"]
    assert (details["first"], details["then"]) == (7, 6)
    assert session.model.predict_function is None
    assert details["how"] == wording


def test_two_lengths_are_right_with_dense() -> None:
    model = keras.Sequential(
        [keras.Input((None, 3), name="x"), layers.GRU(4, return_sequences=True), layers.Dense(2)]
    )
    assert TABLE["two-lengths"].run(session_of((model, {})), {"x": normal(7, 3)}).details == {"wrong": None}


def test_models_without_these_layers_are_left_out(wording: SnapshotAssertion) -> None:
    assert TABLE["two-lengths"].unavailable(describe_model(tagging(7, 3))) is not None
    assert TABLE["two-lengths"].unavailable(describe_model(tagging(None, 3))) is None
    reasons = {name: route.unavailable(describe_model(mlp()[0])) for name, route in TABLE.items()}
    # Only the graph tells whether code of the user's encodes ids.
    assert [name for name, reason in reasons.items() if reason is None] == ["one-hot-ids"]
    assert {name: reason for name, reason in reasons.items() if reason is not None} == wording


def test_lenient_inputs_are_those_of_keras() -> None:
    free, bound = chain((4, 1), layers.LSTM(2))[0], chain((4, 1), layers.Flatten(), layers.Dense(2))[0]
    series = keras.Input((4, 1))
    functional = keras.Model(series, layers.LSTM(2)(series))
    assert [describe_model(model).inputs[0].lenient for model in (free, bound, functional)] == [
        "length",
        "rank",
        "rank",
    ]
    assert (
        free.predict(normal(9, 1), verbose=0).shape
        == functional.predict(normal(1), verbose=0).shape
        == (10, 2)
    )
    functional.predict_function = None
    with pytest.raises(ValueError, match="expected shape"):
        functional.predict(normal(9, 1), verbose=0)


@pytest.mark.parametrize("wrapped", [True, False], ids=["time distributed", "dense"])
def test_two_lengths_of_ids(wrapped: bool) -> None:
    tags = layers.Dense(2)
    model = keras.Sequential(
        [
            keras.Input((None,), dtype="int32", name="x"),
            layers.Embedding(9, 3),
            layers.TimeDistributed(tags) if wrapped else tags,
        ]
    )
    ids = {"x": np.arange(28).reshape(4, 7) % 9}
    details = TABLE["two-lengths"].run(session_of((model, {})), ids).details
    assert (details["wrong"] is not None) is wrapped
    if wrapped:
        assert TABLE["two-lengths"].unavailable(describe_model(model)) is None
