"""Simple changes that turn today's outputs into the recorded ones."""

from __future__ import annotations

import numpy as np
import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.routes.persistence.recordings.recorded_forms import function_form, other_form

OUTPUTS = np.random.default_rng(0).normal(size=(20, 2)).astype("float32")
KNOWN = {
    "reversed rows": OUTPUTS[::-1],
    "scaled": 100 * OUTPUTS,
    "scaled and shifted down": OUTPUTS / 2 - 3,
    "negated and shifted up": -OUTPUTS + 1,
    "reversed columns": OUTPUTS[:, ::-1],
    "prices of which logarithms were learned": np.expm1(OUTPUTS),
    "decades": 10.0**OUTPUTS,
    "rows of another row": OUTPUTS[[*range(16), *range(12, 16)]],
}
FUNCTIONS = {
    "a range": OUTPUTS.clip(-0.5, 0.5),
    "steps of a half": np.round(2 * OUTPUTS) / 2,
    "exp of a line": np.exp(0.3 * OUTPUTS + 2),
}
UNKNOWN = {
    "the same": OUTPUTS,
    "squared": OUTPUTS**2,
    "one column twice": OUTPUTS[:, [0, 0]],
    "two rows differ": OUTPUTS + np.eye(20, 2),
    "zeros": np.zeros_like(OUTPUTS),
    "exp of one column": np.column_stack([np.exp(OUTPUTS[:, 0]), OUTPUTS[:, 1]]),
    "some NaN": np.where(OUTPUTS > 1, np.nan, 2 * OUTPUTS),
    "one column": OUTPUTS[:, :1],
}


@pytest.mark.parametrize("name", KNOWN)
def test_a_known_form_is_described(name: str, wording: SnapshotAssertion) -> None:
    form = other_form(KNOWN[name], OUTPUTS)
    assert form is not None
    assert form == wording


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_is_described(name: str, wording: SnapshotAssertion) -> None:
    assert other_form(FUNCTIONS[name], OUTPUTS) is None
    form = function_form(FUNCTIONS[name], OUTPUTS)
    assert form is not None
    assert form == wording


@pytest.mark.parametrize("name", UNKNOWN)
def test_different_numbers_have_no_form(name: str) -> None:
    assert other_form(UNKNOWN[name], OUTPUTS) is None
    assert name == "the same" or function_form(UNKNOWN[name], OUTPUTS) is None


def test_few_rows_have_no_form() -> None:
    assert other_form(100 * OUTPUTS[:5], OUTPUTS[:5]) is None
