"""Rows with NaN or infinity, and rows as they were given and as the model gets them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from keras_consistency_cli.routes.calling.rows import ROWS_ROUTE
from tests.helpers.live_models import mlp, normal, session_of
from tests.helpers.scaled_subjects import RAW, SCALER, Setting


def test_rows_with_nan_or_infinity_are_marked_by_input() -> None:
    rows = {"a": normal(3, rows=4), "b": np.arange(4), "c": np.array(["x", "y", "z", "nan"])}
    rows["a"][1, 2], rows["a"][3, 0] = np.nan, -np.inf
    marked = ROWS_ROUTE.run(session_of(mlp()), rows).outputs
    assert {name: values.tolist() for name, values in marked.items()} == {
        "a": [False, True, False, True],
        "b": [False] * 4,
        "c": [False] * 4,
    }


def test_given_rows_are_returned_raw_and_as_the_model_gets_them(tmp_path: Path) -> None:
    setting = Setting(tmp_path, scaler=SCALER)
    found = setting.run("given-rows")
    (given,), (fed,) = found.outputs.values(), (found.baseline or {}).values()
    assert np.array_equal(given, RAW)
    assert np.allclose(fed, SCALER.transform(RAW))
    assert found.details["step_size"] == 0
