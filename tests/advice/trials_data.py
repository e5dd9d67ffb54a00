"""Advice of causes in stored statistics and in the rows."""

from __future__ import annotations

import pickle
import warnings
from typing import Any

import joblib
import keras
import numpy as np
import pandas
from keras import layers
from sklearn.preprocessing import StandardScaler

from tests.advice import fixed_layers
from tests.advice.edits import (
    array,
    give_facts,
    give_model,
    give_option,
    give_rows,
    give_text,
    load,
    named_rows,
    option,
    rebuild,
    remove_options,
    save,
    write_source,
)
from tests.advice.found import corpus_trial
from tests.advice.trial import Fix, Trial
from tests.advice.trials_calls import own_layer
from tests.corpus.cases import Case, Files
from tests.corpus.faults_normalization import beside
from tests.corpus.normalised import WEATHER
from tests.corpus.reports_integers import clock, motion
from tests.corpus.worlds import WORLDS, Array, settle, weather

__all__ = ["TRIALS"]


def _adapted(rows: Array, kind: Any = layers.Normalization) -> Any:
    """Adapt before training, then train again."""
    norm = kind(name="normalise")
    norm.adapt(rows)
    parts = [layers.Dense(32, activation="tanh"), layers.Dense(1, name="head")]
    return settle(keras.Sequential([keras.Input(rows.shape[1:]), norm, *parts]), rows)


def _adapted_on_other_rows() -> Any:
    return _adapted(WEATHER + np.float32(40.0))


OTHER_ROWS = Case(
    name="normalization adapted on other rows",
    family="normalization",
    build=_adapted_on_other_rows,
    kit=beside(lambda random: weather(random, 70).astype("float32"), reference=WEATHER),
    failing=("KC401",),
)


def _finalized(files: Files) -> Files:
    """finalize_state() in the subclass, after the weights are loaded."""
    return own_layer(lambda _model: _adapted(WEATHER, fixed_layers.Refreshed))(files)


def _without_layer(name: str) -> Any:
    return lambda model: keras.Sequential(
        [keras.Input(model.input_shape[1:]), *(layer for layer in model.layers if layer.name != name)]
    )


def _rescaling_in_the_model(files: Files) -> Files:
    """The step of training in the model, which then gets raw rows."""

    def change(model: Any) -> Any:
        return keras.Sequential([keras.Input((8, 8, 3)), layers.Rescaling(1 / 255), *model.layers])

    return give_model(change)(give_facts(files, value_range=None))


