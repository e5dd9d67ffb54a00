"""Advice of causes in shapes, sequences and states."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pandas
from keras import layers

from tests.advice.edits import (
    array,
    give_facts,
    give_model,
    give_rows,
    load,
    named_rows,
    option,
    rebuild,
    reconfigure,
    with_weights_of,
)
from tests.advice.found import corpus_trial
from tests.advice.trial import Fix, Trial
from tests.corpus.cases import Files
from tests.corpus.faults_sequences import stack
from tests.corpus.reports_causal import convolved, language_model
from tests.corpus.reports_inputs import hashed, named
from tests.corpus.reports_one_hot import by_layer, encoded

__all__ = ["TRIALS"]


def _rows(change: Any) -> Fix:
    return lambda files: give_rows(files, change(array(files)))


def _cut_as_in_training(files: Files) -> Files:
    x, model = array(files)[:, -20:], load(files)
    assert x.shape[1:] == model.input_shape[1:]
    return give_rows(files, x)


def _selected_by_name(files: Files) -> Files:
    training_columns = [f"c{number}" for number in range(8)]
    rows = array(files)
    frame = pandas.DataFrame(rows, columns=[training_columns[0], "new", *training_columns[1:]])
    return give_rows(files, frame[training_columns].to_numpy())


def _exactly_these_names(files: Files) -> Files:
    rows, names = named_rows(files), [tensor.name for tensor in load(files).inputs]
    return give_rows(files, {name: rows[name] for name in names})


def _right_names(files: Files) -> Files:
    rows = named_rows(files)
    return give_rows(files, {"left": rows["right"], "right": rows["left"]})


def _int32_input(model: Any) -> Any:
    body = [type(layer).from_config(layer.get_config()) for layer in model.layers]
    return with_weights_of(model, keras.Sequential([keras.Input((7,), dtype="int32"), *body]))


def _checked_ids(files: Files) -> Files:
    """Whole ids within the vocabulary."""
    x = np.floor(np.abs(array(files))).astype("int32")
    assert x.min() >= 0
    assert x.max() < 20
    return give_rows(give_model(_int32_input)(files), x)


def _whole_ids(files: Files) -> Files:
    """The ids of a table as int64."""
    x = pandas.read_parquet(option(files, "--data")).to_numpy()
    return give_rows(files, x.astype("int64"))


def _from_zero(files: Files) -> Files:
    """Genres that begin with 0."""
    rows = named_rows(files)
    return give_rows(files, {**rows, "genres": rows["genres"] - 1})


def _stateful(model: Any) -> Any:
    """The same model for one row, with state and the same weights."""
    copy = keras.Sequential(
        [
            keras.Input((None, 3), batch_size=1),
            layers.LSTM(6, return_sequences=True, stateful=True, name="kept"),
            layers.Dense(2),
        ]
    )
    copy.set_weights(model.get_weights())
    return copy


def _continued(model: Any) -> Any:
    series = keras.Input((None, 5), batch_size=1)
    state = layers.LSTM(6, stateful=True)(series)
    return with_weights_of(model, keras.Model(series, layers.Dense(2)(state)))


def _whole_sequence(files: Files) -> Files:
    """All pieces in one row, for a model of any length."""
    rows = array(files).reshape(1, -1, 5)
    any_length = stack(layers.LSTM(6), layers.Dense(2), shape=(None, 5))
    fixed = give_model(rebuild(any_length))(files)
    return give_rows(give_facts(fixed, stateful_rows=None), rows)


def _without_wrapper(model: Any) -> Any:
    parts = [layers.GRU(4, return_sequences=True), layers.Dense(2)]
    return with_weights_of(model, keras.Sequential([keras.Input((None, 3)), *parts]))


def _declared_length(model: Any) -> Any:
    parts = [layers.GRU(4, return_sequences=True), layers.TimeDistributed(layers.Dense(2))]
    return with_weights_of(model, keras.Sequential([keras.Input((9, 3)), *parts]))


def _traced_again(files: Files) -> None:
    model, x = load(files), array(files)
    for length in (9, 7, 5):
        model.predict_function = None
        outputs = model.predict(x[:, :length], verbose=0)
        assert outputs.shape == (len(x), length, 2)


SHAPES: tuple[Trial, ...] = (
    corpus_trial(
        "wrong-rank",
        "add the batch axis to a single row: x[None]",
        "one series without its batch axis",
        _rows(lambda x: x[None]),
    ),
    corpus_trial(
        "wrong-length",
        "cut windows as in training, and check the shape",
        "window too long",
        _cut_as_in_training,
    ),
    corpus_trial("wrong-features", "select the columns by name", "a column too many", _selected_by_name),
    corpus_trial(
        "axes-swapped",
        "x.transpose(0, 2, 1) for series with time last",
        "features before time",
        _rows(lambda x: x.transpose(0, 2, 1)),
    ),
    corpus_trial(
        "axes-swapped",
        "x.transpose(0, 2, 3, 1) for images with channels first",
        "channels first",
        _rows(lambda x: x.transpose(0, 2, 3, 1)),
    ),
    corpus_trial(
        "axes-swapped",
        "facts: {time_axis: 1} states that the time axis is correct",
        "square swapped against the reference",
        lambda files: give_facts(files, time_axis=1),
    ),
    corpus_trial(
        "input-order",
        "feed a dict with exactly these names",
        "a surplus array that comes first",
        _exactly_these_names,
    ),
    corpus_trial(
        "input-order",
        "feed each input under its name",
        "inputs served in each other's place",
        _right_names,
    ),
    corpus_trial(
        "input-order",
        "feed every input by the name that it was built with",
        "three inputs served in a circle",
        lambda files: give_rows(files, named_rows(files), "--served"),
    ),
    corpus_trial(
        "input-order",
        "name the inputs when you build the model",
        "keys that are names of other inputs",
        give_model(rebuild(named("left", "right"))),
    ),
    corpus_trial(
        "ids-rounded",
        "declare the input with whole numbers",
        "large ids hashed as floats",
        give_model(rebuild(hashed("int64"))),
    ),
    corpus_trial(
        "ids-rounded",
        "give the rows as whole numbers",
        "ids that the binary table has as floats",
        _whole_ids,
    ),
    corpus_trial("wrong-ids", "declare int32, and check before predicting", "negative ids", _checked_ids),
    corpus_trial("wrong-ids", "declare int32, for fractions", "fractions for an embedding", _checked_ids),
    corpus_trial(
        "wrong-ids",
        "build with an entry for each id",
        "months from one in a layer",
        give_model(rebuild(encoded(by_layer(13)))),
    ),
    corpus_trial(
        "wrong-ids",
        "subtract 1 from ids that begin with 1",
        "genres from one in a set",
        _from_zero,
    ),
)

STEPS: tuple[Trial, ...] = (
    corpus_trial(
        "stepwise-differs",
        "feed growing prefixes",
        "stream of steps into a stateless LSTM",
        lambda files: give_facts(files, step_by_step="growing-prefix"),
    ),
    corpus_trial(
        "stepwise-differs",
        "one time step at a time to a stateful copy",
        "stream of steps into a stateless LSTM",
        give_model(_stateful),
    ),
    corpus_trial(
        "stepwise-differs",
        "whole sequences",
        "prefixes for both directions",
        lambda files: give_facts(files, step_by_step=None),
    ),
    corpus_trial(
        "stepwise-differs",
        "Conv1D(padding='causal')",
        "prefixes for a centred convolution",
        give_model(reconfigure("centred", padding="causal")),
    ),
    corpus_trial(
        "stepwise-differs",
        "build the layer so that it uses earlier time steps only",
        "a centred convolution behind a causal mask",
        give_model(rebuild(lambda: language_model(convolved("causal")))),
    ),
    corpus_trial(
        "stepwise-differs",
        "use_causal_mask=True",
        "prefixes for attention without a causal mask",
        give_model(rebuild(lambda: _causal())),
    ),
    corpus_trial(
        "stepwise-differs",
        "a recurrent layer without Bidirectional",
        "prefixes for both directions",
        give_model(rebuild(lambda: _without(layers.GRU(4, return_sequences=True)))),
    ),
    corpus_trial(
        "stepwise-differs",
        "LayerNormalization() over the features",
        "prefixes for a normalization over time",
        give_model(
            rebuild(lambda: _without(layers.Conv1D(4, 3, padding="causal"), layers.LayerNormalization()))
        ),
    ),
    corpus_trial(
        "state-not-carried",
        "build the model again with a fixed batch and the same weights",
        "pieces of one series without state",
        give_model(_continued),
    ),
    corpus_trial(
        "state-not-carried",
        "pass the whole sequence in one row",
        "pieces of one series without state",
        _whole_sequence,
    ),
    corpus_trial(
        "time-distributed-dynamic",
        "use layers.Dense(n) instead of TimeDistributed(layers.Dense(n))",
        "distributed over any length that varies",
        give_model(_without_wrapper),
    ),
    corpus_trial(
        "time-distributed-dynamic",
        "declare the length",
        "distributed over any length that varies",
        lambda files: give_facts(give_model(_declared_length)(files), variable_length=None),
    ),
    corpus_trial(
        "time-distributed-dynamic",
        "set model.predict_function = None before rows of a different length",
        "distributed over any length that varies",
        proof=_traced_again,
    ),
)


def _without(*parts: Any) -> Any:
    """A model that uses earlier time steps only."""
    return keras.Sequential([keras.Input((None, 3)), *parts, layers.Dense(2)])


def _causal() -> Any:
    series = keras.Input((None, 4))
    heads = layers.MultiHeadAttention(2, 4, name="heads")
    attended = heads(series, series, use_causal_mask=True)
    return keras.Model(series, layers.Dense(4)(layers.LayerNormalization()(series + attended)))


TRIALS: tuple[Trial, ...] = (*SHAPES, *STEPS)
