"""Rows that their neighbours change only if certain rows are in the batch."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_consistency_cli.routes.calling.affected_rows import affected_batches
from keras_consistency_cli.routes.calling.sized_neighbours import leaking_affected_rows
from keras_consistency_cli.routes.locating.interventions import INTERVENTION_ROUTES
from keras_consistency_cli.routes.locating.layers import LAYER_LOCATORS
from tests.corpus.reports_crowded_layers import SizeAbove
from tests.corpus.reports_rare import rows_with
from tests.corpus.reports_rare_layers import Capped, Gated, Numbered, SeveralRaised, contrast
from tests.helpers.live_models import measured, named_rows, session_of

ROUTES = {route.name: route.run for route in (*LAYER_LOCATORS, *INTERVENTION_ROUTES)}
CROWD = (3, 13, 41, 50, 75, 85)


class OwnCall(keras.Model):
    """A model whose own call() scales all rows if one is high."""

    def call(self, x: Any) -> Any:
        """Return a tensor of the inputs' shape."""
        return x * ops.where(ops.any(contrast(x) > 4.0), 1.5, 1.0)


def table(layer: Any, *rare: int, batch: int | None = None) -> tuple[Any, Any]:
    keras.utils.set_random_seed(5)
    inputs = keras.Input((7,), batch_size=batch)
    model = keras.Model(inputs, layers.Dense(2)(layer(inputs)))
    return model, {inputs.name: rows_with(*rare)(np.random.default_rng(3))}


def leaks(built: tuple[Any, Any]) -> list[tuple[int, int]]:
    """The size of each leaking batch, and how many rows of it are kept."""
    session = session_of(built, batch_size=32)
    rows = named_rows(built[1], session.facts)
    return [(len(leak.kept), int(leak.kept.sum())) for leak in leaking_affected_rows(session, rows)]


@pytest.mark.parametrize(
    ("layer", "rare"),
    [
        (Gated(name="any"), (70,)),
        (Gated("all", name="all"), (11, 37, 80)),
        (SeveralRaised(name="several"), CROWD),
        (Capped(name="capped"), (70,)),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_the_layer_is_located_in_the_batch_of_the_rare_rows(layer: Any, rare: tuple[int, ...]) -> None:
    built = table(layer, *rare)
    assert leaks(built)
    found = measured(ROUTES["locate-companions"], built)
    assert (found["layer"], found["mixed"]) == (layer.name, True)
    held = measured(ROUTES["hold-companions"], built)
    assert (held["held"], held["left"]) == ([layer.name], 0)


def test_batches_of_predict_come_first() -> None:
    assert leaks(table(Gated(), 70))[0] == (32, 1)


@pytest.mark.parametrize("batch", [32, 16])
def test_a_model_of_one_size_is_compared_with_another_order(batch: int) -> None:
    built = table(Gated(name="any"), 70, batch=batch)
    assert leaks(built)
    assert measured(ROUTES["locate-companions"], built)["layer"] == "any"


@pytest.mark.parametrize(
    "layer",
    [
        *(Gated(by_row=True), SeveralRaised(by_row=True), Capped(by_row=True)),
        *(Numbered(), SizeAbove(40), SizeAbove(1), layers.Dropout(0.5)),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_nothing_leaks_where_neighbours_do_not_matter(layer: Any) -> None:
    assert leaks(table(layer, *CROWD)) == []


def test_rows_that_a_size_changes_are_tried_too() -> None:
    session = session_of(built := table(Numbered(), 11, 37, 80), batch_size=32)
    found = list(affected_batches(session, named_rows(built[1], session.facts)))
    # Rows that rounding changes may follow: some processors sum in another order at the end of a batch.
    assert {int(row) for each in found for row in each.positions[each.places]} >= {11, 37, 80}
    assert all(len(each.positions) > 1 for each in found)


def test_code_of_the_model_itself_is_known_to_mix() -> None:
    keras.utils.set_random_seed(5)
    model = OwnCall()
    rows = {"input": rows_with(70)(np.random.default_rng(3))}
    model(rows["input"][:2])
    assert measured(ROUTES["locate-companions"], (model, rows))["mixed"]
