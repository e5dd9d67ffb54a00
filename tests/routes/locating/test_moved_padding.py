"""Padding that is moved off the masked value before the mask is made."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from keras import layers, ops

from keras_consistency_cli.routes.sequences.padding import PADDING_ROUTES
from tests.helpers.live_models import session_of
from tests.helpers.series_models import STEPS, functional, masked, model, padded_rows

# Flatten drops the mask on purpose.
pytestmark = pytest.mark.filterwarnings("ignore:Layer .* was passed an input with a mask:UserWarning")

(ROUTE,) = PADDING_ROUTES
NORMAL = {"mean": [0.5, 1.0, -2.0], "variance": [4.0, 1.0, 9.0]}


def find_moved(built: Any, rows: dict[str, np.ndarray] | None = None) -> Any:
    return ROUTE.run(session_of((built, {})), rows or padded_rows()).details.get("moved")


def normal() -> Any:
    return layers.Normalization(**NORMAL, name="normal")


MOVING = {
    "normalization": lambda: model(normal(), masked(), layers.LSTM(4)),
    "rescaling": lambda: model(layers.Rescaling(1.0, 2.0, name="normal"), masked(), layers.GRU(4)),
    "in a model inside": lambda: functional(
        lambda x: layers.LSTM(4)(masked()(model(normal(), shape=(STEPS, 3))(x)))
    ),
}


@pytest.mark.parametrize("name", MOVING)
def test_the_layer_that_moves_it_is_named(name: str) -> None:
    moved = find_moved(MOVING[name]())
    assert (moved["layer"].rpartition("/")[2], moved["masking"], moved["mask"]) == ("normal", "masking", 0.0)
    assert moved["left"] <= 1e-4 * moved["before"]


def test_a_model_of_one_length_is_measured_by_the_masked_value_alone() -> None:
    built = functional(
        lambda x: layers.Flatten()(layers.LSTM(4, return_sequences=True)(masked()(normal()(x))))
    )
    moved = find_moved(built)
    assert (moved["layer"], moved["left"]) == ("normal", None)
    assert moved["before"] > 1e-3


KEEPING = {
    "masked first": lambda: model(masked(), normal(), layers.LSTM(4)),
    "scaled without an offset": lambda: model(layers.Rescaling(0.5), masked(), layers.LSTM(4)),
    "mask passed on": lambda: functional(
        lambda x: layers.LSTM(4)(normal()(x), mask=ops.any(ops.not_equal(x, 0.0), axis=-1)), (None, 3)
    ),
    "nothing masked": lambda: model(normal(), layers.LSTM(4)),
}


@pytest.mark.parametrize("name", KEEPING)
def test_padding_that_stays_is_not_reported(name: str) -> None:
    assert find_moved(KEEPING[name]()) is None


def test_rows_that_were_never_padded_with_the_masked_value() -> None:
    assert find_moved(MOVING["normalization"](), padded_rows(value=-7.0)) is None
