"""Advice of causes in how numbers are computed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import keras
import numpy as np
from keras import layers

from tests.advice.edits import (
    array,
    give_model,
    give_rows,
    load,
    rebuild,
    reconfigure,
    remove_options,
)
from tests.advice.found import corpus_case, corpus_trial
from tests.advice.trial import Trial
from tests.advice.trials_nonfinite import without_bad_rows
from tests.corpus.cases import CUSTOM, Case, Files, flat
from tests.corpus.custom_layers import SquaresApart
from tests.corpus.faults_precision import resized, tied
from tests.corpus.hosts import HOSTS
from tests.corpus.reports_precision import NORM
from tests.corpus.reports_ties import finder

__all__ = ["TRIALS", "UNTRIED"]

UNTRIED = {
    "device-precision": "KC601 compares an accelerator with the CPU; the machines of the tests have none",
}


def _validated_in_a_graph(files: Files) -> None:
    import tensorflow as tf

    model, x = load(files), array(files)
    step = tf.function(lambda x: model(x, training=False))
    np.testing.assert_allclose(step(x), model.predict(x, verbose=0), rtol=1e-5, atol=1e-6)


def _scaled_inputs(files: Files) -> Files:
    x = array(files).astype("float64")
    return give_rows(files, ((x - x.mean(axis=0)) / x.std(axis=0)).astype("float32"))


def _far_from_zero(*between: Any) -> Any:
    """Features around 300, whose squares cancel in the layer that gets them."""
    rows = keras.Input((12,))
    hidden = layers.Dense(16, activation="tanh")(rows) + 300.0
    for layer in between:
        hidden = layer(hidden)
    return keras.Model(rows, layers.Dense(1)(SquaresApart(0.0, name="adjust")(hidden)))


FAR_FROM_ZERO = Case(
    name="squares of features far from zero",
    family="precision",
    build=_far_from_zero,
    data=flat(12),
    args=CUSTOM,
    warning=("KC602",),
)


def _without_large_numbers() -> Any:
    rows = keras.Input((12,))
    return keras.Model(rows, layers.Dense(1)(layers.Dense(16, activation="tanh")(rows)))


CANCELLING = corpus_case("inputs around 1e6 that cancel")
GREY = corpus_case("grey levels resized")
NARROW = corpus_case("perceptron, cast to float16 and back")
SWALLOWED = corpus_case("NaN that oneDNN swallows")

TRIALS: tuple[Trial, ...] = (
    corpus_trial(
        "rounding",
        "drop --exact",
        "gelu with --exact",
        lambda files: remove_options(files, "--exact"),
    ),
    corpus_trial(
        "rounding",
        "drop --rtol and --atol",
        "sums with a limit below rounding",
        lambda files: remove_options(files, "--rtol", "--atol"),
    ),
    Trial(
        slug="eager-differs",
        tries="a call inside a graph",
        faulty=GREY,
        proof=_validated_in_a_graph,
    ),
    Trial(
        slug="eager-differs",
        tries="an input of float32 images",
        faulty=GREY,
        fix=give_model(rebuild(resized("float32"))),
    ),
    corpus_trial(
        "constants-combined",
        "write one constant",
        "mask of two constants in float16",
        give_model(reconfigure("attend", factors=[-30_000.0])),
    ),
    Trial(
        slug="kernel-dependent",
        tries="search the rows for NaN and infinity",
        faulty=replace(SWALLOWED, args=()),
        fix=without_bad_rows,
    ),
    corpus_trial(
        "low-precision",
        "give the layer dtype='float32'",
        "days since 1970 under mixed_float16",
        give_model(reconfigure(NORM, dtype="float32")),
    ),
    Trial(
        slug="low-precision",
        tries="remove its own cast",
        faulty=NARROW,
        fix=give_model(rebuild(lambda: HOSTS["perceptron"].build(layers.Identity(name="adjust")))),
    ),
    Trial(
        slug="ill-conditioned",
        tries="scale the inputs",
        faulty=CANCELLING,
        fix=_scaled_inputs,
    ),
    Trial(
        slug="ill-conditioned",
        tries="normalize before the layer",
        faulty=FAR_FROM_ZERO,
        fix=give_model(rebuild(lambda: _far_from_zero(layers.LayerNormalization()))),
    ),
    corpus_trial(
        "ill-conditioned",
        "leave out large numbers that cancel",
        "a million added and taken off",
        give_model(rebuild(_without_large_numbers)),
    ),
    corpus_trial(
        "near-ties",
        "train for a wider margin",
        "classes 1e-7 apart",
        lambda files: give_model(lambda _model: tied(1e-2)())(files),
    ),
    corpus_trial(
        "near-ties",
        "remove duplicates among the candidates",
        "places of equal candidates",
        give_model(lambda _model: finder("places", twice=False)),
    ),
)
