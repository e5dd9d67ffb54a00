"""The route along time, on live models: layers that look ahead or back, and loops that are exact."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

import keras
import pytest
import tensorflow as tf
from keras import layers, ops
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.loading.model.facts import describe_model
from keras_consistency_cli.routes.sequences import series_sample
from keras_consistency_cli.routes.sequences.series import session_for_any_length
from keras_consistency_cli.routes.sequences.stepping import STEPPING_ROUTES
from keras_consistency_cli.routes.session.session import Session
from tests.helpers.live_models import Leak, mlp, normal, session_of, state_of

(ROUTE,) = STEPPING_ROUTES
EXACT, OFF = 1e-5, 0.01


def model(*parts: Any, shape: tuple[int | None, ...] = (None, 3), batch: int | None = None) -> Any:
    return keras.Sequential([keras.Input(shape, name="x", batch_size=batch), *parts])


def functional(parts: Callable[[Any], Any], shape: tuple[int | None, ...] = (8, 4)) -> Any:
    series = keras.Input(shape, name="x")
    return keras.Model(series, parts(series))


def attending(causal: bool) -> Any:
    return functional(
        lambda x: layers.Dense(2)(
            layers.MultiHeadAttention(2, 4, name="heads")(x, x, use_causal_mask=causal)
        ),
        (None, 4),
    )


class Compiled(layers.Layer):
    """Compiles its own call, in which layers have no numbers."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.heads = layers.MultiHeadAttention(2, 4)
        self.run = tf.function(lambda series: self.heads(series, series, use_causal_mask=True))

    def call(self, inputs: Any) -> Any:
        return self.run(inputs)


class SumSoFar(layers.Layer):
    """Keeps the sum of its time steps from call to call, unknown to Keras."""

    def build(self, shape: tuple[int, ...]) -> None:
        self.total = self.add_weight(shape=(shape[0], shape[2]), initializer="zeros", trainable=False)

    def call(self, inputs: Any) -> Any:
        self.total.assign_add(ops.sum(inputs, axis=1))
        return ops.tanh(self.total)


def nested() -> Any:
    inner_series = keras.Input((None, 4))
    inner = keras.Model(
        inner_series,
        layers.Bidirectional(layers.GRU(3, return_sequences=True), name="both")(inner_series),
        name="encoder",
    )
    return functional(lambda x: layers.Dense(1)(inner(x)), (None, 4))


MODELS: dict[str, Callable[[], Any]] = {
    "lstm": lambda: model(
        layers.LSTM(4, return_sequences=True), layers.GRU(3, return_sequences=True), layers.Dense(2)
    ),
    "lstm of one length": lambda: functional(
        lambda x: layers.Dense(2)(layers.LSTM(4, return_sequences=True)(x))
    ),
    "one output per row": lambda: model(layers.GRU(4), layers.Dense(1)),
    "one output per row, both directions": lambda: model(
        layers.Bidirectional(layers.GRU(4)), layers.Dense(1)
    ),
    "one output per row, sum so far": lambda: model(SumSoFar(), layers.Dense(1), batch=2),
    "stateful": lambda: model(layers.LSTM(4, return_sequences=True, stateful=True), layers.Dense(1), batch=2),
    "causal convolutions": lambda: model(
        layers.Conv1D(4, 3, padding="causal"), layers.Conv1D(2, 2, padding="causal", dilation_rate=2)
    ),
    "causal attention": lambda: attending(True),
    "independent steps": lambda: model(layers.Conv1D(4, 1, activation="relu"), layers.Dense(2)),
    "both directions": lambda: model(
        layers.Bidirectional(layers.LSTM(3, return_sequences=True), name="both"), layers.Dense(1)
    ),
    "centred convolution": lambda: model(
        layers.Dense(4), layers.Conv1D(4, 3, padding="same", name="centred")
    ),
    "attention": lambda: attending(False),
    "in an inner model": nested,
    "compiled inside": lambda: functional(
        lambda x: layers.Bidirectional(layers.GRU(3, return_sequences=True), name="both")(Compiled()(x))
    ),
}
AHEAD = {
    "both directions": "both",
    "centred convolution": "centred",
    "attention": "heads",
    "in an inner model": "encoder/both",
    "compiled inside": "both",
}


@cache
def ran(name: str) -> tuple[Mapping[str, Any], bool]:
    """Run the route on a model; return its details, and whether the model is as it was."""
    built = MODELS[name]()
    session, before = session_of((built, {})), state_of(built)
    details = ROUTE.run(session, {"x": normal(8, built.input_shape[-1])}).details
    session.restore()
    return MappingProxyType(details), state_of(built) == before


def steps_of(name: str) -> Mapping[str, Any]:
    return ran(name)[0]


@pytest.mark.parametrize("name", AHEAD)
def test_layers_that_look_ahead_are_named(name: str) -> None:
    details = steps_of(name)
    assert details["future"] > OFF
    assert (details["layer"], "twin" in details, "prefix" in details) == (AHEAD[name], False, False)


@pytest.mark.parametrize(
    "name",
    [
        "lstm",
        "lstm of one length",
        "causal convolutions",
        "causal attention",
        "stateful",
        "independent steps",
    ],
)
def test_prefixes_of_causal_models_are_exact(name: str) -> None:
    details = steps_of(name)
    assert (details["future"] < EXACT, details["prefix"] < EXACT) == (True, True)


