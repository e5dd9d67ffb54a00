"""Advice of causes between the raw rows and the model."""

from __future__ import annotations

import json
from typing import Any

import joblib
import keras
import numpy as np
import pandas
from keras import layers
from sklearn.preprocessing import StandardScaler

from tests.advice.edits import (
    array,
    give_facts,
    give_model,
    give_rows,
    give_text,
    load,
    option,
    remove_options,
    write_source,
)
from tests.advice.found import corpus_trial
from tests.advice.trial import Fix, Trial
from tests.corpus.cases import Files
from tests.corpus.worlds import WORLDS, people

__all__ = ["TRIALS"]

PEOPLE = WORLDS["people standard"]

LEARNED_ONCE = """import numpy as np

STATISTICS = np.load({path!r})          # learned once, from the training rows

def prepare(rows):
    return (rows - STATISTICS['mean']) / STATISTICS['scale']
"""
LOADED_SCALER = """import joblib

def prepare(rows):
    x = joblib.load({path!r}).transform(rows)
    return x
"""


LOADED_FOR_EACH = """import joblib

def prepare(rows):
    scaler = joblib.load({path!r})
    return {{name: scaler.transform(table) for name, table in rows.items()}}
"""


def _learned_once(files: Files) -> Files:
    path = files.model.with_name("statistics.npz")
    np.savez(path, mean=PEOPLE.training.mean(axis=0), scale=PEOPLE.training.std(axis=0))
    return write_source(files, LEARNED_ONCE.format(path=str(path)))


def _saved_scaler(files: Files) -> Files:
    path = files.model.with_name("scaler.joblib")
    scaler = StandardScaler().fit(PEOPLE.training)
    joblib.dump(scaler, path)
    return write_source(files, LOADED_SCALER.format(path=str(path)))


def _of_each_table(files: Files) -> Files:
    """The saved scaler for each of two tables."""
    known = people(np.random.default_rng(3), 500)
    path = files.model.with_name("scaler.joblib")
    joblib.dump(StandardScaler().fit(known), path)
    return write_source(files, LOADED_FOR_EACH.format(path=str(path)))


def _transformed(files: Files) -> Files:
    """Served rows as the saved scaler gives them."""
    scaler = joblib.load(option(files, "--scaler"))
    rows = array(files)
    flat = scaler.transform(rows.reshape(-1, rows.shape[-1]))
    return give_rows(files, flat.reshape(*rows.shape[:-1], flat.shape[-1]), "--served")


def _normalization_in_the_model(files: Files) -> Files:
    """The statistics of the scaler in the model, which then gets raw rows."""
    scaler = joblib.load(option(files, "--scaler"))

    def change(model: Any) -> Any:
        norm = layers.Normalization(mean=scaler.mean_, variance=scaler.var_)
        return keras.Sequential([keras.Input(model.input_shape[1:]), norm, *model.layers])

    return give_model(change)(remove_options(files, "--scaler", "--config"))


def _raw_into_the_pipeline(files: Files) -> Files:
    """Rows with NaN where the source has none, as before fillna."""
    rows = WORLDS["people gappy"].table(np.random.default_rng(4), 250)
    return give_rows(files, rows)


def _columns_by_name(files: Files) -> Files:
    frame = pandas.read_csv(option(files, "--data"))
    scaler = joblib.load(option(files, "--scaler"))
    content = frame[list(scaler.feature_names_in_)].to_csv(index=False)
    return give_text(files, "--data", content, ".csv")


def _channels_in_order(files: Files) -> Files:
    return give_rows(files, array(files, "--served")[..., ::-1], "--served")


def _green_second(files: Files) -> Files:
    return give_rows(files, array(files, "--served")[..., [1, 0, 2]], "--served")


def _codes_of_training(files: Files) -> Files:
    """Codes of the names of categories, by the list of categories of training."""
    training_categories = [f"shop {number}" for number in range(9)]
    served = array(files)
    values = [training_categories[int(code)] for code in served[:, 0]]
    served[:, 0] = pandas.Categorical(values, categories=training_categories).codes
    return give_rows(files, served, "--served")


def _scaled_in_float64(files: Files) -> Files:
    scaler = joblib.load(option(files, "--scaler"))
    rows = array(files)
    served = scaler.transform(np.asarray(rows, np.float64)).astype(np.float32)
    return give_rows(files, served, "--served")


def _all_digits(files: Files) -> Files:
    """Rows that a service sends as JSON with all digits, and then scales."""
    scaler, rows = joblib.load(option(files, "--scaler")), array(files)
    message = json.dumps({"rows": np.asarray(rows, np.float64).tolist()})
    served = scaler.transform(np.array(json.loads(message)["rows"])).astype("float32")
    return give_rows(files, served, "--served")


def _clipped(files: Files) -> Files:
    """Rows that a service scales without scikit-learn."""
    scaler, rows = joblib.load(option(files, "--scaler")), array(files)
    x = np.clip(rows * scaler.scale_ + scaler.min_, *scaler.feature_range)
    return give_rows(files, x.astype("float32"), "--served")


def _celsius(files: Files) -> Files:
    """Served rows whose column in another unit was compared with training, and turned back."""
    world = WORLDS["weather standard"]
    served = array(files, "--served")
    raw = served * world.fitted.scale_ + world.fitted.mean_
    raw[:, 0] = (raw[:, 0] - 32.0) / 1.8
    return give_rows(files, world.scaled(raw), "--served")


def _vocabulary_of_the_model(files: Files) -> Files:
    lookup = next(each for each in load(files).layers if isinstance(each, layers.StringLookup))
    vocabulary = lookup.get_vocabulary()
    ids = np.vectorize(vocabulary.index)(array(files).astype(str))
    return give_rows(files, ids, "--served")


