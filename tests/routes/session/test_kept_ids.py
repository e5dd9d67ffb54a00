"""Ids stay as they are if a route changes the rows."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from keras_consistency_cli.routes.calling.neighbours import NEIGHBOUR_ROUTES
from keras_consistency_cli.routes.numerics.conditioning import CONDITIONING_ROUTES
from keras_consistency_cli.routes.sequences.states import STATE_ROUTES
from keras_consistency_cli.routes.sequences.stepping import STEPPING_ROUTES
from keras_consistency_cli.routes.session.kept_ids import find_ids, keep_ids
from tests.helpers.float64_copies import float64_copy_of
from tests.helpers.live_models import session_of
from tests.loading.model.test_id_places import functional

ROUTES = {
    route.name: route for route in (*NEIGHBOUR_ROUTES, *CONDITIONING_ROUTES, *STATE_ROUTES, *STEPPING_ROUTES)
}


def mixed() -> Any:
    """The first column is an id of a small table, the others are numbers."""
    return functional(
        lambda x: layers.Dense(1)(layers.Concatenate()([layers.Embedding(5, 2)(x[:, 0]), x[:, 1:]]))
    )


def test_only_numbers_change() -> None:
    rows = {"x": np.array([[4.0, 0.5, 2.0], [0.0, -1.0, 3.0]], np.float32)}
    session = session_of((mixed(), {}))
    assert find_ids(session, "x", rows["x"]).tolist() == [[True, False, False]]
    kept = keep_ids(session, rows, {"x": -rows["x"]})["x"]
    assert kept.tolist() == [[4.0, -0.5, -2.0], [0.0, 1.0, -3.0]]


def test_every_number_of_an_input_of_categories_is_kept() -> None:
    model = functional(lambda x: layers.CategoryEncoding(6)(x), dtype="int32")
    assert find_ids(session_of((model, {})), "x", np.zeros((2, 3))).all()


@pytest.mark.parametrize("route", ["companions", "changed-inputs"])
def test_routes_stay_inside_a_table_among_numbers(route: str) -> None:
    rows = {"x": np.array([[4.0, 500.5, -2.0], [0.0, -100.0, 3.0], [2.0, 7.0, 9.0]], np.float32)}
    built = mixed(), rows
    session = float64_copy_of(built)[0] if route == "changed-inputs" else session_of(built)
    assert ROUTES[route].run(session, rows).outputs


@pytest.mark.parametrize("stateful", [False, True])
def test_routes_along_time_stay_inside_a_table_of_ids_in_floats(stateful: bool) -> None:
    words = keras.Input(batch_shape=(4, 6), name="x") if stateful else keras.Input((6,), name="x")
    hidden = layers.LSTM(3, stateful=stateful)(layers.Embedding(9, 4)(words))
    model = keras.Model(words, layers.Dense(1)(hidden))
    rows = {"x": np.random.default_rng(0).integers(0, 9, (8, 6)).astype("float32")}
    details = ROUTES["steps"].run(session_of((model, {})), rows).details
    assert details["past"] > 0
    if stateful:
        assert "curve" in ROUTES["state-memory"].run(session_of((model, {})), rows).details
