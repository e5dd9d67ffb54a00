"""What a model file and a scaler file say, read as data."""

from __future__ import annotations

from pathlib import Path

import joblib
import keras
import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import StandardScaler

from keras_consistency_cli.checks.code.files import ModelFacts, read_model, read_scaler
from keras_consistency_cli.errors import RefusedError


def test_the_columns_of_a_scaler_are_in_its_order(tmp_path: Path) -> None:
    rows = pd.DataFrame({"income": [1.0, 2.0], "age": [3.0, 5.0]})
    joblib.dump(StandardScaler().fit(rows), tmp_path / "scaler.joblib")
    facts = read_scaler(tmp_path / "scaler.joblib")
    assert (facts.estimator, facts.columns) == ("StandardScaler", ("income", "age"))


def test_a_scaler_without_names_has_no_columns(tmp_path: Path) -> None:
    joblib.dump(StandardScaler().fit(np.ones((2, 2))), tmp_path / "scaler.joblib")
    assert read_scaler(tmp_path / "scaler.joblib").columns == ()


def test_a_damaged_scaler_is_refused(tmp_path: Path) -> None:
    (tmp_path / "scaler.pkl").write_bytes(b"\x80\x04nothing")
    with pytest.raises(RefusedError):
        read_scaler(tmp_path / "scaler.pkl")


def test_a_model_says_what_decides_about_its_code(tmp_path: Path) -> None:
    def facts_of(*parts: keras.layers.Layer, shape: tuple[int, ...]) -> ModelFacts:
        keras.Sequential([keras.Input(batch_shape=shape), *parts]).save(tmp_path / "model.keras")
        return read_model(tmp_path / "model.keras")

    stateful = facts_of(keras.layers.LSTM(4, stateful=True), keras.layers.Dense(1), shape=(1, 6, 3))
    assert (stateful.is_stateful, stateful.is_recurrent, stateful.input_ranks) == (True, True, (3,))
    plain = facts_of(keras.layers.Dense(2), shape=(None, 10))
    found = (plain.is_stateful, plain.is_recurrent, plain.input_ranks, plain.rescaling, plain.modes)
    assert found == (False, False, (2,), (), ())
    augmenting = facts_of(keras.layers.RandomFlip(), keras.layers.Flatten(), shape=(None, 8, 8, 3))
    assert augmenting.modes
