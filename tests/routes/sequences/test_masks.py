"""The route that follows a mask, on live models: lost masks and masks that arrive."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.loading.model.facts import describe_model
from keras_consistency_cli.routes.locating.call_records import record_calls
from keras_consistency_cli.routes.sequences.masks.lost_masks import MASK_ROUTES, is_stock
from keras_consistency_cli.routes.sequences.masks.mask_restoring import measure_lost_mask
from keras_consistency_cli.routes.session.distances import same_outputs
from tests.corpus.mask_layers import Reader
from tests.helpers.live_models import mlp, session_of, state_of
from tests.helpers.series_models import KEEPING, LOSING, STEPS, functional, masked, padded_rows

# Keras warns if a layer drops a mask, which some of these models do on purpose.
pytestmark = pytest.mark.filterwarnings("ignore:Layer .* was passed an input with a mask:UserWarning")

(ROUTE,) = MASK_ROUTES


@pytest.mark.parametrize("name", LOSING)
def test_the_layer_that_loses_a_mask_is_named(name: str) -> None:
    build, layer = LOSING[name]
    assert layer in ROUTE.run(session_of((build(), {})), padded_rows()).details["layer"]


@pytest.mark.parametrize("name", KEEPING)
def test_a_mask_that_arrives_is_not_lost(name: str) -> None:
    assert ROUTE.run(session_of((KEEPING[name](), {})), padded_rows()).details == {}


def attend(steps: Any) -> Any:
    """An attention that takes the mask off its inputs, and an average of inputs and outputs."""
    attention = layers.MultiHeadAttention(1, 3, name="attention")(steps, steps)
    return layers.GlobalAveragePooling1D(name="average")(layers.Add(name="add")([steps, attention]))


def masked_inside(series: Any) -> Any:
    inner = keras.Input((STEPS, 3))
    return keras.Model(inner, attend(masked()(inner)), name="inner")(series)


def masked_outside(series: Any) -> Any:
    inner = keras.Input((STEPS, 3))
    return keras.Model(inner, attend(inner), name="inner")(masked()(series))


def nested_attention(series: Any) -> Any:
    inner, steps = keras.Input((STEPS, 3)), masked()(series)
    attention = layers.MultiHeadAttention(1, 3, name="attention")(inner, inner)
    added = layers.Add(name="add")([steps, keras.Model(inner, attention, name="inner")(steps)])
    return layers.GlobalAveragePooling1D(name="average")(added)


NESTED = {masked_inside: "", masked_outside: "inner/add", nested_attention: "add"}


@pytest.mark.parametrize(("build", "layer"), NESTED.items(), ids=lambda each: getattr(each, "__name__", each))
def test_masks_of_nested_models_are_followed(build: Callable[[Any], Any], layer: str) -> None:
    """The graph hands on masks that are made inside it, not those that it is given."""
    session, rows = session_of((functional(build), {})), padded_rows()
    assert ROUTE.run(session, rows).details.get("layer", "") == layer
    # The way in which calls are observed does not change them.
    plain, (calls, recorded) = session.call(rows, training=False), record_calls(session, rows)
    assert same_outputs(recorded, plain)
    (average,) = (call for call in calls if call.layer.endswith("average"))
    assert average.given_mask is (not layer)


@pytest.mark.parametrize(
    ("package", "stock"), [("keras.src.layers", True), ("keras_nlp.layers", True), ("my_code", False)]
)
def test_layers_of_known_packages_cannot_be_edited(package: str, stock: bool) -> None:
    kind = type("Own", (layers.Layer,), {"__module__": package})
    assert is_stock(kind()) is stock


def test_the_model_stays_as_it_was() -> None:
    built = KEEPING["attention of one length"]()
    session, before = session_of((built, {})), state_of(built)
    ROUTE.run(session, padded_rows())
    session.restore()
    assert state_of(built) == before


def test_models_without_a_mask_are_left_out(wording: SnapshotAssertion) -> None:
    assert ROUTE.unavailable(describe_model(mlp()[0])) == wording


IDS = np.where(
    np.arange(14) < np.arange(3, 15)[:, None], np.random.default_rng(3).integers(1, 50, (12, 14)), 0
)


def reader(how: str) -> Any:
    keras.utils.set_random_seed(5)
    model = Reader(how)
    model(IDS[:2].astype("int32"))
    return session_of((model, {}))


@pytest.mark.parametrize("how", ["scaled", "split"])
def test_code_that_drops_a_mask_is_found_by_the_layer_that_gets_none(how: str) -> None:
    details = ROUTE.run(reader(how), {"x": IDS.astype("int32")}).details
    assert details == {"layer": "memory", "kind": "GRU", "after": "embedding"}


@pytest.mark.parametrize("how", ["passed", "beside"])
def test_code_that_passes_a_mask_on_is_not(how: str) -> None:
    assert ROUTE.run(reader(how), {"x": IDS.astype("int32")}).details == {}


@pytest.mark.parametrize(("how", "moves"), [("scaled", True), ("split", True), ("passed", False)])
def test_a_mask_that_code_drops_is_restored(how: str, moves: bool) -> None:
    session = reader(how)

    def predict(rows: Any) -> Any:
        session.restore()
        return session.call(rows, training=False)

    effect = measure_lost_mask(predict, {"x": IDS.astype("int32")})
    assert (effect.get("restored") == ["memory"]) is moves
    assert (effect.get("restored_moves", 0.0) > 0) is moves
