"""build_variable_length_copy: equal outputs, different lengths, and state on request."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.loading.model.copies.variable_length import (
    CopyRefused,
    build_variable_length_copy,
)
from tests.helpers.live_models import normal


def nested() -> Any:
    inner_series, series = keras.Input((6, 4)), keras.Input((6, 3))
    inner = keras.Model(
        inner_series,
        layers.Bidirectional(layers.LSTM(3, return_sequences=True))(inner_series),
        name="encoder",
    )
    return keras.Model(series, layers.Dense(2)(inner(layers.Dense(4)(series))))


def attending() -> Any:
    series = keras.Input((6, 4))
    return keras.Model(series, layers.LayerNormalization()(layers.MultiHeadAttention(2, 3)(series, series)))


def reading() -> Any:
    words = keras.Input((6,), dtype="int32")
    return keras.Model(words, layers.GRU(4)(layers.Embedding(9, 3, mask_zero=True)(words)))


@pytest.mark.parametrize("build", [nested, attending, reading])
def test_the_copy_has_equal_outputs_and_takes_other_lengths(build: Any) -> None:
    model = build()
    copy = build_variable_length_copy(model, lengths={6}, custom_objects={})
    shape = model.input_shape[1:]
    rows = normal(*shape) if len(shape) > 1 else np.random.default_rng(0).integers(1, 9, (10, 6))
    assert np.array_equal(model.predict(rows, verbose=0), copy.predict(rows, verbose=0))
    assert copy.input_shape == (None, None, *shape[1:])
    copy.predict_function = None
    assert len(copy.predict(rows[:, :4], verbose=0)) == 10


def test_a_number_of_features_equal_to_the_number_of_time_steps_stays() -> None:
    series = keras.Input((6, 6))
    model = keras.Model(series, layers.Dense(6)(layers.LSTM(6)(series)))
    copy = build_variable_length_copy(model, lengths={6}, custom_objects={})
    assert copy.input_shape == (None, None, 6)
    assert np.array_equal(model.predict(normal(6, 6), verbose=0), copy.predict(normal(6, 6), verbose=0))


def test_a_stateful_copy_continues_from_its_state() -> None:
    model = keras.Sequential(
        [keras.Input((6, 3)), layers.LSTM(4, return_sequences=True), layers.GRU(3), layers.Dense(1)]
    )
    copy = build_variable_length_copy(model, lengths={6}, custom_objects={}, batch=2)
    rows = normal(6, 3, rows=2)
    for step in range(6):
        last = copy.predict(rows[:, step : step + 1], batch_size=2, verbose=0)
    np.testing.assert_allclose(last, model.predict(rows, verbose=0), atol=1e-6)


def test_a_lambda_is_not_rebuilt_unless_trusted(wording: SnapshotAssertion) -> None:
    series = keras.Input((6, 3))
    model = keras.Model(series, layers.Dense(1)(layers.Lambda(lambda x: x)(series)))
    with pytest.raises(CopyRefused) as refusal:
        build_variable_length_copy(model, lengths={6}, custom_objects={})
    assert str(refusal.value).partition(":")[0] == wording  # Keras's own text follows
    assert build_variable_length_copy(model, lengths={6}, custom_objects={}, allow_unsafe=True).built
