"""The routes on the float copy of a quantised model: its errors, and the layer that leaves it."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from keras_consistency_cli.loading.model.facts import describe_model
from keras_consistency_cli.loading.subject import Subject
from keras_consistency_cli.loading.subject_spec import SubjectFiles
from keras_consistency_cli.routes.numerics.quantised.dequantised import LIMITS_FACTOR, QUANTISATION_ROUTES
from keras_consistency_cli.routes.numerics.quantised.quantised_layers import (
    DEQUANTISING_ROUTES,
    QUANTISATION_LOCATORS,
)
from keras_consistency_cli.routes.trace import Result
from tests.corpus.reports_quantised import quantise
from tests.corpus.reports_quantised_layers import CallsInside
from tests.helpers.live_models import chain, mlp, named_rows, session_of, state_of

(ERRORS,) = QUANTISATION_ROUTES
(LOCATOR,) = QUANTISATION_LOCATORS
(SWITCHED_OFF,) = DEQUANTISING_ROUTES
ROUTES = (ERRORS, LOCATOR, SWITCHED_OFF)


def run(route: Any, mode: str, *inside: Any, scale: float = 1.0) -> Result:
    """Run a route on a quantised chain of layers, and check that it leaves the model as it was."""
    keras.utils.set_random_seed(5)
    model, rows = chain((6, 5), *inside)
    quantise(model, mode)
    session = session_of((model, rows))
    session.subject = Subject(files=SubjectFiles(model="m"), model=model, facts=session.facts)
    before = state_of(model)
    given = named_rows({name: values * np.float32(scale) for name, values in rows.items()}, session.facts)
    result: Result = route.run(session, given)
    for value, same in zip(before, state_of(model), strict=True):
        np.testing.assert_array_equal(value, same)
    return result


def wrapped() -> tuple[Any, ...]:
    """Three layers, of which the second runs call() of a dense layer."""
    inner = layers.Dense(8, activation="tanh", name="inner")
    return layers.Dense(8, name="first"), CallsInside(inner, name="outer"), layers.Dense(2, name="last")


@pytest.mark.parametrize("mode", ["int8", "int4", "float8"])
@pytest.mark.parametrize("scale", [0.01, 1.0, 30.0])
def test_healthy_layers_have_the_expected_error(mode: str, scale: float) -> None:
    details = run(ERRORS, mode, layers.Dense(16, activation="relu"), layers.Dense(3), scale=scale).details
    (error,) = details["errors"].values()
    most = 4.0 if mode == "float8" and scale < 1 else 1.5
    assert 0 < error["expected"] < 0.4 * error["size"]
    assert error["deviation"] < most * error["expected"]
    assert (details["called_directly"], details["rebuilt_differs"]) == ([], False)


@pytest.mark.parametrize("mode", ["int8", "int4"])
def test_a_layer_without_its_scale_is_found(mode: str) -> None:
    details = run(ERRORS, mode, *wrapped()).details
    (error,) = details["errors"].values()
    assert error["deviation"] > 4 * error["expected"]
    assert (details["called_directly"], details["rebuilt_differs"]) == (["outer/inner"], False)


@pytest.mark.parametrize("mode", ["int8", "int4"])
def test_the_layer_that_runs_call_is_located(mode: str) -> None:
    details = run(LOCATOR, mode, *wrapped()).details
    assert (details["layer"], details["custom"]) == ("outer", True)
    assert [entry["layer"] for entry in details["depth"] if entry["culprit"]] == ["outer"]


def test_nothing_is_located_in_a_healthy_model() -> None:
    healthy = layers.Dense(8), CallsInside(layers.Dense(8), directly=False), layers.Dense(2)
    assert run(LOCATOR, "int8", *healthy).details == {}
    healthy = layers.Dense(8), layers.Dense(8), layers.Dense(2)
    assert run(SWITCHED_OFF, "int8", *healthy).details == {}


def test_the_error_disappears_with_the_layer_in_floats() -> None:
    details = run(SWITCHED_OFF, "int8", *wrapped()).details
    assert details["dequantised"] == ["outer/inner"]
    assert details["before"] > 4 > 1.5 > details["after"]


def test_every_layer_whose_numbers_do_not_fit_is_switched_off() -> None:
    inside = layers.Dense(16, activation="relu", name="one"), layers.Dense(3, name="two")
    details = run(SWITCHED_OFF, "float8", *inside, scale=5000.0).details
    assert details["dequantised"] == ["one", "two"]
    assert details["before"] > 4 > details["after"]


class Forgets(layers.Layer):
    """Has an argument that its config does not hold."""

    def __init__(self, factor: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, inputs: Any) -> Any:
        return inputs * self.factor

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name}


def test_a_model_that_is_rebuilt_differently_is_noticed() -> None:
    with keras.saving.custom_object_scope({"Forgets": Forgets}):
        details = run(ERRORS, "int8", layers.Dense(8), Forgets(3.0), layers.Dense(2)).details
    assert details["rebuilt_differs"]


def test_a_model_without_a_config_is_refused() -> None:
    details = run(ERRORS, "int8", layers.Lambda(lambda x: x * 2.0), layers.Dense(2)).details
    assert list(details) == ["refused"]


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_a_model_in_floats_pays_nothing(route: Any) -> None:
    assert route.unavailable(describe_model(mlp()[0]))


def with_numbers_of(size: float) -> tuple[Any, ...]:
    """Dense layers; only the second one gets numbers of another size."""
    first, second = layers.Dense(16, activation="relu", name="first"), layers.Dense(8, name="second")
    return first, layers.Rescaling(size), second, layers.Rescaling(1 / size), layers.Dense(2)


@pytest.mark.parametrize("size", [3e3, 600.0, 3e-4])
def test_the_limits_of_float8_begin_at_a_layer(size: float) -> None:
    (error,) = run(ERRORS, "float8", *with_numbers_of(size)).details["errors"].values()
    assert error["limits"] > LIMITS_FACTOR * error["expected"]
    assert error["deviation"] > error["limits"] / 2
    assert run(LOCATOR, "float8", *with_numbers_of(size)).details["layer"] == "second"
    switched_off = run(SWITCHED_OFF, "float8", *with_numbers_of(size)).details
    assert switched_off["dequantised"] == ["second"]
    assert switched_off["beyond_after"] < LIMITS_FACTOR < switched_off["beyond_before"]
    assert switched_off["after"] < 2.0


@pytest.mark.parametrize(("mode", "size"), [("float8", 20.0), ("float8", 0.2), ("int8", 3e3), ("int8", 3e-4)])
def test_numbers_within_the_limits_are_only_rounded(mode: str, size: float) -> None:
    (error,) = run(ERRORS, mode, *with_numbers_of(size)).details["errors"].values()
    assert error["limits"] < 0.5 * error["expected"]
    assert "layer" not in run(LOCATOR, mode, *with_numbers_of(size)).details
