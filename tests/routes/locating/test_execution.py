"""The layer that computes differently in a graph than eagerly on the same inputs is named."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from keras_consistency_cli.routes.locating.execution import EXECUTION_LOCATORS
from tests.helpers.live_models import HEALTHY, Block, chain, named_rows, register, session_of

(ROUTE,) = EXECUTION_LOCATORS


@register
class EagerOnly(layers.Layer):
    """Adds a number unless it is traced."""

    def call(self, inputs: Any) -> Any:
        return inputs + 0.01 if tf.executing_eagerly() else inputs


def located(built: tuple[Any, Any]) -> dict[str, Any]:
    session = session_of(built)
    result = ROUTE.run(session, named_rows(built[1], session.facts))
    assert result.outputs == {}
    return dict(result.details)


@pytest.mark.parametrize("inside", [False, True])
def test_the_layer_is_named(inside: bool) -> None:
    layer: Any = EagerOnly(name="odd")
    found = located(
        chain(
            (6,),
            layers.Dense(6, activation="relu"),
            Block(layer, name="box") if inside else layer,
            layers.Dense(2),
        )
    )
    assert (found["layer"], found["kind"], found["custom"]) == (
        "box/odd" if inside else "odd",
        "EagerOnly",
        True,
    )


def test_integer_images_are_resized_differently_in_a_graph() -> None:
    picture = keras.Input((6, 6, 1), dtype="uint8")
    resized = keras.Model(picture, layers.Flatten()(layers.Resizing(4, 4, name="resize")(picture)))
    rows = np.random.default_rng(0).integers(0, 256, (6, 6, 6, 1)).astype("uint8")
    found = located((resized, {picture.name: rows}))
    assert (found["layer"], found["dtypes"]) == ("resize", ["uint8", "float32"])


@pytest.mark.parametrize("name", HEALTHY)
def test_no_layer_of_a_healthy_model_is_named(name: str) -> None:
    assert located(HEALTHY[name]()) == {}
