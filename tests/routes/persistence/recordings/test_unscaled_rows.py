"""Recorded outputs of scaled rows are recognised without the scaler, and others are not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers
from sklearn.preprocessing import MinMaxScaler, PowerTransformer, RobustScaler, StandardScaler

from keras_consistency_cli.routes.persistence.recordings.unscaled_rows import is_scaler_missing
from keras_consistency_cli.routes.trace import Outputs
from tests.helpers.live_models import session_of

Array = np.ndarray
RANDOM = np.random.default_rng(6)
CENTRE, SPREAD = np.array([40.0, -900.0, 3.0]), np.array([9.0, 70.0, 0.4])
RAW = (RANDOM.normal(size=(80, 3)) * SPREAD + CENTRE).astype("float32")
KNOWN = RANDOM.normal(size=(400, 3)) * SPREAD + CENTRE


def build(*parts: Any) -> Any:
    keras.utils.set_random_seed(4)
    return keras.Sequential([keras.Input((3,)), *(parts or (layers.Dense(14, "relu"), layers.Dense(2)))])


def unchanged(recorded: Outputs, _outputs: Outputs) -> Outputs:
    return recorded


def is_missing(model: Any, outputs: Callable[[Any], Outputs], raw: Array = RAW) -> bool:
    session = session_of((model, {"x": raw}), batch_size=32)
    return is_scaler_missing(session, {"x": raw}, dict(outputs(session)), unchanged)


def scaled_by(scaler: Any, raw: Array = RAW) -> Callable[[Any], Outputs]:
    fitted = scaler.fit(KNOWN)
    return lambda session: session.step({"x": fitted.transform(raw).astype("float32")})


@pytest.mark.parametrize("scaler", [StandardScaler(), MinMaxScaler(), RobustScaler()], ids=str)
def test_scaled_rows_are_found(scaler: Any) -> None:
    assert is_missing(build(), scaled_by(scaler))


def test_outputs_of_the_rows_themselves_are_no_sign() -> None:
    assert not is_missing(build(), lambda session: session.step({"x": RAW}))


def test_a_model_that_fits_any_line_says_nothing() -> None:
    assert not is_missing(build(layers.Dense(1)), scaled_by(StandardScaler()))


def test_outputs_of_other_weights_are_no_sign() -> None:
    keras.utils.set_random_seed(9)
    parts = [layers.Dense(14, "relu"), layers.Dense(2)]
    other = keras.Sequential([keras.Input((3,)), *parts])
    rows = StandardScaler().fit(KNOWN).transform(RAW)
    assert not is_missing(build(), lambda session: session.name_outputs(other(rows)))


def test_a_scaler_that_bends_the_rows_is_not_found() -> None:
    known = np.exp(KNOWN / SPREAD / 20)
    raw = np.exp(RAW / SPREAD / 20).astype("float32")
    fitted = PowerTransformer().fit(known)
    assert not is_missing(build(), lambda session: session.step({"x": fitted.transform(raw)}), raw)


def test_rows_of_the_size_of_scaled_ones_are_not_tried() -> None:
    rows = StandardScaler().fit_transform(RAW).astype("float32")
    assert not is_missing(build(), lambda session: session.step({"x": rows * 2}), rows)
