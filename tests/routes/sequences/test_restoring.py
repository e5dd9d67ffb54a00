"""Every route of sequences restores variables, states, seed generators, and the outputs of predict."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from keras_consistency_cli.loading.model.facts import describe_model
from keras_consistency_cli.routes.base import Route
from keras_consistency_cli.routes.sequences.masks.lost_masks import MASK_ROUTES
from keras_consistency_cli.routes.sequences.padding import PADDING_ROUTES
from keras_consistency_cli.routes.sequences.shapes import SHAPE_ROUTES
from keras_consistency_cli.routes.sequences.states import STATE_ROUTES
from keras_consistency_cli.routes.sequences.stepping import STEPPING_ROUTES
from tests.helpers.live_models import Counter, LeftOn, Tagger, normal, session_of, state_of

# Keras warns if a layer drops a mask, which some of these models do on purpose.
pytestmark = pytest.mark.filterwarnings("ignore:Layer .* was passed an input with a mask:UserWarning")

ROUTES = (*SHAPE_ROUTES, *STATE_ROUTES, *PADDING_ROUTES, *MASK_ROUTES, *STEPPING_ROUTES)
STEPS = 6


def masked_series() -> dict[str, np.ndarray]:
    """Eight series of 2 to 6 true steps."""
    lengths = np.arange(8)[:, None, None] % 5 + 2
    return {
        "x": np.where(np.arange(STEPS)[None, :, None] < lengths, normal(STEPS, 3, rows=8), 0.0).astype(
            "float32"
        )
    }


def stateful() -> Any:
    """Two stateful layers, one of them in an inner model, after a mask, with dropout that is always on."""
    inner_series = keras.Input((None, 4), batch_size=4)
    inner = keras.Model(
        inner_series, layers.GRU(4, stateful=True, return_sequences=True)(inner_series), name="inner"
    )
    series = keras.Input((None, 3), batch_size=4, name="x")
    steps = layers.LSTM(4, stateful=True, return_sequences=True)(layers.Masking()(series))
    return keras.Model(series, layers.Dense(1)(LeftOn(0.3, seed=3)(inner(steps))))


def counting() -> Any:
    """A layer that counts its calls, between a mask and a convolution that loses it."""
    series = keras.Input((STEPS, 3), name="x")
    hidden = layers.Conv1D(4, 3, padding="same")(Counter()(layers.Masking()(series)))
    return keras.Model(series, layers.Dense(1)(layers.LSTM(4, recurrent_dropout=0.2)(hidden)))


def distributed() -> Any:
    """TimeDistributed over any length, of words."""
    words = keras.Input((None, 3), name="x")
    return keras.Model(
        words, layers.TimeDistributed(layers.Dense(2))(layers.GRU(4, return_sequences=True)(words))
    )


def translator() -> Any:
    """An encoder and a decoder."""
    source, target = keras.Input((None, 3), name="source"), keras.Input((None, 3), name="x")
    _, *states = layers.LSTM(4, return_state=True)(source)
    return keras.Model(
        [source, target], layers.Dense(1)(layers.LSTM(4, return_sequences=True)(target, initial_state=states))
    )


def subclassed() -> Any:
    """A model that is not a graph, and stateful in a copy only."""
    model = Tagger()
    model(normal(STEPS, 3))
    return model


def catalogue() -> Any:
    """Numbers of articles that a vocabulary turns into ids."""
    articles = keras.Input((STEPS,), dtype="int64", name="x")
    known = layers.IntegerLookup(vocabulary=list(range(1, 8)))(articles)
    return keras.Model(articles, layers.Dense(1)(layers.GRU(3)(layers.Embedding(9, 4)(known))))


def ids() -> dict[str, np.ndarray]:
    return {"x": np.random.default_rng(0).integers(0, 9, (8, STEPS)).astype("int32")}


MODELS: dict[str, tuple[Callable[[], Any], Callable[[], dict[str, np.ndarray]]]] = {
    "stateful": (stateful, masked_series),
    "counting": (counting, masked_series),
    "distributed": (distributed, masked_series),
    "catalogue": (catalogue, ids),
    "translator": (translator, lambda: {"source": normal(5, 3, rows=8), **masked_series()}),
    "subclassed": (subclassed, masked_series),
}


def prepared(name: str, folder: Path) -> tuple[Any, Any, dict[str, np.ndarray]]:
    """A session that knows its file, the model, and rows."""
    build, rows = MODELS[name]
    model = build()
    session = session_of((model, {}))
    model.save(folder / "m.keras")
    files: Any = SimpleNamespace(model=str(folder / "m.keras"), scales=False, allow_unsafe=False)
    hints = session.subject.hints
    session.subject = SimpleNamespace(  # type: ignore[assignment]
        files=files,
        custom_objects={},
        lengths=lambda _numbers: None,
        hints=hints,
        sources=SimpleNamespace(data=None),
    )
    return session, model, rows()


def applicable(name: str) -> list[Route]:
    facts = describe_model(MODELS[name][0]())
    return [route for route in ROUTES if route.unavailable(facts) is None]


@pytest.mark.parametrize("name", MODELS)
def test_every_route_restores_the_model(name: str, tmp_path: Path) -> None:
    session, model, rows = prepared(name, tmp_path)
    session.restore()
    outputs = session.predict(rows)
    session.restore()
    before = state_of(model)
    for route in applicable(name):
        session.restore()
        route.run(session, rows)
        session.restore()
        assert state_of(model) == before, route.name
        again = session.predict(rows)
        session.restore()
        assert {key: values.tobytes() for key, values in again.items()} == {
            key: values.tobytes() for key, values in outputs.items()
        }, route.name


def test_every_route_runs_on_some_model() -> None:
    assert {route.name for name in MODELS for route in applicable(name)} == {route.name for route in ROUTES}