def _saved_encoder(files: Files) -> Files:
    """Served rows of the saved encoder."""
    encoder, frame = joblib.load(option(files, "--scaler")), pandas.read_csv(option(files, "--data"))
    return give_rows(files, encoder.transform(frame).astype("float32"), "--served")


def _categories_of_training(files: Files) -> Files:
    """Dummies of all categories of training, and the number that the saved scaler scales."""
    encoder, frame = joblib.load(option(files, "--scaler")), pandas.read_csv(option(files, "--data"))
    numbers = encoder.transform(frame)[:, -1]
    words = frame[["way", "zone"]].copy()
    for name, training_categories in zip(
        words, encoder.named_transformers_["words"].categories_, strict=True
    ):
        words[name] = pandas.Categorical(words[name], categories=training_categories)
    x = np.column_stack([pandas.get_dummies(words).to_numpy("float32"), numbers])
    return give_rows(files, x.astype("float32"), "--served")


def _divided(files: Files) -> Files:
    image = array(files, "--served")
    return give_rows(files, np.asarray(image, np.float32) / 255.0, "--served")


def _served(slug: str, tries: str, name: str, fix: Fix = _transformed) -> Trial:
    return corpus_trial(slug, tries, name, fix)


TRIALS: tuple[Trial, ...] = (
    *(
        _served(
            "preprocess-unrepeatable",
            f"depend on rows and constants alone, after {story}",
            f"people standard, serving {story}",
            _learned_once,
        )
        for story in ("a running mean", "noise of augmentation")
    ),
    _served(
        "preprocess-row-dependence",
        "learn the statistics once, save them, and only apply them",
        "people standard, serving fit_transform",
        _saved_scaler,
    ),
    _served(
        "preprocess-row-dependence",
        "learn the statistics once, for two tables",
        "two tables prepared together, by their own means",
        _of_each_table,
    ),
    _served(
        "scaler-refit", "load the scaler, and only call transform", "people standard, served refitted on all"
    ),
    _served("scaler-missing", "scale before predicting", "weather maxabs, served rows as they are"),
    _served(
        "scaler-missing",
        "put the statistics into a Normalization layer",
        "people standard, served one row in five as it is",
        lambda files: remove_options(_normalization_in_the_model(files), "--served"),
    ),
    _served("scaler-applied-twice", "scale in one place only", "people minmax, served scaled twice"),
    _served(
        "scaler-applied-twice",
        "set facts: {data_state: scaled}",
        "people standard, scaled already, said to be raw",
        lambda files: give_facts(files, data_state="scaled"),
    ),
    _served(
        "scaling-step-skipped",
        "call the whole saved pipeline",
        "skewed logged, served without the logarithm",
    ),
    _served(
        "scaling-step-skipped",
        "np.clip(rows * scaler.scale_ + scaler.min_, *scaler.feature_range)",
        "not clipped, a scaler",
        _clipped,
    ),
    _served(
        "scaling-step-skipped",
        "call transform of the saved scaler, which has clip=True",
        "not clipped, two of three columns",
    ),
    _served(
        "gaps-filled-otherwise",
        "raw rows with NaN, and transform of the whole pipeline",
        "people gappy, served with 0 behind the scaler for what is missing",
    ),
    _served(
        "gaps-filled-otherwise",
        "no fillna before the pipeline",
        "gaps filled with 0 on the way",
        _raw_into_the_pipeline,
    ),
    _served(
        "feature-order",
        "frame[list(scaler.feature_names_in_)]",
        "people named, a table with its columns in another order",
        _columns_by_name,
    ),
    _served("feature-order", "image[..., ::-1] turns BGR into RGB", "channels as BGR", _channels_in_order),
    _served(
        "feature-order",
        "image = image[..., [1, 0, 2]]",
        "fast decoded, green before red",
        _green_second,
    ),
    _served(
        "codes-refit",
        "pandas.Categorical(values, categories=training_categories).codes",
        "a column of codes assigned again",
        _codes_of_training,
    ),
    _served(
        "codes-refit",
        "call transform of the saved encoder, and never fit it again",
        "dummies without two categories",
        _saved_encoder,
    ),
    _served(
        "codes-refit",
        "pandas.Categorical(frame['city'], categories=training_categories)",
        "dummies without the first category",
        _categories_of_training,
    ),
    _served(
        "codes-refit",
        "vocabulary = model.get_layer(NAME).get_vocabulary()",
        "ids of mixed stops served to a model of texts",
        _vocabulary_of_the_model,
    ),
    *(
        _served(
            "scaled-in-low-precision",
            f"scale in float64 and cast afterwards: {name}",
            name,
            _scaled_in_float64,
        )
        for name in (
            "stamps standard, served cast to float32 before scaling",
            "skewed standard, served sent as float16",
        )
    ),
    _served(
        "scaled-in-low-precision",
        "send all of their digits",
        "one decimal before scaling",
        _all_digits,
    ),
    _served(
        "row-order",
        "build each row from its own request, not from the one before",
        "windows of three rows before",
    ),
    _served(
        "scaler-foreign",
        "load scaler and model that were saved together",
        "weather standard, served scaler of another split",
    ),
    _served(
        "scaler-foreign",
        "image = np.asarray(image, np.float32) / 255.0",
        "pictures not divided by 255 in serving",
        _divided,
    ),
    _served(
        "scaler-foreign",
        "divide in one place only: without / 255.0",
        "pictures divided by 255 again in serving",
        lambda files: give_rows(files, array(files), "--served"),
    ),
    _served(
        "scaler-foreign",
        "compare raw numbers with those of training: the unit may differ",
        "weather standard, served degrees of Fahrenheit",
        _celsius,
    ),
)
