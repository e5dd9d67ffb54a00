"""Routes about padding, on live models: masks that reach every layer, masks that get lost, and rows without any."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_consistency_cli.loading.model_facts import describe_model
from keras_consistency_cli.routes.padding import PADDING_ROUTES
from keras_consistency_cli.routes.series import look_for_padding
from tests.routes.live_models import mlp, normal, register, session_of, state_of

# Keras warns where a layer drops a mask, which is what some of these models are for.
pytestmark = pytest.mark.filterwarnings("ignore:Layer .* was passed an input with a mask:UserWarning")

TABLE = {route.name: route for route in PADDING_ROUTES}
STEPS = 9


@register
class Scale(layers.Layer):
    """Doubles its inputs and hands no mask on, unless it is told to."""

    def __init__(self, masking: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = masking

    def call(self, inputs: Any) -> Any:
        return inputs * 2.0


def model(*parts: Any, shape: tuple[int | None, ...] = (None, 3)) -> Any:
    return keras.Sequential([keras.Input(shape, name="x"), *parts])


def functional(parts: Callable[[Any], Any], shape: tuple[int | None, ...] = (STEPS, 3), dtype: str = "float32") -> Any:
    series = keras.Input(shape, name="x", dtype=dtype)
    return keras.Model(series, layers.Dense(1)(parts(series)))


def masked(value: float = 0.0) -> Any:
    return layers.Masking(value, name="masking")


def attended(series: Any) -> Any:
    steps = masked()(series)
    return layers.GlobalAveragePooling1D()(layers.MultiHeadAttention(2, 4)(steps, steps))


def branched(series: Any) -> Any:
    steps = masked()(series)
    left, right = layers.LSTM(4)(steps), layers.GRU(4)(layers.Conv1D(4, 3, padding="same", name="conv")(steps))
    return layers.Concatenate()([left, right])


KEEPING: dict[str, Callable[[], Any]] = {
    "lstm": lambda: model(masked(), layers.LSTM(4), layers.Dense(1)),
    "both directions": lambda: model(masked(), layers.Bidirectional(layers.GRU(4)), layers.Dense(1)),
    "steps": lambda: model(masked(), layers.LSTM(4, return_sequences=True), layers.Dense(2)),
    "attention of one length": lambda: functional(attended),
    "average": lambda: model(masked(), layers.Dense(4), layers.GlobalAveragePooling1D(), layers.Dense(1)),
    "custom layer": lambda: model(masked(), Scale(masking=True), layers.LSTM(4), layers.Dense(1)),
    "lstm of one length": lambda: functional(lambda x: layers.LSTM(4)(masked()(x))),
}
LOSING: dict[str, tuple[Callable[[], Any], str]] = {
    "convolution": (lambda: model(masked(), layers.Conv1D(4, 3, padding="same", name="conv"), layers.LSTM(4), layers.Dense(1)), "conv"),
    "operation": (lambda: functional(lambda x: layers.LSTM(4)(masked()(x) * 2.0)), "multiply"),
    "custom layer": (lambda: model(masked(), Scale(name="scale"), layers.LSTM(4), layers.Dense(1)), "scale"),
    "mean over time": (lambda: functional(lambda x: ops.mean(masked()(x), axis=1)), "mean"),
    "one of two branches": (lambda: functional(branched), "conv"),
}


def padded_rows(value: float = 0.0, side: str = "right") -> dict[str, np.ndarray]:
    """Series of 3 to 8 true steps."""
    values, lengths = normal(STEPS, 3, rows=24), np.arange(24) % 6 + 3
    place = np.arange(STEPS) if side == "right" else np.arange(STEPS)[::-1]
    return {"x": np.where((place < lengths[:, None])[..., None], values, np.float32(value))}


def apart(found: Any) -> float:
    return max(float(np.abs(found.outputs[name] - found.baseline[name]).max()) for name in found.outputs)


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("name", KEEPING)
def test_masked_padding_does_not_matter(name: str, side: str) -> None:
    found = TABLE["unpadded"].run(session_of((KEEPING[name](), {})), padded_rows(side=side))
    assert apart(found) < 1e-5
    expected = {"declared": True, "mask": 0.0, "side": side, "padded_rows": 24, "other_value": False, "value": [0.0] * 3, "empty_rows": 0, "rows": 24}
    assert {key: found.details[key] for key in expected} == expected


@pytest.mark.parametrize("name", LOSING)
def test_a_lost_mask_is_seen_and_placed(name: str) -> None:
    build, layer = LOSING[name]
    session = session_of((build(), {}))
    assert apart(TABLE["unpadded"].run(session, padded_rows())) > 0.01
    assert layer in TABLE["masks"].run(session, padded_rows()).details["layer"]


@pytest.mark.parametrize("name", KEEPING)
def test_a_mask_that_arrives_is_not_called_lost(name: str) -> None:
    assert TABLE["masks"].run(session_of((KEEPING[name](), {})), padded_rows()).details == {}


def test_rows_without_padding_get_some() -> None:
    rows = {"x": normal(STEPS, 3, rows=24)}
    kept, lost = (TABLE["unpadded"].run(session_of((build(), {})), rows) for build in (KEEPING["lstm"], LOSING["convolution"][0]))
    assert apart(kept) < 1e-6 < 0.01 < apart(lost)
    assert (kept.details["added"], kept.details["side"]) == (3, "right")


def test_padding_of_another_value_than_the_mask() -> None:
    found = TABLE["unpadded"].run(session_of((KEEPING["lstm"](), {})), padded_rows(-1.25))
    assert (found.details["other_value"], found.details["value"]) == (True, [-1.25] * 3)
    assert apart(found) > 0.01


def test_padding_without_any_mask() -> None:
    plain = model(layers.LSTM(4), layers.Dense(1))
    found = TABLE["unpadded"].run(session_of((plain, {})), padded_rows())
    assert (found.details["declared"], apart(found) > 0.01) == (False, True)
    assert TABLE["unpadded"].run(session_of((plain, {})), {"x": normal(STEPS, 3)}).details == {"declared": False}


def test_ids() -> None:
    lengths = np.arange(24) % 6 + 3
    words = np.where(np.arange(STEPS) < lengths[:, None], np.random.default_rng(0).integers(1, 20, (24, STEPS)), 0).astype("int32")
    for mask, matters in ((True, False), (False, True)):
        parts: Callable[[Any], Any] = lambda x, mask=mask: layers.GRU(4)(layers.Embedding(20, 4, mask_zero=mask)(x))  # noqa: E731
        found = TABLE["unpadded"].run(session_of((functional(parts, (STEPS,), "int32"), {})), {"x": words})
        assert (found.details["declared"], apart(found) > 1e-3) == (mask, matters)


def test_rows_of_nothing_but_padding() -> None:
    rows = padded_rows()
    rows["x"][:2] = 0.0
    found = {name: TABLE["unpadded"].run(session_of((KEEPING[name](), {})), rows).details for name in ("average", "lstm")}
    assert {name: (each["empty_rows"], each["empty_answers_nan"]) for name, each in found.items()} == {"average": (2, True), "lstm": (2, False)}


def test_a_model_of_one_length_says_so() -> None:
    flat = functional(lambda x: layers.Flatten()(masked()(x)))
    found = TABLE["unpadded"].run(session_of((flat, {})), padded_rows())
    assert (dict(found.outputs), found.details["refused"]) == ({}, "it takes one length only (ValueError at others)")


@pytest.mark.parametrize("route", TABLE)
def test_the_model_is_left_as_it_was(route: str) -> None:
    built = KEEPING["attention of one length"]()
    session, before = session_of((built, {})), state_of(built)
    TABLE[route].run(session, padded_rows())
    session.restore()
    assert state_of(built) == before


@pytest.mark.parametrize(
    ("values", "found"),
    [
        (np.random.default_rng(0).normal(size=(30, 9, 3)), False),
        (np.random.default_rng(0).integers(0, 2, size=(30, 9, 1)).astype("float32"), False),
        (np.random.default_rng(0).integers(0, 4, size=(30, 9)), False),
        (np.zeros((30, 9, 3)), False),
        (padded_rows(0.75)["x"], True),
        (padded_rows(0.75, "left")["x"], True),
    ],
)
def test_padding_is_recognised_by_its_ends(values: np.ndarray, found: bool) -> None:
    assert (look_for_padding(values, None, None) is not None) is found


def test_where_they_do_not_apply() -> None:
    reasons = {name: route.unavailable(describe_model(mlp()[0])) for name, route in TABLE.items()}
    assert reasons == {"unpadded": "the model has no time axis and declares no mask", "masks": "the model declares no mask"}