def _settled(files: Files) -> Files:
    model, rows = load(files), array(files, "--reference")
    batches = [rows[start : start + 32] for start in range(0, len(rows), 32)]
    for _ in range(1 + 500 // len(batches)):
        for batch in batches:
            model(batch, training=True)
    return save(model, files)


def _momentum(files: Files) -> Files:
    model, rows = load(files), array(files, "--reference")
    for layer in model._flatten_layers():
        if isinstance(layer, layers.BatchNormalization):
            layer.momentum = 0.9
    model.compile("sgd", "mse")
    model.fit(rows, np.zeros((len(rows), *model.output_shape[1:])), batch_size=32, epochs=20, verbose=0)
    return save(model, files)


# Outputs that do not react


def _confident() -> Any:
    """A sigmoid network that was trained on standardized rows."""
    parts = [layers.Dense(16, activation="tanh"), layers.Dense(1, activation="sigmoid", name="head")]
    return keras.Sequential([keras.Input((5,)), *parts])


STUCK = Case(
    name="rows far outside of what the model learned from",
    family="drift",
    build=_confident,
    data=lambda random: (1e6 * (50 + random.random(size=(40, 5)))).astype("float32"),
    warning=("KC703",),
)


def _as_in_training(files: Files) -> Files:
    x = array(files).astype("float64")
    return give_rows(files, ((x - x.mean(axis=0)) / x.std(axis=0)).astype("float32"))


# Preprocessing and scalers


def _copied_first(files: Files) -> Files:
    source = option(files, "--preprocess").with_name("serve.py").read_text(encoding="utf-8")
    head = "def prepare(rows):\n"
    return write_source(files, source.replace(head, f"{head}    rows = np.array(rows, dtype=np.float64)\n"))


def _each_copied_first(files: Files) -> Files:
    source = option(files, "--preprocess").with_name("serve.py").read_text(encoding="utf-8")
    head = "def prepare(rows):\n"
    copied = "{name: np.array(each, dtype=np.float64) for name, each in rows.items()}"
    return write_source(files, source.replace(head, f"{head}    rows = {copied}\n"))


def _fitted_again(world: str) -> Fix:
    """The scaler of the rows that the model was trained on, saved again."""

    def fix(files: Files) -> Files:
        path = files.model.with_name("fixed.joblib")
        joblib.dump(WORLDS[world].fit(WORLDS[world].training), path)
        return give_option(files, "--scaler", path)

    return fix


def _with_idf(files: Files) -> Files:
    """The idf from the place where the older version kept it."""
    path = files.model.with_name("fixed.joblib")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the version, which is what the case is about
        scaler = joblib.load(option(files, "--scaler"))
    scaler.idf_ = scaler._idf_diag.diagonal()
    joblib.dump(scaler, path)
    return give_option(files, "--scaler", path)


def _celsius(files: Files) -> Files:
    rows = array(files)
    rows[:, 0] = (rows[:, 0] - 32) / 1.8
    return give_rows(files, rows)


def _trained_again(files: Files) -> Files:
    """Model and scaler of the current rows."""
    rows = array(files)
    scaler = WORLDS["weather standard"].fit(rows)
    path = files.model.with_name("fixed.joblib")
    joblib.dump(scaler, path)
    files = give_option(give_rows(files, rows, "--reference"), "--scaler", path)
    return save(settle(load(files), scaler.transform(rows)), files)


def _spelled_as_in_training(files: Files) -> Files:
    rows = named_rows(files)
    values = [value.strip().lower() for value in rows["place"].ravel()]
    return give_rows(files, {**rows, "place": np.array(values)[:, None]})


def _cities_in_lower_case(files: Files) -> Files:
    frame = pandas.read_csv(option(files, "--data"))
    frame["city"] = frame["city"].str.strip().str.lower()
    return give_text(files, "--data", frame.to_csv(index=False), ".csv")


def _codes_as_text(files: Files) -> Files:
    """A table that is read as text keeps the zeros that its file has."""
    rows = named_rows(files)
    path = files.model.with_name("codes.csv")
    path.write_text("\n".join(["place", *(value.zfill(5) for value in rows["place"].ravel())]))
    frame = pandas.read_csv(path, dtype=str)
    return give_rows(files, {**rows, "place": frame.to_numpy(str)})


def _fitted_on_raw_rows(files: Files) -> Files:
    raw_rows = array(files, "--reference")
    return give_text(files, "--scaler", pickle.dumps(StandardScaler().fit(raw_rows)), ".pkl")


def _in_metres(files: Files) -> Files:
    converted = give_rows(files, array(files) / 1000.0)
    return give_rows(converted, array(files, "--reference") / 1000.0, "--reference")


TRIALS: tuple[Trial, ...] = (
    corpus_trial(
        "normalization-unadapted",
        "adapt before training, then train again and save",
        "normalization never adapted",
        give_model(lambda _model: _adapted(WEATHER)),
    ),
    corpus_trial(
        "normalization-stale",
        "finalize_state() after the weights were set, in a subclass",
        "normalization that forgets its weights",
        _finalized,
    ),
    Trial(
        slug="normalization-stale",
        tries="adapt it on the training rows, train again and save",
        faulty=OTHER_ROWS,
        fix=give_model(lambda _model: _adapted(WEATHER)),
    ),
    corpus_trial(
        "normalized-twice",
        "give the model raw rows, without the scaler",
        "scaler and normalization",
        lambda files: remove_options(files, "--scaler"),
    ),
    corpus_trial(
        "normalized-twice",
        "remove the layer from the model",
        "scaler and normalization",
        give_model(_without_layer("normalise")),
    ),
    corpus_trial(
        "normalized-twice",
        "remove the second of two layers",
        "rescaled twice within",
        give_model(_without_layer("rescale_again")),
    ),
    corpus_trial(
        "input-range",
        "prepare the rows as the training rows were prepared",
        "pixels into a model of 0 to 1, as its reference shows",
        lambda files: give_rows(files, array(files) / np.float32(255)),
    ),
    corpus_trial(
        "input-range",
        "put that step into the model",
        "pixels into a model of 0 to 1, as its owner says",
        _rescaling_in_the_model,
    ),
    corpus_trial(
        "batch-norm-statistics",
        "let the statistics settle without training",
        "moving statistics of few steps, dense",
        _settled,
    ),
    corpus_trial(
        "batch-norm-statistics",
        "let the statistics settle without training, convolutions",
        "moving statistics of few steps, convolutions",
        _settled,
    ),
    corpus_trial(
        "batch-norm-statistics",
        "let statistics that were not stored settle",
        "moving statistics not stored, dense",
        _settled,
    ),
    corpus_trial(
        "batch-norm-statistics",
        "train longer, with a lower momentum",
        "moving statistics of few steps, dense",
        _momentum,
    ),
    corpus_trial(
        "integer-overflow",
        "cast before you compute",
        "frames of bytes, subtracted",
        give_model(rebuild(motion("int32"))),
    ),
    corpus_trial(
        "integer-overflow",
        "declare an input that takes the rows",
        "milliseconds in 32 bits",
        give_model(rebuild(clock("int64"))),
    ),
    Trial(slug="outputs-stuck", tries="prepare the rows as in training", faulty=STUCK, fix=_as_in_training),
    corpus_trial(
        "input-mutated", "start with a copy", "people standard, serving changed in place", _copied_first
    ),
    corpus_trial(
        "input-mutated",
        "start with a copy of each table",
        "two tables prepared together, the dict changed in place",
        _each_copied_first,
    ),
    corpus_trial(
        "scaler-stale",
        "fit scaler and model on the same rows",
        "people standard, scaler off by 0.3 in one column",
        _fitted_again("people standard"),
    ),
    corpus_trial(
        "scaler-stale",
        "scaler = StandardScaler().fit(raw_rows)",
        "a scaler of scaled engines",
        _fitted_on_raw_rows,
    ),
    corpus_trial(
        "scaler-stale",
        "convert the rows to the units that the scaler was fitted in",
        "a range of plates in metres",
        _in_metres,
    ),
    corpus_trial(
        "scaler-version",
        "fit and save it again",
        "weather standard, scaler of another scikit-learn",
        _fitted_again("weather standard"),
    ),
    corpus_trial(
        "scaler-version",
        "set scaler.idf_ = scaler._idf_diag.diagonal()",
        "idf of an older scikit-learn",
        _with_idf,
    ),
    corpus_trial(
        "unknown-words",
        "write words and categories as in training",
        "categories with a capital",
        _spelled_as_in_training,
    ),
    corpus_trial(
        "unknown-words",
        "frame = pandas.read_csv(path, dtype=str)",
        "codes without leading zeros",
        _codes_as_text,
    ),
    corpus_trial(
        "unknown-words",
        "frame['city'] = frame['city'].str.strip().str.lower()",
        "cities in capitals",
        _cities_in_lower_case,
    ),
    corpus_trial("distribution-shift", "fix its units", "Fahrenheit for Celsius", _celsius),
    corpus_trial(
        "distribution-shift",
        "train again on current rows",
        "one feature a deviation off",
        _trained_again,
    ),
    corpus_trial(
        "distribution-shift",
        "adapt the Normalization layer on all training rows",
        "normalization adapted on three rows",
        give_model(lambda _model: _adapted(WEATHER)),
        select=("KC702",),
    ),
)