@pytest.mark.parametrize(
    ("name", "one_step", "twin"),
    [
        ("lstm", False, True),
        ("lstm of one length", False, True),
        ("one output per row", False, True),
        ("one output per row, both directions", False, None),
        ("one output per row, sum so far", True, None),
        ("stateful", True, None),
        ("independent steps", True, None),
        ("causal convolutions", False, None),
        ("causal attention", False, None),
    ],
)
def test_single_steps_are_exact_with_the_right_state(name: str, one_step: bool, twin: bool | None) -> None:
    details = steps_of(name)
    assert (details["one_step"] < EXACT) is one_step
    assert one_step or details["one_step"] > OFF
    assert (details["twin"] < EXACT if "twin" in details else None) is twin
    assert (details["past"] > OFF) is (name != "independent steps")


def test_a_recurrent_model_with_a_convolution_has_no_exact_copy() -> None:
    built = model(
        layers.Conv1D(4, 3, padding="causal"), layers.LSTM(4, return_sequences=True), layers.Dense(1)
    )
    details = ROUTE.run(session_of((built, {})), {"x": normal(8, 3)}).details
    assert details["twin"] > OFF


@pytest.mark.parametrize("stateful", [False, True])
def test_one_copy_for_any_length_measures_the_same_as_several(
    stateful: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    lstm = layers.LSTM(4, return_sequences=True, stateful=stateful)
    session = session_of((model(lstm, layers.Dense(1), shape=(8, 3), batch=2 if stateful else None), {}))
    copies: list[Session] = []

    def build_copy(*args: Any) -> Session:
        copies.append(session_for_any_length(*args))
        return copies[-1]

    monkeypatch.setattr(series_sample, "session_for_any_length", build_copy)
    rows = {"x": normal(8, 3)}
    details = ROUTE.run(session, rows).details
    assert len(copies) == 1
    several = property(lambda sample: build_copy(sample.session, sample.rows, sample.names))
    monkeypatch.setattr(series_sample.SeriesSample, "_any_length", several)
    session.restore()
    assert ROUTE.run(session, rows).details == details
    assert len(copies) > 3


def test_causal_attention_that_returns_its_scores_contradicts_a_layer_that_looks_ahead() -> None:
    def parts(series: Any) -> Any:
        heads = layers.MultiHeadAttention(2, 4)
        attended, _ = heads(series, series, use_causal_mask=True, return_attention_scores=True)
        return layers.Bidirectional(layers.GRU(3, return_sequences=True), name="both")(attended)

    details = ROUTE.run(session_of((functional(parts), {})), {"x": normal(8, 4)}).details
    assert (details["layer"], details["contradicts"]) == ("both", True)


@pytest.mark.parametrize("name", MODELS)
def test_the_model_stays_as_it_was(name: str) -> None:
    assert ran(name)[1]


def test_the_decoder_is_fed_step_by_step() -> None:
    source, target = keras.Input((None, 3), name="source"), keras.Input((None, 2), name="target")
    _, *states = layers.LSTM(4, return_state=True)(source)
    built = keras.Model(
        [source, target],
        layers.Dense(2)(layers.LSTM(4, return_sequences=True, name="decoder")(target, initial_state=states)),
    )
    details = ROUTE.run(session_of((built, {})), {"source": normal(8, 3), "target": normal(8, 2)}).details
    assert (details["encoder"], details["decoder"], details["future"] < EXACT, details["prefix"] < EXACT) == (
        True,
        "decoder",
        True,
        True,
    )
    assert details["one_step"] > OFF > EXACT > details["twin"]


@pytest.mark.parametrize(
    ("built", "reach", "exact"),
    [
        # 1 + 2 + 2 * 2 steps of a causal convolution, rounded up to a power of two.
        (
            lambda: model(
                layers.Conv1D(4, 3, padding="causal"), layers.Conv1D(4, 3, padding="causal", dilation_rate=2)
            ),
            8,
            True,
        ),
        (lambda: model(layers.Dense(4), layers.Conv1D(4, 1)), 1, True),
        (lambda: model(layers.LSTM(4)), None, False),
        (lambda: functional(with_positions, (None, 3)), 1, False),
    ],
)
def test_windows_are_exact_with_a_short_memory(
    built: Callable[[], Any], reach: int | None, exact: bool
) -> None:
    details = ROUTE.run(session_of((built(), {})), {"x": normal(24, 3)}).details["window"]
    assert (details["reach"], details["steps"]) == (reach, reach or 12)
    assert (details["off"] < EXACT) is exact


def with_positions(series: Any) -> Any:
    """Independent time steps, and their positions counted from the start."""
    return layers.Conv1D(2, 1)(layers.Concatenate()([series, ops.cumsum(ops.ones_like(series), axis=1)]))


def test_stateful_models_have_no_window() -> None:
    assert "window" not in steps_of("stateful")


def test_models_without_a_time_axis_are_left_out(wording: SnapshotAssertion) -> None:
    assert ROUTE.unavailable(describe_model(model(Leak(), shape=(3,)))) is not None
    assert ROUTE.unavailable(describe_model(mlp()[0])) == wording
