"""The scale at which generated rows move the outputs."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from keras_consistency_cli.loading.model.facts import describe_model
from keras_consistency_cli.loading.model.row_scale import PROBED_ROWS, choose_row_scale


def chosen(model: Any, *, dtype: str = "float32") -> float:
    """The scale for standard normal rows."""
    shape = model.input_shape[1:]

    def generate(scale: float) -> dict[str, np.ndarray]:
        normal = np.random.default_rng(0).normal(size=(PROBED_ROWS, *shape))
        return {"x": (scale * normal).astype(dtype)}

    return choose_row_scale(model, describe_model(model), generate)


def classifier(activation: str, gain: float, *middle: Any) -> Any:
    last = layers.Dense(3, activation=activation, kernel_initializer=keras.initializers.Constant(gain))
    if activation == "softmax":
        last.kernel_initializer = keras.initializers.RandomNormal(stddev=gain, seed=1)
    return keras.Sequential([keras.Input((6,), name="x"), *middle, last])


@pytest.mark.parametrize("activation", ["sigmoid", "softmax"])
@pytest.mark.parametrize(("gain", "most"), [(1.0, 1.0), (1e3, 0.1), (1e5, 1e-2)])
def test_rows_are_made_smaller_until_outputs_move(activation: str, gain: float, most: float) -> None:
    scale = chosen(classifier(activation, gain))
    assert scale <= most
    assert (scale == 1.0) is (gain == 1.0)


def test_rows_are_made_larger_if_small_ones_are_lost() -> None:
    lost = layers.Rescaling(1e-7, offset=0.1)
    assert chosen(classifier("sigmoid", 1.0, lost)) > 1.0


@pytest.mark.parametrize(
    "model",
    [
        lambda: classifier("sigmoid", 0.0),
        lambda: classifier("linear", 1e6),
        lambda: keras.Sequential([keras.Input((4,), batch_size=2), layers.Dense(1, activation="sigmoid")]),
    ],
    ids=["never", "not saturable", "fixed batch"],
)
def test_the_scale_stays_if_nothing_is_gained(model: Any) -> None:
    assert chosen(model()) == 1.0


def test_variables_stay_as_they_were() -> None:
    model = classifier("sigmoid", 1e3, layers.Dropout(0.5, seed=3), layers.BatchNormalization())
    before = [np.array(variable) for variable in model.variables]
    chosen(model)
    assert all(np.array_equal(a, np.array(b)) for a, b in zip(before, model.variables, strict=True))


def test_no_weight_is_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    model = classifier("sigmoid", 1e3, layers.Dropout(0.5, seed=3), layers.BatchNormalization())
    assigned: list[str] = []
    monkeypatch.setattr(keras.Variable, "assign", lambda variable, _: assigned.append(variable.path))
    assert chosen(model) < 1.0
    assert not assigned


def test_a_model_that_fails_keeps_the_scale() -> None:
    table = layers.Embedding(4, 2)
    model = keras.Sequential(
        [keras.Input((3,), name="x"), table, layers.Flatten(), layers.Dense(1, activation="sigmoid")]
    )
    assert chosen(model) in (1.0, 0.1, 1e-2)
