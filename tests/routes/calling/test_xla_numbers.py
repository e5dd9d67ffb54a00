"""The layer that draws other numbers from its seed under XLA is named, and the same generator ends that."""

from __future__ import annotations

from typing import Any

import keras
import pytest
from keras import layers

from keras_consistency_cli.routes.calling.xla_numbers import XLA_NUMBERS_LOCATORS
from tests.corpus.custom_layers import FixedNoise
from tests.helpers.live_models import Block, chain, named_rows, session_of

(ROUTE,) = XLA_NUMBERS_LOCATORS


def located(built: tuple[Any, Any]) -> dict[str, Any]:
    session = session_of(built)
    result = ROUTE.run(session, named_rows(built[1], session.facts))
    assert result.outputs == {}
    return dict(result.details)


@pytest.mark.parametrize("how", ["normal", "uniform", "truncated_normal"])
def test_the_layer_that_draws_is_named(how: str) -> None:
    noise = FixedNoise(how, name="noise")
    found = located(chain((6,), layers.Dense(6, activation="relu"), noise, layers.Dense(2)))
    assert (found["layer"], found["kind"], found["custom"]) == ("noise", "FixedNoise", True)
    assert found["left"] < 1e-5 < found["plain"]
    assert 0 < found["order"] <= found["steps"]


def test_the_layer_inside_another_one_is_named() -> None:
    box = Block(FixedNoise("normal", name="noise"), name="box")
    assert located(chain((6,), box, layers.Dense(2)))["layer"] == "box/noise"


def test_a_generator_with_a_name_is_left_as_it_is() -> None:
    found = located(chain((6,), FixedNoise("named", name="noise"), layers.Dense(2)))
    assert found["plain"] < 1e-5


@pytest.mark.parametrize("how", ["kept", "dropout"])
def test_what_draws_nothing_in_inference_is_not_named(how: str) -> None:
    layer = layers.Dropout(0.5, seed=3) if how == "dropout" else FixedNoise(how)
    assert located(chain((6,), layer, layers.Dense(2))) == {}


def test_functions_of_tensorflow_are_as_before() -> None:
    import tensorflow as tf

    before = tf.random.stateless_normal
    located(chain((6,), FixedNoise("normal"), layers.Dense(2)))
    assert tf.random.stateless_normal is before
    assert keras.random.normal((2,), seed=1).shape == (2,)
