"""Changes of the rows of an export that make it agree with the model."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from keras_consistency_cli.routes.exports.row_variants import on_other_rows, on_raw_rows

PIXELS = np.random.default_rng(0).integers(0, 255, (8, 4)).astype("float32")
Rows = dict[str, np.ndarray]


def export(model: Any, exported: Any, raw: Rows | None = None) -> Any:
    """An export and its model, both of which are functions of rows."""
    return SimpleNamespace(
        restore=lambda: None,
        predict=exported,
        original=SimpleNamespace(restore=lambda: None, step=model),
        subject=SimpleNamespace(
            files=SimpleNamespace(scales=raw is not None),
            raw=lambda numbers: {name: values[numbers] for name, values in (raw or {}).items()},
            rows=lambda _numbers: {"x": PIXELS},
        ),
        row_numbers=np.arange(8),
        batch_size=8,
    )


def mean(rows: Rows) -> Rows:
    return {"out": rows["x"].mean(axis=1)}


def test_a_scaling_that_is_left_out_is_found_next_to_an_input_of_texts() -> None:
    rows = {"x": PIXELS, "name": np.array(["a"] * 8, object)}
    found = on_other_rows(export(lambda rows: mean({"x": rows["x"] / 255}), mean), rows)
    assert found is not None
    assert found["how"] == "rows divided by 255"
    assert found["differences"]["out"] < 1e-6


def test_raw_rows_are_found_if_they_hold_texts() -> None:
    raw = {"x": np.array([["a"] * 4] * 8, object)}

    def count(rows: Rows) -> Rows:
        return {"out": np.full(len(rows["x"]), float(rows["x"].dtype == object))}

    found = on_raw_rows(export(lambda _rows: {"out": np.ones(8)}, count, raw), {"x": PIXELS})
    assert found is not None
    assert found["how"] == "raw rows"
