"""Layers in training mode on each path: a bare call, and SavedModels with and without training=False."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from keras_consistency_cli.routes.calling.training.exported_training import EXPORTING_ROUTES
from tests.helpers.live_models import session_of

(ROUTE,) = EXPORTING_ROUTES
PICTURES = np.random.default_rng(0).random((12, 6, 6, 3)).astype("float32")


def picture_model(change: Callable[[Any], Any]) -> Any:
    """A classifier of pictures that change in one way first."""
    picture = keras.Input((6, 6, 3), name="picture")
    return keras.Model(picture, layers.Dense(2)(layers.Flatten()(change(picture))))


def measure(change: Callable[[Any], Any]) -> Any:
    """The details of the route, for one model."""
    session = session_of((picture_model(change), {"picture": PICTURES}))
    result = ROUTE.run(session, {"picture": PICTURES})
    assert session.snapshot.changes() == ()
    return result.details


def test_augmentation_acts_in_calls_and_exports_but_not_with_the_flag() -> None:
    details = measure(layers.RandomFlip())
    for path in ("call", "saved_model"):
        assert details[path]["changed"] > 1e-2
        assert not details[path]["repeats"]
    assert details["with_flag"] == {"changed": pytest.approx(0.0, abs=1e-6), "shape": [], "repeats": True}
    assert any("Random" in operation for operation in details["random_operations"])


def test_a_flag_in_the_graph_acts_without_chance() -> None:
    details = measure(lambda picture: layers.BatchNormalization(momentum=0.5)(picture, training=True))
    assert details["call"]["changed"] > 1e-2
    assert details["saved_model"]["changed"] > 1e-2
    assert details["with_flag"]["changed"] < 1e-6
    assert details["random_operations"] == []


def test_a_healthy_model_is_the_same_everywhere() -> None:
    details = measure(layers.Dropout(0.5))
    assert [details[path]["changed"] < 1e-6 for path in ("call", "saved_model", "with_flag")] == [True] * 3
    assert details["random_operations"] == []


def test_other_backends_have_no_saved_model() -> None:
    facts = session_of((picture_model(layers.Dropout(0.5)), {"picture": PICTURES})).facts
    assert ROUTE.unavailable(facts) is None
    assert ROUTE.unavailable(replace(facts, backend="jax")) is not None
