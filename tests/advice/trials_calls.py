"""Advice of causes that make calls differ."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from tests.advice.edits import (
    array,
    give_facts,
    give_model,
    give_option,
    give_rows,
    load,
    rebuild,
    reconfigure,
    with_weights_of,
)
from tests.advice.fixed_layers import Drawing, Passing, Quiet
from tests.advice.found import corpus_case, corpus_trial
from tests.advice.trial import Fix, Trial
from tests.corpus.cases import Case, Files
from tests.corpus.custom_layers import Assembly
from tests.corpus.faults_state import started
from tests.corpus.hosts import HOSTS
from tests.corpus.reports_digits import START, since_start

__all__ = ["FIXED_LAYERS", "TRIALS"]

FIXED_LAYERS = Path(__file__).with_name("fixed_layers.py")
ONE_ROW_A_BATCH = corpus_case("stateful LSTM, one row a batch")
BAKED, FLIPPED = corpus_case("regressor, dropout baked on"), corpus_case("augmented pictures")


def _double(features: int) -> Any:
    """A model that computes in float64."""
    rows = keras.Input((features,), dtype="float64")
    hidden = layers.Dense(8, activation="tanh", dtype="float64")(rows)
    return keras.Model(rows, layers.Dense(1, dtype="float64")(hidden))


DOUBLE = Case(
    name="rows of float64 for a model of float64",
    family="training",
    build=lambda: _double(6),
    data=lambda random: random.normal(size=(50, 6)) * 1e3,
    warning=("KC201",),
)


def own_layer(change: Any) -> Fix:
    """Build the model with a layer of fixed_layers.py."""
    return lambda files: give_option(give_model(change)(files), "--custom-objects", FIXED_LAYERS)


def _reset_before_each_request(files: Files) -> None:
    model, rows = load(files), array(files)

    def request() -> np.ndarray:
        for layer in model._flatten_layers():
            if getattr(layer, "stateful", False) and hasattr(layer, "reset_state"):
                layer.reset_state()
        return np.asarray(model.predict(rows, batch_size=1, verbose=0))

    assert np.array_equal(request(), request())


def _training_false_everywhere(files: Files) -> None:
    model, rows = load(files), array(files)
    called = np.asarray(model(rows, training=False))
    np.testing.assert_allclose(called, model.predict(rows, verbose=0), rtol=1e-5, atol=1e-6)


def _exported_for_inference(files: Files) -> None:
    """Export as the advice says, and run what was written."""
    model, rows = load(files), array(files)
    archive = keras.export.ExportArchive()
    archive.track(model)
    signature = [keras.InputSpec(shape=model.input_shape, dtype="float32")]
    archive.add_endpoint("serve", lambda x: model(x, training=False), signature)
    folder = files.model.with_name("exported")
    archive.write_out(str(folder), verbose=False)
    loaded = tf.saved_model.load(str(folder))
    called, again = (np.asarray(loaded.serve(rows.astype("float32"))) for _ in range(2))
    np.testing.assert_allclose(called, model.predict(rows, verbose=0), rtol=1e-5, atol=1e-6)
    assert np.array_equal(called, again)


def _quiet() -> Any:
    parts = [Quiet(name="adjust"), layers.GRU(5), layers.Dense(1)]
    return keras.Sequential([keras.Input((6, 3)), *parts])


def _without_augmentation(model: Any) -> Any:
    return keras.Sequential([keras.Input((8, 8, 3)), *model.layers[1:]])


def _passing(_model: Any) -> Any:
    model = Passing()
    model(np.zeros((1, 8, 8, 1), "float32"))
    return model


def _last_layer(model: Any) -> Any:
    return with_weights_of(model, _built(Assembly([*model.parts, layers.Rescaling(100.0)])))


def _built(model: Any) -> Any:
    model(np.zeros((1, 10), "float32"))
    return model


def _float64_before_predicting(files: Files) -> None:
    model, rows, usual = load(files), array(files), keras.config.floatx()
    keras.config.set_floatx("float64")
    try:
        called = np.asarray(model(rows, training=False))
        np.testing.assert_allclose(model.predict(rows, verbose=0), called, rtol=1e-12)
    finally:
        keras.config.set_floatx(usual)


def _counted_from_start(files: Files) -> Files:
    """Subtract the start from the rows instead of in the model."""
    rows = give_rows(files, array(files) - START)
    return give_model(rebuild(since_start(0.0)))(rows)


TRIALS: tuple[Trial, ...] = (
    Trial(
        slug="state-carry-over",
        tries="reset the state before every independent request",
        faulty=ONE_ROW_A_BATCH,
        proof=_reset_before_each_request,
        select=("KC203", "KC502"),
    ),
    Trial(
        slug="state-carry-over",
        tries="build the layer with stateful=False",
        faulty=ONE_ROW_A_BATCH,
        fix=give_model(reconfigure("adjust", stateful=False)),
    ),
    corpus_trial(
        "state-carry-over",
        "build the layer that is passed its state with stateful=False",
        "a state that each call overwrites",
        give_model(rebuild(lambda: started(stateful=False))),
    ),
    Trial(
        slug="state-carry-over",
        tries="if the rows do continue each other, set facts: {stateful_rows: consecutive}",
        faulty=ONE_ROW_A_BATCH,
        fix=lambda files: give_facts(files, stateful_rows="consecutive"),
    ),
    corpus_trial(
        "active-randomness",
        "take training=None in call() and pass it on",
        "regressor, dropout forced on",
        give_model(reconfigure("adjust", training=None)),
    ),
    corpus_trial(
        "active-randomness",
        "take training=None in the call() of a model",
        "call() without training",
        own_layer(_passing),
    ),
    corpus_trial(
        "clock-read",
        "give the model the time as an input, and store it with each row",
        "hours until now",
        give_model(reconfigure("age", by="column")),
    ),
    corpus_trial(
        "hidden-state",
        "update variables only if `training` is true",
        "perceptron, calls tracked at inference",
        give_model(reconfigure("adjust", always=False)),
    ),
    corpus_trial(
        "hidden-state",
        "draw random numbers with keras.random",
        "residual, numpy noise",
        own_layer(rebuild(lambda: HOSTS["residual"].build(Drawing(name="adjust")))),
    ),
    corpus_trial(
        "hidden-state",
        "pass the argument on where the layer of Keras is called",
        "perceptron, spectral normalization forced on",
        give_model(reconfigure("adjust", training=None)),
    ),
    corpus_trial(
        "hidden-state",
        "a state that belongs to one sequence starts again in each call",
        "forecaster, a time step kept for the next call",
        give_model(reconfigure("adjust", keep=False)),
    ),
    corpus_trial(
        "training-flag-default",
        "let training=None mean inference",
        "noise by default",
        own_layer(rebuild(_quiet)),
    ),
    corpus_trial(
        "training-flag-default",
        "update variables in training only",
        "codes that a bare call moves",
        give_model(reconfigure("adjust", strict=True)),
    ),
    Trial(
        slug="training-flag-default",
        tries="call model(x, training=False) everywhere outside training",
        faulty=BAKED,
        proof=_training_false_everywhere,
    ),
    Trial(
        slug="training-flag-default",
        tries="remove `training=True` from the graph",
        faulty=BAKED,
        fix=give_model(rebuild(lambda: HOSTS["regressor"].build(layers.Dropout(0.3, name="adjust")))),
    ),
    Trial(
        slug="training-flag-default",
        tries="leave augmentation out of the exported model",
        faulty=FLIPPED,
        fix=give_model(_without_augmentation),
    ),
    Trial(
        slug="training-flag-default",
        tries="export with training=False",
        faulty=FLIPPED,
        proof=_exported_for_inference,
    ),
    corpus_trial(
        "predict-overridden",
        "move the code of predict_step into a last layer of the model",
        "predict in percent",
        give_model(_last_layer),
    ),
    Trial(
        slug="dtype-cast",
        tries="save the rows as float32",
        faulty=DOUBLE,
        fix=lambda files: give_rows(files, array(files).astype("float32")),
    ),
    Trial(
        slug="dtype-cast",
        tries="call keras.config.set_floatx('float64') before predicting",
        faulty=DOUBLE,
        proof=_float64_before_predicting,
    ),
    corpus_trial(
        "dtype-cast",
        "bring the numbers near 0 in float64",
        "seconds since 1970, from a start",
        _counted_from_start,
    ),
)
