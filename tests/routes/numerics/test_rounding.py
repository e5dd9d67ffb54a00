"""Routes of rounding, on live models: honest ones stay near what rounding gives, others are far beyond it, and the layer is named."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.measurement.comparison import Answers, compare
from keras_consistency_cli.measurement.facts import LayerFact
from keras_consistency_cli.measurement.tolerance import excess
from keras_consistency_cli.routes.numerics.rounding import ROUNDING_LOCATORS, ROUNDING_ROUTES
from tests.helpers.float64_copies import float64_copy_of
from tests.helpers.live_models import HEALTHY, chain, mlp, named_rows, session_of

TABLE = {route.name: route for route in (*ROUNDING_ROUTES, *ROUNDING_LOCATORS)}
LOW = {"mixed_float16"}


@keras.saving.register_keras_serializable(package="rounding")
class Coarse(layers.Layer):
    """Goes through half precision by itself."""

    def call(self, inputs: Any) -> Any:
        return ops.cast(ops.cast(inputs, "float16"), inputs.dtype)


@keras.saving.register_keras_serializable(package="rounding")
class Other(layers.Layer):
    """Comes back from its config with twice its factor."""

    def __init__(self, factor: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.factor = 2.0 * factor

    def call(self, inputs: Any) -> Any:
        return self.factor * inputs

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "factor": self.factor}


@keras.saving.register_keras_serializable(package="rounding")
class Spread(layers.Layer):
    """Divides by a deviation taken as the mean of squares less the square of the mean, far from zero."""

    def call(self, inputs: Any) -> Any:
        far = inputs + 300.0
        variance = ops.mean(far * far, -1, keepdims=True) - ops.square(ops.mean(far, -1, keepdims=True))
        return inputs / ops.sqrt(ops.maximum(variance, 1e-6))


def beyond(built: tuple[Any, Any]) -> float:
    """The greatest excess over rounding of any output."""
    float64_copy, rows = float64_copy_of(built)
    result = TABLE["rounded-layers"].run(float64_copy, rows)
    few = {name: values[result.rows] for name, values in rows.items()}
    own, exact = (Answers(outputs=session.step(few)) for session in (float64_copy.original, float64_copy))
    return max(
        excess(each)
        for each in compare(("rounded", "predict"), Answers(outputs=result.outputs), own, float64_copy=exact)
    )


@pytest.mark.parametrize("name", sorted(HEALTHY))
def test_honest_models_stay_near_rounding(name: str) -> None:
    found = beyond(HEALTHY[name]())
    assert found > 100 if name in LOW else 0 < found < 8


def test_inputs_that_cancel_are_rounding_too() -> None:
    model, rows = chain((64,), layers.Dense(1))
    kernel = model.layers[-1].kernel
    kernel.assign(kernel - ops.mean(kernel))
    assert beyond((model, {name: values + np.float32(1e5) for name, values in rows.items()})) < 8


def test_what_a_layer_cancels_within_is_rounding_too() -> None:
    keras.utils.set_random_seed(1)
    built = chain((12,), layers.Dense(24, activation="tanh"), Spread(name="odd"), layers.Dense(3), rows=40)
    assert 0.2 < beyond(built) < 8
    float64_copy, rows = float64_copy_of(built)
    assert TABLE["locate-rounding"].run(float64_copy, rows).details["layer"] == "odd"


def test_operations_are_only_rounded_where_layers_do_not_account_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def never() -> Any:
        raise AssertionError("operations were rounded")

    monkeypatch.setattr("keras_consistency_cli.routes.numerics.rounding.rounding_operations", never)
    for name in ("mlp", "lstm"):
        assert beyond(HEALTHY[name]()) < 8


def test_a_shadow_that_is_another_model_is_far_beyond() -> None:
    assert beyond(chain((4,), layers.Dense(5), Other(name="odd"), layers.Dense(1))) > 1e4


@pytest.mark.parametrize(
    ("layer", "kind"),
    [(Other(name="odd"), "Other"), (layers.Dense(6, dtype="mixed_float16", name="odd"), "Dense")],
)
def test_the_layer_beyond_rounding_is_named(layer: Any, kind: str) -> None:
    float64_copy, rows = float64_copy_of(
        chain((4,), layers.Dense(6, activation="tanh"), layer, layers.Dense(3))
    )
    found = TABLE["locate-rounding"].run(float64_copy, rows).details
    assert (found["layer"], found["kind"], found["beyond_rounding"]) == ("odd", kind, True)
    before, odd, after = found["depth"]
    assert [each["culprit"] for each in found["depth"]] == [False, True, False]
    assert before["noise"] < 32 < odd["noise"]
    assert before["inputs"] == 0 < before["outputs"] == odd["inputs"] < odd["outputs"] == after["inputs"]


def test_the_layer_at_which_errors_grow_is_named() -> None:
    cancelling = layers.Dense(1, name="odd", kernel_initializer="zeros")
    model, rows = chain((64,), layers.Rescaling(1.0, offset=1e5), cancelling, layers.Dense(2, name="after"))
    values = np.random.default_rng(0).normal(size=(64, 1))
    cancelling.kernel.assign(values - values.mean())
    float64_copy, named = float64_copy_of((model, rows))
    found = TABLE["locate-rounding"].run(float64_copy, named).details
    assert (found["layer"], found["beyond_rounding"]) == ("odd", False)
    assert found["grown"] > 100


def test_nothing_is_named_where_errors_grow_nowhere() -> None:
    float64_copy, rows = float64_copy_of(mlp())
    found = TABLE["locate-rounding"].run(float64_copy, rows).details
    assert "layer" not in found
    assert all(each["grown"] < 10 for each in found["growth"])


def test_hidden_half_precision_is_named() -> None:
    built = chain((4,), layers.Dense(5), Coarse(name="odd"), layers.Dense(1))
    session = session_of(built)
    (first, *_) = TABLE["low-operations"].run(session, named_rows(built[1], session.facts)).details["low"]
    assert "/odd" in first
    assert "float16" in first


def test_full_precision_has_nothing_to_name() -> None:
    built = mlp()
    session = session_of(built)
    assert TABLE["low-operations"].run(session, named_rows(built[1], session.facts)).details == {"low": []}


def test_models_with_a_policy_below_float32_are_left_out(wording: SnapshotAssertion) -> None:
    facts = session_of(mlp()).facts
    assert TABLE["low-operations"].unavailable(facts) is None
    lowered = type(facts)(
        **{**vars(facts), "low_precision": ("mixed_float16",), "layers": (LayerFact(path="a", kind="Dense"),)}
    )
    assert TABLE["low-operations"].unavailable(lowered) == wording


def test_keras_calls_are_as_before() -> None:
    before = keras.layers.Layer.__call__, keras.Operation.__call__
    beyond(mlp())
    assert (keras.layers.Layer.__call__, keras.Operation.__call__) == before
