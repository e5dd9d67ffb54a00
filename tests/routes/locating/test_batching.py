"""The layer whose output depends on batch size or position is named, inside other layers too."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_consistency_cli.routes.locating.batching import BATCHING_LOCATORS
from tests.helpers.live_models import (
    HEALTHY,
    Block,
    ByBatch,
    chain,
    named_rows,
    normal,
    register,
    session_of,
    state_of,
)

(ROUTE,) = BATCHING_LOCATORS


def located(built: tuple[Any, Any], **options: Any) -> dict[str, Any]:
    session = session_of(built, **options)
    result = ROUTE.run(session, named_rows(built[1], session.facts))
    assert result.outputs == {}
    return dict(result.details)


@pytest.mark.parametrize("how", ["size", "place", "seed"])
@pytest.mark.parametrize("inside", [False, True])
def test_the_layer_is_named(how: str, inside: bool) -> None:
    layer: Any = ByBatch(how, name="odd")
    layer = Block(layer, name="box") if inside else layer
    found = located(chain((6,), layers.Dense(32, activation="relu"), layer, layers.Dense(2), rows=40))
    assert (found["layer"], found["kind"]) == ("box/odd" if inside else "odd", "ByBatch")
    assert [each["layer"] for each in found["depth"] if each["culprit"]] == [found["layer"]]


@register
class Crowded(layers.Layer):
    """Adds to each row after the first forty of a batch its position."""

    def call(self, x: Any) -> Any:
        """Leave the rows of a usual batch alone."""
        places = ops.maximum(ops.arange(ops.shape(x)[0]) - 40, 0)
        return x + ops.cast(places, x.dtype)[:, None]


@pytest.mark.parametrize("rows", [50, 70, 300])
def test_rows_at_the_end_of_a_large_batch_are_compared(rows: int) -> None:
    built = chain((6,), layers.Dense(6), Crowded(name="odd"), layers.Dense(2), rows=rows)
    assert located(built, batch_size=32)["layer"] == "odd"


@pytest.mark.parametrize("name", HEALTHY)
def test_no_layer_of_a_healthy_model_is_named(name: str) -> None:
    assert located(HEALTHY[name]()) == {}


def test_rounding_by_batch_size_names_no_layer() -> None:
    """A long sum has different last bits in a batch of one row."""
    wide = [layers.Dense(512, activation="tanh") for _ in range(6)]
    assert located(chain((2048,), *wide, layers.Dense(1), rows=33), batch_size=32) == {}


def test_a_model_with_a_fixed_batch_size_is_run_in_different_orders_only() -> None:
    rows = keras.Input((6,), batch_size=4)
    found = located((keras.Model(rows, ByBatch("place", name="odd")(rows)), {rows.name: normal(6, rows=8)}))
    assert found["layer"] == "odd"


def test_a_single_row_has_no_different_position() -> None:
    built = chain((6,), layers.Dense(2), rows=1)
    assert located(built) == {}


def test_the_model_is_unchanged() -> None:
    model, rows = chain((6,), layers.BatchNormalization(), ByBatch("size"), layers.Dense(2))
    session, before = session_of((model, rows)), state_of(model)
    ROUTE.run(session, named_rows(rows, session.facts))
    session.restore()
    assert state_of(model) == before
    assert all(np.isfinite(values).all() for values in rows.values())


@pytest.mark.parametrize("inside", [False, True])
def test_a_layer_that_refuses_batches_of_another_size_is_named(inside: bool) -> None:
    layer: Any = ByBatch("fixed", name="odd")
    found = located(
        chain((6,), layers.Dense(6), Block(layer, name="box") if inside else layer, layers.Dense(2), rows=12)
    )
    assert (found["layer"], found["kind"], found["custom"]) == (
        "box/odd" if inside else "odd",
        "ByBatch",
        True,
    )
