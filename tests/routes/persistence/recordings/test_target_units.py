"""Recorded outputs in the units of the targets."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.preprocessing import MinMaxScaler, PowerTransformer, StandardScaler

from keras_consistency_cli.routes.persistence.recordings.target_units import TargetUnits

RANDOM = np.random.default_rng(0)
TARGETS = RANDOM.normal([500.0, 20.0], [30.0, 4.0], (200, 2))
TODAY = RANDOM.normal(size=(40, 2)).astype("float32")
SCALERS = [StandardScaler().fit(TARGETS), MinMaxScaler().fit(TARGETS), PowerTransformer().fit(TARGETS)]
SWAPPED = StandardScaler().fit(TARGETS[:, ::-1])


def units(scaler: object, width: int = 2) -> TargetUnits:
    return TargetUnits(scaler=scaler, width=width)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("scaler", SCALERS, ids=lambda scaler: type(scaler).__name__)
def test_outputs_in_units_are_todays_outputs(scaler: object, dtype: str) -> None:
    target = units(scaler)
    recorded = target.scaler.inverse_transform(TODAY).astype(dtype)
    assert target.is_followed(recorded, TODAY)
    assert np.array_equal(target.undo(recorded, TODAY), TODAY)
    assert target.describe_contradiction(recorded, TODAY) is None


def test_a_changed_row_stays_changed() -> None:
    target = units(SCALERS[0])
    recorded = target.scaler.inverse_transform(TODAY)
    recorded[3] += 30
    assert target.is_followed(recorded, TODAY)
    undone = target.undo(recorded, TODAY)
    assert (undone != TODAY).any(axis=1).nonzero()[0].tolist() == [3]
    assert undone[3, 0] - TODAY[3, 0] == pytest.approx(1.0, abs=0.1)


def test_the_scaler_of_another_column_is_contradicted() -> None:
    recorded = SCALERS[0].inverse_transform(TODAY)
    target = units(SWAPPED)
    assert not target.is_followed(recorded, TODAY)
    assert "StandardScaler" in (target.describe_contradiction(recorded, TODAY) or "")


@pytest.mark.parametrize(
    "recorded",
    [TODAY, TODAY + RANDOM.normal(size=TODAY.shape), TODAY[:, :1], TODAY.astype(str)],
    ids=["as the model gives them", "no line", "another width", "text"],
)
def test_nothing_is_said_about_other_outputs(recorded: np.ndarray) -> None:
    target = units(SWAPPED)
    assert not target.is_followed(recorded, TODAY)
    assert target.describe_contradiction(recorded, TODAY) is None
