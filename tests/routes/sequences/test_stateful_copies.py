"""Copies that carry their state: stateful ones, decoders with their own last state, and subclassed models."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.loading.model.copies.variable_length import CopyRefused
from keras_consistency_cli.routes.sequences.stateful_copies import find_encoder_inputs, run_stateful_copy
from tests.helpers.live_models import Tagger, mlp, normal, session_of, state_of


def translator(*, attention: bool = False, length: int | None = None, cell: Any = layers.LSTM) -> Any:
    """An encoder whose last state starts the decoder, perhaps with attention to the encoder's steps."""
    source, target = keras.Input((length, 3), name="source"), keras.Input((length, 2), name="target")
    steps, *states = cell(4, return_state=True, return_sequences=True, name="encoder")(source)
    decoded = cell(4, return_sequences=True, name="decoder")(target, initial_state=states)
    decoded = layers.Concatenate()([decoded, layers.Attention()([decoded, steps])]) if attention else decoded
    return keras.Model([source, target], layers.Dense(2)(decoded))


def caption() -> Any:
    """A decoder whose initial state is computed by a Dense from features without time."""
    picture, words = keras.Input((6,), name="picture"), keras.Input((None, 2), name="words")
    decoded = layers.GRU(5, return_sequences=True)(
        words, initial_state=layers.Dense(5, activation="tanh")(picture)
    )
    return keras.Model([picture, words], layers.Dense(3)(decoded))


SEQUENCES = {"source": normal(6, 3, rows=4), "target": normal(6, 2, rows=4, seed=1)}
MODELS = {
    "lstm": (translator, SEQUENCES),
    "gru of one length": (lambda: translator(length=6, cell=layers.GRU), SEQUENCES),
    "lstm and attention": (lambda: translator(attention=True), SEQUENCES),
    "other lengths": (lambda: translator(attention=True), {**SEQUENCES, "source": normal(9, 3, rows=4)}),
    "caption": (caption, {"picture": normal(6, rows=4), "words": normal(6, 2, rows=4, seed=1)}),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_decoder_with_its_own_last_state_gives_the_whole_series(name: str) -> None:
    build, rows = MODELS[name]
    model = build()
    session, before = session_of((model, {})), state_of(model)
    moving = list(rows)[-1]
    (steps,) = run_stateful_copy(session, rows, [moving])
    assert np.allclose(np.moveaxis(steps[:, :, 0], 0, 1), model(list(rows.values())), atol=1e-6)
    assert find_encoder_inputs(model) == {next(iter(rows))}
    session.restore()
    assert state_of(model) == before


def test_models_without_an_encoder() -> None:
    assert find_encoder_inputs(mlp()[0]) == set()
    assert find_encoder_inputs(Tagger()) == set()


def subclassed(folder: Path) -> tuple[Any, Any]:
    """A session of a subclassed tagger that is saved in a file, and its model."""
    model = Tagger()
    model(normal(6, 3))
    model.save(folder / "m.keras")
    session = session_of((model, {}))
    files: Any = SimpleNamespace(model=str(folder / "m.keras"), allow_unsafe=False)
    objects, hints = {"live>Tagger": Tagger}, session.subject.hints
    session.subject = SimpleNamespace(files=files, custom_objects=objects, hints=hints)  # type: ignore[assignment]
    return session, model


def test_a_subclassed_model_is_made_stateful_in_a_copy(tmp_path: Path) -> None:
    session, model = subclassed(tmp_path)
    before, rows = state_of(model), {"input": normal(6, 3, rows=4)}
    (steps,) = run_stateful_copy(session, rows, ["input"])
    assert np.allclose(np.moveaxis(steps[:, :, 0], 0, 1), model(rows["input"]), atol=1e-6)
    assert (state_of(model), model.memory.stateful) == (before, False)


def test_a_subclassed_model_without_a_file_is_refused(wording: SnapshotAssertion) -> None:
    model = Tagger()
    model(normal(6, 3))
    with pytest.raises(CopyRefused) as caught:
        run_stateful_copy(session_of((model, {})), {"input": normal(6, 3)}, ["input"])
    assert str(caught.value) == wording
