"""The route that finds the layer at which rounding errors grow most."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from keras import layers

from keras_consistency_cli.routes.numerics.rounding_location import ROUNDING_LOCATORS
from tests.helpers.float64_copies import float64_copy_of
from tests.helpers.live_models import chain, mlp
from tests.helpers.rounding_layers import ReloadedDifferently

(ROUTE,) = ROUNDING_LOCATORS


@pytest.mark.parametrize(
    ("layer", "kind"),
    [
        (ReloadedDifferently(name="odd"), "ReloadedDifferently"),
        (layers.Dense(6, dtype="mixed_float16", name="odd"), "Dense"),
    ],
)
def test_the_layer_beyond_rounding_is_named(layer: Any, kind: str) -> None:
    float64_copy, rows = float64_copy_of(
        chain((4,), layers.Dense(6, activation="tanh"), layer, layers.Dense(3))
    )
    located = ROUTE.run(float64_copy, rows).details
    assert (located["layer"], located["kind"], located["beyond_rounding"]) == ("odd", kind, True)
    before, odd, after = located["depth"]
    assert [layer["culprit"] for layer in located["depth"]] == [False, True, False]
    assert before["noise"] < 32 < odd["noise"]
    assert before["inputs"] == 0 < before["outputs"] == odd["inputs"] < odd["outputs"] == after["inputs"]


def test_the_layer_at_which_errors_grow_is_named() -> None:
    cancelling = layers.Dense(1, name="odd", kernel_initializer="zeros")
    model, rows = chain((64,), layers.Rescaling(1.0, offset=1e5), cancelling, layers.Dense(2, name="after"))
    values = np.random.default_rng(0).normal(size=(64, 1))
    cancelling.kernel.assign(values - values.mean())
    float64_copy, named = float64_copy_of((model, rows))
    located = ROUTE.run(float64_copy, named).details
    assert (located["layer"], located["beyond_rounding"]) == ("odd", False)
    assert located["grown"] > 100


def test_no_layer_is_named_if_errors_grow_nowhere() -> None:
    float64_copy, rows = float64_copy_of(mlp())
    located = ROUTE.run(float64_copy, rows).details
    assert "layer" not in located
    assert all(layer["grown"] < 10 for layer in located["growth"])
