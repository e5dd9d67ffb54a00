"""The layer where two backends differ, found in one process: the second run stands for the other backend.

A layer that reads `ELSEWHERE` is what a backend with different kernels is: the same file, different outputs.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from keras_consistency_cli.loading.model.facts import describe_model
from keras_consistency_cli.routes.backends import layers as backend_layers
from keras_consistency_cli.routes.backends.bound_code import find_bound_layers
from keras_consistency_cli.routes.backends.layers import DIFFERING, KEPT, backend_locators
from keras_consistency_cli.routes.session.session import RunOptions
from keras_consistency_cli.routes.session.tensorflow import TensorFlowSession

ELSEWHERE = {"now": False}
ROUTES = {route.name: route for route in backend_locators(["jax"])}
ROWS = np.random.default_rng(0).normal(size=(8, 6)).astype(np.float32)


class Faulty(layers.Layer):
    """Returns its inputs, except elsewhere."""

    def __init__(self, how: str = "shift", by: float = 0.01, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.how, self.by = how, by

    def call(self, inputs: Any) -> Any:
        if not ELSEWHERE["now"] or self.how == "never":
            return inputs
        if self.how == "raise":
            raise RuntimeError("not implemented here")
        if self.how == "nan":
            return keras.ops.where(keras.ops.isnan(inputs), 0.0, inputs)
        if self.how == "narrow":
            return keras.ops.cast(keras.ops.cast(inputs, "int32"), "int64")
        return inputs + self.by


class BoundToTensorFlow(layers.Layer):
    """A layer that imports TensorFlow itself."""

    def call(self, inputs: Any) -> Any:
        import tensorflow

        return tensorflow.nn.relu(inputs)


class WithCode(keras.Model):
    """A model whose own code between its layers differs elsewhere."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.first, self.last = layers.Dense(4, name="first"), layers.Dense(2, name="last")

    def call(self, inputs: Any) -> Any:
        hidden = self.first(inputs)
        return self.last(hidden + 0.01 if ELSEWHERE["now"] else hidden)


def chain(*between: layers.Layer) -> Any:
    inputs = keras.Input((6,), name="x")
    values = layers.Dense(4, name="first")(inputs)
    for layer in between:
        values = layer(values)
    return keras.Model(inputs, layers.Dense(2, name="last")(values))


def differing(model: Any, rows: np.ndarray = ROWS) -> Any:
    """What the route of the other backend finds, with the outputs of the backend in use."""
    session = TensorFlowSession(model, describe_model(model), RunOptions())
    fed = {describe_model(model).inputs[0].name: rows}
    ELSEWHERE["now"] = False
    kept = ROUTES[KEPT].run(session, fed)
    ELSEWHERE["now"] = True
    try:
        session.start_run(np.arange(len(rows)), kept.outputs)
        return ROUTES[f"{DIFFERING}@jax"].run(session, fed).details
    finally:
        ELSEWHERE["now"] = False


def left(details: Any) -> list[float]:
    return [max(each["left"].values()) for each in details["layers"]]


def test_a_healthy_model_has_no_suspects() -> None:
    details = differing(chain(Faulty("never"), layers.LayerNormalization()))
    assert details["layers"] == []
    assert max(details["plain"].values()) == 0.0


@pytest.mark.parametrize("how", ["shift", "raise"])
def test_a_layer_that_differs_is_found_and_held(how: str) -> None:
    details = differing(chain(layers.Dense(4), Faulty(how, name="bad"), layers.Activation("tanh")))
    (suspect,) = details["layers"]
    assert (suspect["layer"], suspect["failed"], suspect["code"]) == ("bad", how == "raise", "")
    assert left(details) == [0.0]
    assert max(details["plain"].values()) > 1e-3


@pytest.mark.parametrize("by", [(0.1, 0.5), (0.5, 0.1), (0.5, 0.001)])
def test_both_layers_that_differ_must_be_held(by: tuple[float, float]) -> None:
    details = differing(chain(Faulty(by=by[0], name="one"), Faulty(by=by[1], name="other")))
    assert [each["layer"] for each in details["layers"]] == ["one", "other"]
    assert left(details)[0] > 1e-4
    assert left(details)[1] == 0.0


def test_a_layer_inside_a_model_is_named_with_its_path() -> None:
    inner = chain(Faulty(name="bad"))
    inputs = keras.Input((6,), name="x")
    details = differing(keras.Model(inputs, layers.Dense(2)(inner(inputs))))
    assert [each["layer"] for each in details["layers"]] == [f"{inner.name}/bad"]


def test_code_between_layers_is_not_blamed_on_the_layer_after_it() -> None:
    model = WithCode()
    model(ROWS)
    (suspect,) = differing(model)["layers"]
    assert (suspect["layer"], suspect["code"]) == ("last", "WithCode")
    assert max(suspect["left"].values()) == 0.0


def test_masks_stay_with_tensors_that_are_held() -> None:
    inputs = keras.Input((5, 2), name="x")
    values = layers.GRU(4, return_sequences=True)(layers.Masking()(inputs))
    model = keras.Model(inputs, layers.LSTM(3)(layers.LayerNormalization()(values)))
    rows = np.random.default_rng(0).normal(size=(4, 5, 2)).astype(np.float32)
    rows[:, 3:] = 0
    assert differing(model, rows)["layers"] == []


def test_rows_with_nan_are_compared_apart_from_the_others() -> None:
    rows = ROWS.copy()
    rows[3, 1] = np.nan
    details = differing(chain(Faulty("nan", name="bad")), rows)
    assert details["nonfinite"] == 1
    assert max(details["plain"].values()) == np.inf
    assert max(details["finite"].values()) == 0.0


def test_whole_numbers_are_cut_if_the_backend_holds_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = keras.Input((3,), dtype="int64", name="x")
    hashed = layers.Hashing(11, output_mode="multi_hot")(Faulty("narrow", dtype="int64")(inputs))
    model = keras.Model(inputs, layers.Dense(2)(hashed))
    rows = np.random.default_rng(0).integers(2**33, 2**40, (8, 3))
    assert "narrowed" not in differing(model, rows)
    monkeypatch.setattr(backend_layers, "_holds_int64", lambda: False)
    assert max(differing(model, rows)["narrowed"].values()) == 0.0
    assert "narrowed" not in differing(model, rows % 1000)


def test_few_rows_are_kept_of_a_model_with_large_layers() -> None:
    model = chain(layers.Dense(64))
    session = TensorFlowSession(model, describe_model(model), RunOptions(budget=1000))
    kept = ROUTES[KEPT].run(session, {"x": ROWS}).outputs
    assert len(kept["rows"]) == 1
    assert kept["result/last"].shape == (1, 2)


def test_layers_that_name_a_backend_are_listed() -> None:
    model = chain(BoundToTensorFlow(name="bound"), Faulty("never", name="free"))
    bound = find_bound_layers(model)
    assert [(each["layer"], each["uses"]) for each in bound] == [("bound", "tensorflow")]
