"""Eager calls in which recurrent layers of Keras compile their loops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from keras import layers

from keras_consistency_cli.routes.session.compiled_loops import compiled_loops
from tests.helpers.live_models import chain, session_of

STEPS = 80


class CountingCell(layers.SimpleRNNCell):
    """Counts how often Python runs it."""

    calls = 0

    def call(self, *args: Any, **kwargs: Any) -> Any:
        type(self).calls += 1
        return super().call(*args, **kwargs)


RECURRENT: dict[str, Callable[[], Any]] = {
    "LSTM": lambda: layers.LSTM(5, return_sequences=True),
    "stacked": lambda: layers.RNN([layers.GRUCell(4), layers.LSTMCell(3)]),
    "both directions": lambda: layers.Bidirectional(layers.GRU(4)),
}


@pytest.mark.parametrize("name", RECURRENT)
def test_outputs_are_those_of_an_eager_call(name: str) -> None:
    built = chain((STEPS, 3), layers.Masking(), RECURRENT[name]())
    rows = dict(built[1])
    for values in rows.values():
        values[:, STEPS // 2 :] = 0.0
    session = session_of(built)
    fast, eager = session.call_once(rows, training=False), session.call(rows, training=False)
    for output, values in eager.items():
        np.testing.assert_allclose(fast[output], values, atol=1e-6)


def test_a_mask_is_used_and_the_layer_is_as_before() -> None:
    model, rows = chain((STEPS, 3), layers.GRU(4, name="memory"))
    before = dict(vars(model.get_layer("memory")))
    with compiled_loops(model):
        model(*rows.values())
    assert vars(model.get_layer("memory")) == before


def test_the_state_of_a_stateful_layer_moves_on() -> None:
    model, rows = chain((4, 3), layers.LSTM(5, stateful=True, name="memory"), rows=4, batch_size=4)
    (values,) = rows.values()
    with compiled_loops(model):
        first, second = model(values), model(values)
    model.get_layer("memory").reset_state()
    np.testing.assert_allclose(model(values), first, atol=1e-6)
    np.testing.assert_allclose(model(values), second, atol=1e-6)
    assert not np.allclose(first, second)


def test_a_cell_of_the_users_runs_every_step() -> None:
    built = chain((STEPS, 3), layers.RNN(CountingCell(4)))
    before = CountingCell.calls
    session_of(built).call_once(built[1], training=False)
    assert CountingCell.calls - before >= STEPS


def test_few_steps_stay_eager() -> None:
    session = session_of(chain((8, 3), layers.GRU(4, name="memory")))
    with session.fast_loops({"x": np.zeros((1, 8, 3), np.float32)}):
        assert "call" not in vars(session.model.get_layer("memory"))
    with session.fast_loops({"x": np.zeros((1, STEPS, 3), np.float32)}):
        assert "call" in vars(session.model.get_layer("memory"))


def test_features_are_no_time_steps() -> None:
    rows = {"x": np.zeros((2, 300), np.float32)}
    assert session_of(chain((300,), layers.Dense(2))).loop_steps(rows) == 0
    series = {"x": np.zeros((2, STEPS, 3), np.float32)}
    assert session_of(chain((STEPS, 3), layers.Bidirectional(layers.GRU(4)))).loop_steps(series) == STEPS
