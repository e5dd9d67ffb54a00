"""Layers that are given a mask and make nothing of it, on live models of one length and of any."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from keras import layers

from keras_consistency_cli.routes.sequences.padding import PADDING_ROUTES
from tests.helpers.live_models import normal, session_of
from tests.helpers.series_models import KEEPING, LOSING, STEPS, Pool, functional, masked, model, padded_rows

# Keras warns where a layer drops a mask, which is what some of these models are for.
pytestmark = pytest.mark.filterwarnings("ignore:Layer .* was passed an input with a mask:UserWarning")

(ROUTE,) = PADDING_ROUTES


def beside(series: Any) -> Any:
    """Another average that heeds the mask."""
    steps = masked()(series)
    return layers.Add()([layers.GlobalAveragePooling1D()(steps), Pool(heeding=False, name="pool")(steps)])


BUILDS = {
    "one length": lambda: functional(
        lambda x: Pool(heeding=False, name="pool")(layers.Dense(4)(masked()(x)))
    ),
    "behind a layer that heeds it": lambda: functional(
        lambda x: Pool(False, name="pool")(layers.LSTM(4, return_sequences=True)(masked()(x)))
    ),
    "beside one": lambda: functional(beside),
}


def found(built: Any, rows: dict[str, np.ndarray]) -> Any:
    return ROUTE.run(session_of((built, {})), rows).details.get("unheeded")


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("name", BUILDS)
def test_the_layer_is_named(name: str, side: str) -> None:
    assert found(BUILDS[name](), padded_rows(side=side)) == {"layer": "pool", "kind": "Pool"}


def test_rows_that_show_no_padding_get_some() -> None:
    assert found(BUILDS["one length"](), {"x": normal(STEPS, 3, rows=24)}) == {
        "layer": "pool",
        "kind": "Pool",
    }


@pytest.mark.parametrize("name", ["own pooling", "average", "both directions"])
def test_layers_that_heed_it_are_not(name: str) -> None:
    assert found(KEEPING[name](), padded_rows()) is None


def test_layers_that_never_get_it_are_not() -> None:
    """The mask ends in the convolution; the series layer behind it is given none."""
    assert found(LOSING["convolution"][0](), padded_rows()) is None
    assert found(model(layers.LSTM(4), layers.Dense(1)), padded_rows()) is None
