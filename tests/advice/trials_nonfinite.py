"""Advice of causes of NaN and infinity."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from tests.advice.edits import (
    array,
    give_model,
    give_rows,
    option,
    rebuild,
    reconfigure,
    save,
)
from tests.advice.found import corpus_case, corpus_trial
from tests.advice.trial import Trial
from tests.corpus.cases import Files
from tests.corpus.reports_overflow import lengths_in_graph
from tests.corpus.reports_precision import NORM
from tests.corpus.reports_samples import dense, nested, standard, training

__all__ = ["TRIALS", "without_bad_rows"]


def without_bad_rows(files: Files) -> Files:
    """Drop the rows that hold NaN or infinity."""
    x = array(files)
    bad = ~np.isfinite(x).reshape(len(x), -1).all(axis=1)
    return give_rows(files, x[~bad])


_PREDICT = """
import sys, keras, numpy
model, rows = keras.models.load_model(sys.argv[1]), numpy.load(sys.argv[2])
shown = numpy.isnan(model.predict(rows, verbose=0)).any(axis=1)
assert (shown == numpy.isnan(rows).any(axis=1)).all(), shown
"""


def _predicted_without_onednn(files: Files) -> None:
    command = [sys.executable, "-c", _PREDICT, str(files.model), str(option(files, "--data"))]
    done = subprocess.run(
        command,
        env={**os.environ, "TF_ENABLE_ONEDNN_OPTS": "0"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-500:]


def _imputed(files: Files) -> Files:
    x = array(files)
    return give_rows(files, np.where(np.isnan(x), np.nanmean(x, axis=0), x).astype(x.dtype))


def _logarithm(argument: Any) -> Any:
    rows = keras.Input((7,))
    return keras.Model(rows, layers.Dense(2)(ops.log(argument(layers.Dense(5)(rows)))))


LOGARITHM = replace(corpus_case("logarithm of negatives"), causes=("non-finite-output",))


def _above_zero(_model: Any) -> Any:
    return _logarithm(lambda x: ops.maximum(2.5 + x, 1e-6))


def _without_nan_weight(model: Any) -> Any:
    model.set_weights([np.nan_to_num(weight) for weight in model.get_weights()])
    return model


def _limited_exponent(model: Any) -> Any:
    rows = keras.Input((6,))
    return keras.Model(rows, ops.exp(ops.minimum(60.0 * layers.Dense(2)(rows), 80.0)))


def _adapted_without_the_large_value(files: Files) -> Files:
    rows = give_rows(files, training(standard), "--reference")
    return save(dense(adapted=standard)(), rows)


TRIALS: tuple[Trial, ...] = (
    corpus_trial(
        "normalization-not-finite",
        "adapt on rows without such large values",
        "variance beyond float32",
        _adapted_without_the_large_value,
    ),
    corpus_trial(
        "normalization-not-finite",
        "adapt on rows without NaN",
        "adapted on a missing value, nested",
        give_model(lambda _model: nested(standard)()),
    ),
    corpus_trial(
        "nan-hidden",
        "clean the rows before the model",
        "NaN that a fused relu hides",
        without_bad_rows,
    ),
    corpus_trial(
        "nan-hidden",
        "TF_ENABLE_ONEDNN_OPTS=0 shows the NaN in predict too",
        "NaN that a fused relu hides",
        proof=_predicted_without_onednn,
    ),
    corpus_trial(
        "nan-hidden",
        "clean the rows before max pooling",
        "NaN pixels in max pooling",
        without_bad_rows,
    ),
    corpus_trial("non-finite-input", "drop these rows", "NaN rows", without_bad_rows),
    corpus_trial("non-finite-input", "impute these rows", "NaN rows", _imputed),
    corpus_trial(
        "overflow-in-float16",
        "give the layer dtype='float32' and save again",
        "incomes beyond 65,504 under mixed_float16",
        give_model(reconfigure(NORM, dtype="float32")),
    ),
    corpus_trial(
        "overflow-in-float16",
        "compute the layer that hides the overflow in float32",
        "root mean square in float16",
        give_model(reconfigure("adjust", dtype="float32")),
    ),
    corpus_trial(
        "overflow-in-float16",
        "cast to float32 before the operation",
        "length in float16, in the graph",
        give_model(rebuild(lengths_in_graph("float32"))),
    ),
    Trial(
        slug="non-finite-output",
        tries="keep the argument of a logarithm above 0",
        faulty=LOGARITHM,
        fix=give_model(_above_zero),
    ),
    corpus_trial(
        "non-finite-output",
        "limit the argument of an exponential",
        "overflow",
        give_model(_limited_exponent),
    ),
    corpus_trial(
        "non-finite-output",
        "search its weights for NaN",
        "a weight that is NaN behind a relu",
        give_model(_without_nan_weight),
    ),
)
