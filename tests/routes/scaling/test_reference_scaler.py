"""The rows scaled by a scaler that is fitted on the reference rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from keras_consistency_cli.routes.scaling.reference_scaler import REFERENCE_SCALER
from tests.helpers.scaled_subjects import RAW, SCALER, TRAINED, Setting


def compare(folder: Path, scaler: Any, reference: np.ndarray) -> dict[str, Any]:
    np.save(folder / "reference.npy", reference)
    here = Setting(folder, RAW, scaler=scaler, reference=str(folder / "reference.npy"))
    result = here.run(REFERENCE_SCALER)
    assert result.outputs == {}
    return dict(result.details)


@pytest.mark.parametrize(
    ("scaler", "columns"),
    [(StandardScaler().fit(SCALER.transform(TRAINED)), 1), (MinMaxScaler().fit(TRAINED / 1000), 3)],
    ids=["of scaled rows", "of another unit"],
)
def test_a_scaler_that_does_not_fit_is_replaced(tmp_path: Path, scaler: Any, columns: int) -> None:
    details = compare(tmp_path, scaler, TRAINED)
    assert details["columns"] == columns
    assert details["saved"] < 0.1 < 0.9 < details["fitted"]


def test_a_scaler_that_fits_misses_nothing(tmp_path: Path) -> None:
    assert compare(tmp_path, SCALER, TRAINED) == {"saved": 1.0, "fitted": 1.0, "columns": 0}


def test_reference_rows_in_another_unit_than_the_rows_do_not_help(tmp_path: Path) -> None:
    details = compare(tmp_path, StandardScaler().fit(SCALER.transform(TRAINED)), TRAINED * 1000)
    assert details["fitted"] < 0.1


def test_without_reference_rows_there_is_a_reason(tmp_path: Path) -> None:
    assert set(Setting(tmp_path, RAW, scaler=SCALER).run(REFERENCE_SCALER).details) == {"reason"}
