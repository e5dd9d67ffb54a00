"""Advice of causes in numbers: NaN and infinity, rounding, precision and recorded outputs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import joblib
import keras
import numpy as np
from keras import layers, ops
from sklearn.preprocessing import StandardScaler

from tests.corpus.cases import Case, Files, save_rows
from tests.corpus.clean_hard import cancelling
from tests.corpus.faults_precision import resized, tied
from tests.corpus.faults_recorded import NAME
from tests.corpus.hosts import HOSTS
from tests.corpus.reports_precision import NORM
from tests.corpus.reports_scaling import PRICE
from tests.corpus.worlds import WORLDS
from tests.diagnosis.advice.edits import (
    array,
    give_model,
    give_option,
    give_rows,
    load,
    rebuild,
    reconfigure,
    remove_options,
)
from tests.diagnosis.advice.found import corpus_case
from tests.diagnosis.advice.trial import Trial

__all__ = ["TRIALS", "UNTRIED"]

UNTRIED = {
    "device-precision": "KC601 compares an accelerator with the CPU; the machines of the tests have none",
}


# NaN and infinity


def _without_bad_rows(files: Files) -> Files:
    x = array(files)
    bad = ~np.isfinite(x).reshape(len(x), -1).all(axis=1)
    return give_rows(files, x[~bad])


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


NONFINITE: tuple[Trial, ...] = (
    Trial(
        slug="nan-hidden",
        tries="clean the rows before the model",
        faulty=corpus_case("NaN that a fused relu hides"),
        fix=_without_bad_rows,
    ),
    Trial(
        slug="non-finite-input",
        tries="drop these rows",
        faulty=corpus_case("NaN rows"),
        fix=_without_bad_rows,
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

# Rounding and precision


def _float32_rows(files: Files) -> Files:
    return give_rows(files, array(files).astype("float32"))


def _validated_in_a_graph(files: Files) -> None:
    import tensorflow as tf

    model, x = load(files), array(files)
    step = tf.function(lambda x: model(x, training=False))
    np.testing.assert_allclose(step(x), model.predict(x, verbose=0), rtol=1e-5, atol=1e-6)


def _scaled_inputs(files: Files) -> Files:
    x = array(files).astype("float64")
    return give_rows(files, ((x - x.mean(axis=0)) / x.std(axis=0)).astype("float32"))


def _normalized_before(files: Files) -> Any:
    norm, model = layers.Normalization(), load(files)
    norm.adapt(array(files))
    return keras.Sequential([keras.Input(model.input_shape[1:]), norm, *model.layers])


def _in_float64(model: Any) -> Any:
    usual = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float64")
    try:
        return rebuild(cancelling)(model)
    finally:
        keras.config.set_dtype_policy(usual)


CANCELLING = corpus_case("inputs around 1e6 that cancel")
GREY = corpus_case("grey levels resized")
NARROW = corpus_case("perceptron, cast to float16 and back")
SWALLOWED = corpus_case("NaN that oneDNN swallows")

PRECISION: tuple[Trial, ...] = (
    Trial(
        slug="rounding",
        tries="drop --exact",
        faulty=corpus_case("gelu with --exact"),
        fix=lambda files: remove_options(files, "--exact"),
    ),
    Trial(
        slug="rounding",
        tries="drop --rtol and --atol",
        faulty=corpus_case("sums with a limit below rounding"),
        fix=lambda files: remove_options(files, "--rtol", "--atol"),
    ),
    Trial(
        slug="eager-differs",
        tries="a call inside a graph",
        faulty=GREY,
        proof=_validated_in_a_graph,
    ),
    Trial(
        slug="eager-differs",
        tries="x.astype('float32')",
        faulty=GREY,
        fix=_float32_rows,
    ),
    Trial(
        slug="eager-differs",
        tries="an input of float32 images",
        faulty=GREY,
        fix=give_model(rebuild(resized("float32"))),
    ),
    Trial(
        slug="kernel-dependent",
        tries="search the rows for NaN and infinity",
        faulty=replace(SWALLOWED, args=()),
        fix=_without_bad_rows,
    ),
    Trial(
        slug="low-precision",
        tries="give the layer dtype='float32'",
        faulty=corpus_case("days since 1970 under mixed_float16"),
        fix=give_model(reconfigure(NORM, dtype="float32")),
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
        faulty=CANCELLING,
        fix=lambda files: give_model(lambda _model: _normalized_before(files))(files),
    ),
    Trial(
        slug="ill-conditioned",
        tries="compute in float64",
        faulty=CANCELLING,
        fix=give_model(_in_float64),
    ),
    Trial(
        slug="near-ties",
        tries="train for a wider margin",
        faulty=corpus_case("classes 1e-7 apart"),
        fix=lambda files: give_model(lambda _model: tied(1e-2)())(files),
    ),
)

# Recorded outputs


def _target_scaler_of_the_target(files: Files) -> Files:
    y_train = PRICE.inverse_transform(np.random.default_rng(1).normal(size=(300, 1)))
    y_train = (y_train - y_train.mean()) / y_train.std() * PRICE.scale_ + PRICE.mean_
    target_scaler = StandardScaler().fit(y_train.reshape(-1, 1))
    path = files.model.with_name("target_scaler.joblib")
    joblib.dump(target_scaler, path)
    return give_option(files, "--target-scaler", path)


def _recorded(files: Files) -> Files:
    model, x = load(files), array(files)
    return give_rows(files, model.predict(x, verbose=0), "--expected")


class _ScaledRecording:
    """Outputs that were recorded for scaled rows."""

    world = WORLDS["people standard"]

    def build(self) -> Any:
        self.model = self.world.model()
        return self.model

    def kit(self, folder: Path, random: np.random.Generator) -> tuple[str, ...]:
        rows = self.world.table(random, 60)
        outputs = self.model.predict(self.world.scaled(rows), verbose=0)
        joblib.dump(self.world.fitted, folder / "scaler.joblib")
        files = {name: save_rows(folder / name, each) for name, each in (("data", rows), ("out", outputs))}
        return ("--data", str(files["data"]), "--expected", str(files["out"]))


SCALED = _ScaledRecording()
UNSCALED = Case(
    name="recorded for scaled rows",
    family="recorded",
    build=SCALED.build,
    kit=SCALED.kit,
    failing=("KC802",),
)
STATISTICS_SET = corpus_case("perceptron, recorded, statistics set")


def _compared_with_its_own_file(files: Files) -> None:
    """The live model of the case, whose Normalization got its weights without finalize_state()."""
    x, expected = array(files), array(files, "--expected")
    live = load(files)
    layer = live.get_layer(NAME)
    mean, variance, count = layer.get_weights()
    layer.set_weights([mean - 0.3, variance / 1.7, count])
    layer.finalize_state()
    layer.set_weights([mean, variance, count])
    live_outputs = live.predict(x, verbose=0)
    np.testing.assert_allclose(live_outputs, expected, rtol=1e-4, atol=1e-5)
    loaded = load(files)
    different = keras.tree.map_structure(lambda a, b: abs(a - b).max(), live_outputs, loaded.predict(x))
    assert different > 1e-3


RECORDED: tuple[Trial, ...] = (
    Trial(
        slug="target-scaler-foreign",
        tries="save the scaler that was fitted on the target column",
        faulty=corpus_case("target scaler of another column"),
        fix=_target_scaler_of_the_target,
    ),
    Trial(
        slug="recorded-in-other-form",
        tries="np.save('expected.npy', model.predict(x))",
        faulty=corpus_case("image-classifier, recorded as class ids"),
        fix=_recorded,
    ),
    Trial(
        slug="answers-moved",
        tries="compare the live model with its own file",
        faulty=STATISTICS_SET,
        proof=_compared_with_its_own_file,
    ),
    Trial(
        slug="answers-moved",
        tries="add --scaler if the model was fed scaled rows",
        faulty=UNSCALED,
        fix=lambda files: give_option(files, "--scaler", files.model.with_name("scaler.joblib")),
    ),
)

TRIALS: tuple[Trial, ...] = (*NONFINITE, *PRECISION, *RECORDED)
