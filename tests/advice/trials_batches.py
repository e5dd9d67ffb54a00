"""Advice of causes in batches."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers, ops

from tests.advice.edits import array, give_facts, give_model, give_rows, load, rebuild, reconfigure
from tests.advice.fixed_layers import Diverse
from tests.advice.found import corpus_case, corpus_trial
from tests.advice.trial import Trial
from tests.advice.trials_calls import own_layer
from tests.corpus.cases import Case, Files, steps
from tests.corpus.faults_batch import squeezed
from tests.corpus.faults_sequences import CONSECUTIVE, with_files
from tests.corpus.faults_state import lstm
from tests.corpus.hosts import HOSTS
from tests.corpus.reports_batches import listening, pondering, reviews

__all__ = ["TRIALS"]

FORCED_ON = corpus_case("perceptron, batch norm forced on")
STATEFUL_TAIL = Case(
    name="a short last batch of a stateful model",
    family="state",
    build=lstm(4),
    data=steps(6, 3, rows=41),
    failing=("KC102", "KC502"),
)
STATEFUL_BATCHES = Case(
    name="pieces of one series in batches of four",
    family="state",
    build=lstm(4),
    kit=with_files(steps(6, 3, rows=40), facts=CONSECUTIVE),
    warning=("KC502",),
)


def _frozen(model: Any) -> Any:
    model.get_layer("adjust").trainable = False
    return model


def _without_size(model: Any) -> Any:
    """The layer without its factor of the batch size."""
    return keras.Sequential([keras.Input((9,)), model.layers[0], model.layers[2]])


def _reshaped(model: Any) -> Any:
    """The layer with -1 for the batch axis."""
    rows = keras.Input((9,))
    return keras.Model(rows, model.layers[2](ops.reshape(model.layers[0](rows), (-1, 12))))


def _folded_right(_model: Any) -> Any:
    """The reshape with the batch axis first: no transpose before it."""
    return HOSTS["regressor"].build(lambda x: ops.reshape(x, (-1, x.shape[1])))


def _axis_1(_model: Any) -> Any:
    rows = keras.Input((8,))
    return keras.Model(rows, ops.sum(layers.Dense(3)(rows), axis=1))


def _batch_axis_first(_model: Any) -> Any:
    rows = keras.Input((8,))
    return keras.Model(rows, ops.reshape(layers.Dense(2)(rows), (-1, 2)))


def _last_batch_dropped(files: Files) -> None:
    """kcheck predicts a short last batch of its own, so that a file of fewer rows does not show this."""
    assert len(load(files).predict(array(files)[:40], batch_size=4, verbose=0)) == 40


def _padded_and_cut(files: Files) -> None:
    """Rows padded to a multiple of four: one output for each, the same as without the padding."""
    rows = array(files)
    padded = np.concatenate([rows, np.zeros((3, 6, 3), "float32")])
    outputs = load(files).predict(padded, batch_size=4, verbose=0)
    assert len(outputs) == 44
    without_padding = load(files).predict(rows[:40], batch_size=4, verbose=0)
    np.testing.assert_allclose(outputs[:40], without_padding, rtol=1e-5, atol=1e-6)


def _in_four_parts(files: Files) -> Files:
    """Four series of twelve pieces each, side by side, in place of one series."""
    rows = array(files)
    side_by_side = rows.reshape(4, 12, *rows.shape[1:]).swapaxes(0, 1).reshape(rows.shape)
    return give_facts(give_rows(files, side_by_side), stateful_rows="interleaved")


TRIALS: tuple[Trial, ...] = (
    Trial(
        slug="batch-statistics-in-inference",
        tries="pass the flag on in call()",
        faulty=FORCED_ON,
        fix=give_model(reconfigure("adjust", training=None)),
    ),
    Trial(
        slug="batch-statistics-in-inference",
        tries="freeze the layer: layer.trainable = False",
        faulty=FORCED_ON,
        fix=give_model(_frozen),
    ),
    corpus_trial(
        "cross-sample-dependence",
        "give the operation a feature axis",
        "perceptron, centre over the batch, share 1",
        give_model(reconfigure("adjust", axis=-1)),
    ),
    corpus_trial(
        "cross-sample-dependence",
        "keep the batch axis first in every reshape",
        "regressor, folded wrongly",
        give_model(_folded_right),
    ),
    corpus_trial(
        "cross-sample-dependence",
        "what needs the whole batch belongs under `if training`",
        "two-heads, minibatch statistic",
        own_layer(rebuild(lambda: HOSTS["two-heads"].build(Diverse(name="adjust")))),
    ),
    corpus_trial(
        "cross-sample-dependence",
        "give the layer a fixed size",
        "texts as long as the longest of the batch",
        give_model(rebuild(lambda: reviews(length=18))),
    ),
    corpus_trial(
        "cross-sample-dependence",
        "hide the padding from the layers after it",
        "texts as long as the longest of the batch",
        give_model(rebuild(lambda: reviews(masked=True))),
    ),
    corpus_trial(
        "cross-sample-dependence",
        "let each row end by itself in the loop",
        "thinking until all rows are done",
        give_model(rebuild(lambda: pondering(apart=True))),
    ),
    corpus_trial(
        "cross-sample-dependence",
        "take the logarithm after MelSpectrogram",
        "as loud as the loudest of the batch",
        give_model(rebuild(lambda: listening(decibels=False))),
    ),
    corpus_trial(
        "batch-size-dependence",
        "look for ops.shape(x)[0] in the call() of custom layers",
        "scaled by the batch, share",
        give_model(_without_size),
    ),
    corpus_trial(
        "batch-size-dependence",
        "look for a fixed size in the call() of custom layers",
        "scaled by the batch, fixed",
        give_model(_reshaped),
    ),
    corpus_trial(
        "batch-size-dependence",
        "let the layer draw only if `training` is true",
        "dropout of a fixed seed",
        give_model(reconfigure("thin", how="training")),
    ),
    corpus_trial(
        "seed-differs-under-xla",
        "let the layer draw only if `training` is true",
        "dropout of a fixed seed",
        give_model(reconfigure("thin", how="training")),
    ),
    corpus_trial(
        "seed-differs-under-xla",
        "keep the numbers as a weight",
        "noise of a fixed seed, normal",
        give_model(reconfigure("adjust", how="kept")),
    ),
    corpus_trial(
        "seed-differs-under-xla",
        "name the generator",
        "noise of a fixed seed, normal",
        give_model(reconfigure("adjust", how="named")),
    ),
    Trial(
        slug="state-batch-mismatch",
        tries="drop the rows of the last batch",
        faulty=STATEFUL_TAIL,
        proof=_last_batch_dropped,
        select=("KC102",),
    ),
    Trial(
        slug="state-batch-mismatch",
        tries="pad the rows to a multiple of the batch size and cut the outputs",
        faulty=STATEFUL_TAIL,
        proof=_padded_and_cut,
        select=("KC102",),
    ),
    Trial(
        slug="state-batch-mismatch",
        tries="build the model with batch_size=1",
        faulty=STATEFUL_BATCHES,
        fix=give_model(rebuild(lstm(1))),
    ),
    corpus_trial(
        "state-batch-mismatch",
        "order the rows so that row i of every batch belongs to sequence i",
        "pieces of one slow series in batches of four",
        _in_four_parts,
    ),
    corpus_trial(
        "outputs-not-per-sample",
        "squeeze a named axis",
        "answers squeezed",
        give_model(rebuild(lambda: squeezed(named=True))),
    ),
    corpus_trial(
        "outputs-not-per-sample",
        "reduce over axis=1",
        "one number a batch",
        give_model(_axis_1),
    ),
    corpus_trial(
        "outputs-not-per-sample",
        "keep the batch axis first",
        "outputs laid end to end",
        give_model(_batch_axis_first),
    ),
)
