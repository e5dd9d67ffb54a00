"""Interventions other than patching: NaN, lost masks, overridden predict methods, copies of one file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.loading.model.facts import describe_model
from keras_consistency_cli.loading.subject_spec import SubjectFiles
from keras_consistency_cli.routes.locating.interventions import INTERVENTION_ROUTES
from tests.helpers import live_models
from tests.helpers.live_models import chain, mlp, named_rows, normal, session_of

INTERVENTIONS = {route.name: route.run for route in INTERVENTION_ROUTES}
UNAVAILABLE = {route.name: route.unavailable for route in INTERVENTION_ROUTES}


def intervene(name: str, built: tuple[Any, Any]) -> dict[str, Any]:
    session = session_of(built)
    result = INTERVENTIONS[name](session, named_rows(built[1], session.facts))
    assert result.outputs == {}
    return dict(result.details)


def logarithms(*, again: bool) -> tuple[Any, Any]:
    """A model with logarithms of negative numbers, on one branch or two."""
    inputs = keras.Input((3,))
    hidden = layers.Dense(2, name="before")(inputs)
    found = layers.Dense(1, name="after")(keras.ops.log(hidden))
    if again:
        found = layers.Add()([found, layers.Dense(1)(keras.ops.sqrt(keras.ops.subtract(hidden, 100.0)))])
    return keras.Model(inputs, found), {inputs.name: normal(3)}


def test_nan_replaced_in_its_layer_disappears() -> None:
    found = intervene("hold-nonfinite", logarithms(again=False))
    assert ([path.rstrip("_0123456789") for path in found["held"]], found["left"]) == (["log"], 0)
    assert found["before"] > 0


def test_nan_of_a_second_layer_remains() -> None:
    found = intervene("hold-nonfinite", logarithms(again=True))
    assert 0 < found["left"] <= found["before"]


def test_a_finite_model_has_nothing_to_replace() -> None:
    assert intervene("hold-nonfinite", mlp()) == {}


def padded(*behind: Any, length: int | None = None) -> tuple[Any, Any]:
    """Masked series of several lengths through these layers."""
    rows = normal(12, 3, rows=20)
    for row, steps in enumerate(np.random.default_rng(0).integers(3, 12, 20)):
        rows[row, steps:] = 0
    inputs = keras.Input((length, 3))
    hidden = layers.Masking()(inputs)
    for layer in behind:
        hidden = layer(hidden)
    return keras.Model(inputs, layers.Dense(1)(hidden)), {inputs.name: rows}


@pytest.mark.filterwarnings("ignore:.*destroy the mask.*")
@pytest.mark.parametrize("padding", ["same", "valid"])
def test_padding_has_no_effect_if_the_lost_mask_is_restored(padding: str) -> None:
    found = intervene(
        "hold-masks", padded(layers.Conv1D(4, 3, padding=padding, name="filter"), layers.LSTM(4))
    )
    assert found["held"] == ["filter"]
    assert found["left"] < 1e-5 * found["scale"] < found["before"]


@pytest.mark.filterwarnings("ignore:.*destroy the mask.*")
def test_the_mask_is_restored_in_both_layers_that_lose_it() -> None:
    filters = [layers.Conv1D(4, 3, padding="same", name=name) for name in ("one", "two")]
    found = intervene("hold-masks", padded(*filters, layers.GRU(4)))
    assert found["held"] == ["one", "two"]
    assert found["left"] < 1e-5 * found["scale"] < found["before"]


@pytest.mark.filterwarnings("ignore:.*destroy the mask.*")
@pytest.mark.parametrize(
    "build",
    [lambda: padded(layers.LSTM(4)), lambda: padded(layers.Flatten(), length=12)],
    ids=["kept", "no steps left"],
)
def test_nothing_is_measured_if_no_mask_can_be_restored(build: Any) -> None:
    assert intervene("hold-masks", build()) == {}


class Doubled(keras.Model):
    """predict returns twice the output of a call."""

    def predict_step(self, data: Any) -> Any:
        return super().predict_step(data) * 2


def test_predict_without_its_override_equals_a_call() -> None:
    inputs = keras.Input((5,))
    model = Doubled(inputs, layers.Dense(1)(inputs))
    found = intervene("plain-predict", (model, {inputs.name: normal(5)}))
    assert found["left"] <= 1e-6 * found["scale"] < found["before"]
    assert type(model) is Doubled
    rows = normal(5)
    np.testing.assert_allclose(model.predict(rows, verbose=0), 2 * np.asarray(model(rows)), rtol=1e-5)


def test_predict_without_an_override_has_nothing_to_put_back(wording: SnapshotAssertion) -> None:
    assert UNAVAILABLE["plain-predict"](describe_model(mlp()[0])) == wording


class Remembers(layers.Layer):
    """Scales with a number that no file contains."""

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.by = np.random.default_rng().uniform(1.0, 2.0)

    def call(self, inputs: Any) -> Any:
        return inputs * self.by


def copies(tmp_path: Path, *parts: Any) -> dict[str, Any]:
    """The details of patching the layers of a second copy of the same file."""
    model, rows = chain((5,), *parts)
    path = tmp_path / "model.keras"
    model.save(path)
    known = {"Remembers": Remembers, "Leak": live_models.Leak}
    session = session_of((keras.models.load_model(path, custom_objects=known), rows))
    session.subject = replace(session.subject, custom_objects=known, files=SubjectFiles(model=str(path)))
    return dict(INTERVENTIONS["hold-copies"](session, rows).details)


def test_two_copies_agree_if_the_layer_that_forgets_is_patched(tmp_path: Path) -> None:
    found = copies(tmp_path, layers.Dense(4), Remembers(name="odd"), layers.Dense(1))
    assert (found["held"], found["left"]) == (["odd"], 0.0)
    assert found["before"] > 0


def test_nothing_is_patched_in_two_copies_of_a_healthy_model(tmp_path: Path) -> None:
    assert copies(tmp_path, layers.Dense(4), layers.Dense(1)) == {}
