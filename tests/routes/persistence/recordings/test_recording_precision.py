"""The precision of recorded outputs: 16 bits, decimals, and numbers that only look like them."""

from __future__ import annotations

import numpy as np
import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.routes.persistence.recordings.recording_precision import recording

TODAY = np.random.default_rng(0).normal(size=(64, 3)).astype("float32")


def bfloat16(values: np.ndarray) -> np.ndarray:
    """To the nearest bfloat16, kept as float32."""
    import tensorflow as tf

    return np.asarray(tf.cast(tf.cast(values, tf.bfloat16), tf.float32))


ROUNDED = {
    "float16": TODAY.astype("float16"),
    "float16 kept as float64": TODAY.astype("float16").astype("float64"),
    "bfloat16": bfloat16(TODAY),
    "4 decimals": TODAY.round(4),
    "4 decimals of float64": TODAY.astype("float64").round(4),
    "1 decimal": TODAY.round(1),
    "6 decimals": TODAY.round(6),
    "whole numbers": (1e5 * TODAY).round(),
}


@pytest.mark.parametrize("name", ROUNDED)
def test_rounded_outputs_stand_for_current_outputs(name: str, wording: SnapshotAssertion) -> None:
    today = TODAY * np.float32(1e5) if name == "whole numbers" else TODAY
    found = recording(ROUNDED[name], today)
    assert found is not None
    assert (found.holds(ROUNDED[name]), found.holds(today)) == (True, False)
    np.testing.assert_allclose(found.nearest(ROUNDED[name], today), today, rtol=1e-6)
    assert found.words == wording


@pytest.mark.parametrize(
    ("recorded", "today"),
    [
        pytest.param(TODAY, TODAY, id="float32"),
        pytest.param(TODAY.astype("float64"), TODAY, id="float64"),
        pytest.param(TODAY.round(0), TODAY, id="whole numbers that are nearly as large as their spread"),
        pytest.param((TODAY > 0).astype("float32"), np.abs(TODAY), id="labels"),
        pytest.param(np.arange(192).reshape(64, 3), 50 * TODAY, id="class ids"),
        pytest.param(TODAY[:2].astype("float16"), TODAY[:2], id="too few numbers"),
        pytest.param(
            TODAY.astype("float16"), TODAY.astype("float16"), id="answers that are float16 themselves"
        ),
    ],
)
def test_numbers_that_were_not_rounded_have_no_form(recorded: np.ndarray, today: np.ndarray) -> None:
    assert recording(recorded, today) is None


@pytest.mark.parametrize("recorded", [TODAY.astype("float16"), TODAY.round(3), bfloat16(TODAY)])
def test_a_change_beyond_the_rounding_remains(recorded: np.ndarray) -> None:
    """In a binary form, the step of small numbers is smaller than that of large ones."""
    found = recording(recorded, TODAY)
    assert found is not None
    moved = TODAY + 0.05
    assert np.abs(found.nearest(recorded, moved) - moved).min() > 0.005


def test_nan_stays_nan() -> None:
    recorded = TODAY.astype("float16")
    recorded[3] = np.nan
    found = recording(recorded, TODAY)
    assert found is not None
    assert np.isnan(found.nearest(recorded, TODAY)[3]).all()
