"""Layers that mix rows only in batches of a size that the check of neighbours does not try."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from keras_consistency_cli.routes.calling.sized_neighbours import leaking_sizes
from keras_consistency_cli.routes.locating.layers import LAYER_LOCATORS
from tests.corpus.reports_batches_layers import Trimmed
from tests.corpus.reports_crowded_layers import CentredCrowd, Distances, Experts, Loudest, SizeAbove
from tests.helpers.live_models import chain, measured, named_rows, session_of

LOCATE = {route.name: route.run for route in LAYER_LOCATORS}


def table(layer: Any, *, rows: int = 60) -> tuple[Any, Any]:
    keras.utils.set_random_seed(5)
    model, _ = chain((7,), layers.Dense(6), layer, layers.Dense(2))
    (name,) = (each.name for each in model.inputs)
    return model, {name: np.random.default_rng(3).normal(size=(rows, 7)).astype("float32")}


def sizes(built: tuple[Any, Any], **options: Any) -> list[int]:
    """The sizes of the batches in which rows leak."""
    session = session_of(built, batch_size=8, **options)
    rows = named_rows(built[1], session.facts)
    return [len(keep) for _, _, keep in leaking_sizes(session, rows)]


@pytest.mark.parametrize("layer", [Experts(24), CentredCrowd(40), Loudest(30)], ids=lambda layer: layer.name)
def test_a_layer_that_mixes_large_batches_is_located(layer: Any) -> None:
    built = table(layer)
    assert sizes(built) == [60]
    found = measured(LOCATE["locate-companions"], built)
    assert (found["layer"], found["batch"], found["compared"]) == (layer.name, 60, False)


@pytest.mark.parametrize(
    "layer", [Experts(24, training_only=True), CentredCrowd(40, learned=True), SizeAbove(40), Experts(60)]
)
def test_no_row_leaks_if_none_is_mixed(layer: Any) -> None:
    assert sizes(table(layer)) == []


def test_sizes_of_the_user_are_tried() -> None:
    assert sizes(table(CentredCrowd(20), rows=60), sizes=(30, 40)) == [60, 30, 40]
    assert sizes(table(CentredCrowd(20), rows=19)) == []


def test_the_kept_rows_that_change_are_marked() -> None:
    built = table(Loudest(30))
    session = session_of(built, batch_size=8)
    (batch, replaced, kept) = next(leaking_sizes(session, named_rows(built[1], session.facts)))
    (name,) = batch
    assert kept.any()
    np.testing.assert_array_equal(batch[name][kept], replaced[name][kept])


def test_a_size_that_is_refused_shows_nothing() -> None:
    fixed = layers.Lambda(lambda x: keras.ops.reshape(x, (8, 6)), output_shape=(6,))
    assert sizes(table(fixed)) == []


def test_rows_that_are_padded_to_the_longest_are_left_out() -> None:
    """Their sums round differently, which is no leak."""
    keras.utils.set_random_seed(5)
    inputs = keras.Input((24,), dtype="int32")
    vectors = layers.Embedding(50, 16, mask_zero=True)(Trimmed()(inputs))
    model = keras.Model(inputs, layers.Dense(2)(layers.GlobalAveragePooling1D()(vectors)))
    ids = np.random.default_rng(3).integers(1, 50, size=(60, 24)).astype("int32")
    ids[np.arange(24) >= np.random.default_rng(4).integers(2, 24, size=(60, 1))] = 0
    assert sizes((model, {inputs.name: ids})) == []


@pytest.mark.parametrize("rows", [60, 5])
def test_outputs_with_a_column_for_each_row_are_noted(rows: int) -> None:
    keras.utils.set_random_seed(5)
    found = measured(
        LOCATE["locate-companions"], chain((7,), layers.Dense(6), Distances(name="far"), rows=rows)
    )
    assert (found["layer"], found["compared"]) == ("far", rows >= 8)


def test_a_matrix_for_each_row_is_no_comparison() -> None:
    inputs = keras.Input((6,))
    scores = layers.Dot(1)([layers.Reshape((1, 6))(inputs), layers.Reshape((1, 6))(inputs)])
    mixed = layers.Lambda(lambda x: x - keras.ops.mean(x, axis=0))(scores)
    rows = {inputs.name: np.random.default_rng(1).normal(size=(40, 6)).astype("float32")}
    found = measured(LOCATE["locate-companions"], (keras.Model(inputs, mixed), rows))
    assert found["compared"] is False
