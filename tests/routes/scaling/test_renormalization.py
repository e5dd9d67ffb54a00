"""Normalization layers adapted again: as adapt() does it, and without a change of the model."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.routes.trace import Result
from tests.helpers.scaled_subjects import RAW, TRAINED, Setting, only


@pytest.fixture
def setting(tmp_path: Path) -> Callable[..., Setting]:
    """Make a setting around a small dense model of three features, or around another one."""
    return partial(Setting, tmp_path)


def normalised(**kwargs: Any) -> Any:
    keras.utils.set_random_seed(0)
    norm = layers.Normalization(name="norm", **kwargs)
    norm.adapt(TRAINED)
    inner = keras.Sequential([keras.Input((3,)), norm, layers.Dense(4, activation="tanh")], name="inner")
    return keras.Sequential([keras.Input((3,)), inner, layers.Dense(1)])


def test_outputs_are_those_after_adapt_and_the_model_stays_as_it_was(setting: Any) -> None:
    model = normalised()
    here = setting(model=model)
    results = {name: here.run(name) for name in ("adapt-all", "adapt-batches", "adapt-single")}
    assert here.session.snapshot.changes() == ()
    size, norm = here.session.batch_size, model.layers[0].layers[0]
    norm.adapt(RAW)
    assert np.allclose(only(results["adapt-all"]), np.asarray(model(RAW)), atol=1e-5)
    norm.adapt(RAW[:size])
    assert np.allclose(only(results["adapt-batches"])[:size], np.asarray(model(RAW[:size])), atol=1e-5)
    single = results["adapt-single"]
    assert len(np.unique(only(single))) == 1
    assert single.rows is not None
    assert single.rows.tolist() == list(range(16))


def test_rows_of_one_batch_are_adapted_to_once(setting: Any) -> None:
    here = setting(model=normalised())
    few = here.run("adapt-batches", np.arange(here.session.batch_size))
    assert (few.outputs, few.details) == ({}, {"reason": "all rows are in one batch"})
    assert here.run("adapt-batches", np.arange(here.session.batch_size + 1)).outputs


def test_the_shift_of_the_mean_is_measured(setting: Any) -> None:
    (shift,) = setting(model=normalised()).run("adapt-all").details["shifts"].values()
    expected = np.abs((RAW.mean(axis=0) - TRAINED.mean(axis=0)) / TRAINED.std(axis=0)).max()
    assert shift == pytest.approx(expected, rel=1e-3)


def test_one_mean_for_all_features(setting: Any) -> None:
    model = normalised(axis=None)
    outputs = only(setting(model=model).run("adapt-all"))
    model.layers[0].layers[0].adapt(RAW)
    assert np.allclose(outputs, np.asarray(model(RAW)), atol=1e-5)


def test_models_without_a_normalization_layer_are_left_out(setting: Any, wording: SnapshotAssertion) -> None:
    inverted = keras.Sequential(
        [keras.Input((3,)), layers.Normalization(mean=1.0, variance=4.0, invert=True)]
    )
    plain = setting().run("adapt-all")
    assert plain == Result(outputs={}, details={"reason": plain.details["reason"]})
    assert setting(model=inverted).run("adapt-all") == plain
    assert plain.details["reason"] == wording
