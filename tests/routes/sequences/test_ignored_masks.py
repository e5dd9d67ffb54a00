"""Layers that are given a mask and ignore it, on live models of one length and of any length."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from keras import layers

from keras_consistency_cli.routes.sequences.padding import PADDING_ROUTES
from tests.helpers.live_models import normal, session_of
from tests.helpers.series_models import KEEPING, LOSING, STEPS, Pool, functional, masked, model, padded_rows

# Keras warns if a layer drops a mask, which some of these models do on purpose.
pytestmark = pytest.mark.filterwarnings("ignore:Layer .* was passed an input with a mask:UserWarning")

(ROUTE,) = PADDING_ROUTES


def two_averages(series: Any) -> Any:
    """An average that uses the mask, and one that ignores it."""
    steps = masked()(series)
    return layers.Add()([layers.GlobalAveragePooling1D()(steps), Pool(uses_mask=False, name="pool")(steps)])


BUILDS = {
    "one length": lambda: functional(
        lambda x: Pool(uses_mask=False, name="pool")(layers.Dense(4)(masked()(x)))
    ),
    "after a layer that uses it": lambda: functional(
        lambda x: Pool(False, name="pool")(layers.LSTM(4, return_sequences=True)(masked()(x)))
    ),
    "next to a layer that uses it": lambda: functional(two_averages),
}


def find_ignoring_layer(built: Any, rows: dict[str, np.ndarray]) -> Any:
    return ROUTE.run(session_of((built, {})), rows).details.get("unheeded")


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("name", BUILDS)
def test_the_ignoring_layer_is_named(name: str, side: str) -> None:
    assert find_ignoring_layer(BUILDS[name](), padded_rows(side=side)) == {"layer": "pool", "kind": "Pool"}


def test_padding_is_added_to_rows_without_any() -> None:
    assert find_ignoring_layer(BUILDS["one length"](), {"x": normal(STEPS, 3, rows=24)}) == {
        "layer": "pool",
        "kind": "Pool",
    }


@pytest.mark.parametrize("name", ["own pooling", "average", "both directions"])
def test_layers_that_use_the_mask_are_not_named(name: str) -> None:
    assert find_ignoring_layer(KEEPING[name](), padded_rows()) is None


def test_layers_without_a_mask_are_not_named() -> None:
    """The mask is lost in the convolution; the recurrent layer after it is given none."""
    assert find_ignoring_layer(LOSING["convolution"][0](), padded_rows()) is None
    assert find_ignoring_layer(model(layers.LSTM(4), layers.Dense(1)), padded_rows()) is None
