"""find_shortened_mask: which time steps of a mask are left after layers that shorten series."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from keras_consistency_cli.routes.locating.call_records import record_calls
from keras_consistency_cli.routes.sequences.alignment.shortened_masks import find_shortened_mask
from tests.helpers.live_models import session_of

STEPS = 20


@pytest.mark.parametrize(
    ("parts", "after", "slice_of_mask"),
    [
        ([layers.MaxPooling1D(2)], 10, (1, 2)),
        ([layers.MaxPooling1D(2, padding="same")], 10, (0, 2)),
        ([layers.Conv1D(4, 3)], 18, (2, 1)),
        ([layers.Conv1D(4, 3, strides=2)], 9, (2, 2)),
        ([layers.Conv1D(4, 3), layers.AveragePooling1D(3)], 6, (4, 3)),
        ([layers.Conv1D(4, 3, padding="same"), layers.MaxPooling1D(2), layers.MaxPooling1D(2)], 5, (3, 4)),
        ([layers.UpSampling1D(2)], 40, None),
    ],
    ids=["pool", "pool same", "valid", "strides", "two layers", "two pools", "longer"],
)
def test_the_slice_of_the_mask(parts: Any, after: int, slice_of_mask: tuple[int, int] | None) -> None:
    series = keras.Input((None, 3), name="x")
    x = series
    for part in parts:
        x = part(x)
    rows = {"x": np.random.default_rng(0).normal(size=(2, STEPS, 3)).astype("float32")}
    session: Any = session_of((keras.Model(series, layers.GRU(4)(x)), rows))
    calls, _ = record_calls(session, rows)
    assert find_shortened_mask(calls, STEPS, after) == slice_of_mask
