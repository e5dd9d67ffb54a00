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
    reconfigure,
    save,
)
from tests.advice.found import corpus_case
from tests.advice.trial import Trial
from tests.corpus.cases import Files
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
    Trial(
        slug="normalization-not-finite",
        tries="adapt on rows without such large values",
        faulty=corpus_case("variance beyond float32"),
        fix=_adapted_without_the_large_value,
    ),
    Trial(
        slug="normalization-not-finite",
        tries="adapt on rows without NaN",
        faulty=corpus_case("adapted on a missing value, nested"),
        fix=give_model(lambda _model: nested(standard)()),
    ),
    Trial(
        slug="nan-hidden",
        tries="clean the rows before the model",
        faulty=corpus_case("NaN that a fused relu hides"),
        fix=without_bad_rows,
    ),
    Trial(
        slug="nan-hidden",
        tries="TF_ENABLE_ONEDNN_OPTS=0 shows the NaN in predict too",
        faulty=corpus_case("NaN that a fused relu hides"),
        proof=_predicted_without_onednn,
    ),
    Trial(
        slug="nan-hidden",
        tries="clean the rows before max pooling",
        faulty=corpus_case("NaN pixels in max pooling"),
        fix=without_bad_rows,
    ),
    Trial(
        slug="non-finite-input",
        tries="drop these rows",
        faulty=corpus_case("NaN rows"),
        fix=without_bad_rows,
    ),
    Trial(
        slug="non-finite-input",
        tries="impute these rows",
        faulty=corpus_case("NaN rows"),
        fix=_imputed,
    ),
    Trial(
        slug="overflow-in-float16",
        tries="give the layer dtype='float32' and save again",
        faulty=corpus_case("incomes beyond 65,504 under mixed_float16"),
        fix=give_model(reconfigure(NORM, dtype="float32")),
    ),
    Trial(
        slug="non-finite-output",
        tries="keep the argument of a logarithm above 0",
        faulty=LOGARITHM,
        fix=give_model(_above_zero),
    ),
    Trial(
        slug="non-finite-output",
        tries="limit the argument of an exponential",
        faulty=corpus_case("overflow"),
        fix=give_model(_limited_exponent),
    ),
    Trial(
        slug="non-finite-output",
        tries="search its weights for NaN",
        faulty=corpus_case("a weight that is NaN behind a relu"),
        fix=give_model(_without_nan_weight),
    ),
)
