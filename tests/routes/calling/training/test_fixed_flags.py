"""Whether training=True in the graph of a model changes anything is measured, layer by layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from keras_consistency_cli.routes.calling.training.fixed_flags import FIXED_FLAG_ROUTES
from tests.corpus.reports_bare_calls_layers import Centred
from tests.helpers.live_models import TrainedByDefault, mlp, named_rows, session_of

(ROUTE,) = FIXED_FLAG_ROUTES


def fixed(layer: Any, *, scale: float = 1.0) -> tuple[Any, Any]:
    """A model that calls this layer with training=True."""
    inputs = keras.Input((5,), name="x")
    outputs = layers.Rescaling(scale)(layer(inputs, training=True))
    return keras.Model(inputs, outputs), {"x": np.random.default_rng(0).normal(size=(9, 5)).astype("float32")}


def idle(built: tuple[Any, Any]) -> list[str]:
    session = session_of(built)
    return list(ROUTE.run(session, named_rows(built[1], session.facts)).details["without_effect"])


def nested(rate: float) -> Any:
    """A model with dropout."""
    return keras.Sequential([keras.Input((5,)), layers.Dropout(rate)], name="layer")


@pytest.mark.parametrize(
    "layer",
    [
        lambda: layers.Dropout(0.0, name="layer"),
        lambda: layers.GaussianNoise(0.0, name="layer"),
        lambda: layers.BatchNormalization(trainable=False, name="layer"),
        lambda: nested(0.0),
    ],
    ids=["dropout", "noise", "frozen batch norm", "nested"],
)
def test_a_flag_that_changes_nothing(layer: Callable[[], Any]) -> None:
    assert idle(fixed(layer())) == ["layer"]


@pytest.mark.parametrize(
    "layer",
    [
        lambda: layers.Dropout(0.5, name="layer"),
        lambda: layers.BatchNormalization(name="layer"),
        lambda: TrainedByDefault(name="layer"),
        lambda: nested(0.5),
    ],
    ids=["dropout", "batch norm", "custom", "nested"],
)
def test_a_flag_that_changes_outputs(layer: Callable[[], Any]) -> None:
    assert idle(fixed(layer())) == []


def test_an_effect_that_later_layers_hide_is_an_effect() -> None:
    assert idle(fixed(layers.Dropout(0.5, name="layer"), scale=0.0)) == []


def test_weights_that_training_moves_are_an_effect() -> None:
    assert idle(fixed(Centred(strict=True, name="layer"))) == []


def test_a_model_without_such_a_flag_gives_the_reason() -> None:
    assert ROUTE.unavailable(session_of(mlp()).facts)
    assert ROUTE.unavailable(session_of(fixed(layers.Dropout(0.0))).facts) is None
