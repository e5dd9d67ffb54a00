"""Which outputs vary with the rows."""

from __future__ import annotations

import numpy as np

from keras_consistency_cli.routes.calling.output_variation import describe_variation

ROWS = {"x": np.arange(12.0).reshape(6, 2), "y": np.zeros((6, 1))}


def test_constant_and_saturated_outputs_are_named() -> None:
    outputs = {
        "same": np.full((6, 2), 0.25, np.float32),
        "ends": np.eye(6, 3, dtype=np.float32),
        "signs": 1 - 2 * np.eye(6, 3, dtype=np.float32),
        "nearly": np.eye(6, 3, dtype=np.float32) * np.float32(1 - 1e-6),
        "varies": np.linspace(0, 1, 6, dtype=np.float32)[:, None],
        "class": np.zeros((6,), np.int64),
        "lost": np.full((6, 1), np.nan, np.float32),
    }
    variation = describe_variation(ROWS, outputs)
    assert variation == {
        "distinct": 6,
        "constant": ["same"],
        "saturated": ["ends", "signs"],
        "whole": ["ends", "signs"],
    }


def test_equal_rows_count_once() -> None:
    rows = {name: values[[0, 0, 1, 1]] for name, values in ROWS.items()}
    assert describe_variation(rows, {})["distinct"] == 2
