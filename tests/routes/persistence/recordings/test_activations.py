"""Logits, probabilities and class ids recorded in place of each other."""

from __future__ import annotations

import numpy as np
import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.routes.persistence.recordings.activations import differing_rows
from keras_consistency_cli.routes.persistence.recordings.recorded_forms import other_form

LOGITS = np.random.default_rng(0).normal(size=(24, 4))
POWERS = np.exp(LOGITS)
SHARES = POWERS / POWERS.sum(axis=1, keepdims=True)
CHANCES = 1 / (1 + np.exp(-LOGITS[:, :1]))
STEPS = SHARES.reshape(6, 4, 4).repeat(2, axis=0)
IDS = SHARES.argmax(axis=1)


KNOWN = {
    "logits with an offset": (np.log(SHARES) + 1.7, SHARES),
    "logits": (LOGITS, SHARES),
    "softmax": (SHARES, LOGITS),
    "logits of a sigmoid": (LOGITS[:, :1], CHANCES),
    "sigmoid": (CHANCES, LOGITS[:, :1]),
    "logarithm": (np.log(POWERS + 2), POWERS + 2),
    "logits of time steps": (np.log(STEPS) - 0.5, STEPS),
    "class ids": (IDS, SHARES),
    "class ids in a column": (IDS[:, None], SHARES),
    "class ids as floats": (IDS.astype("float32"), LOGITS),
    "class ids of time steps": (STEPS.argmax(axis=-1), STEPS),
    "one class id": (np.full(24, 2), np.roll(np.sort(SHARES), 3, axis=1)),
    "thresholded": ((CHANCES > 0.5).astype("int64"), CHANCES),
    "reversed columns": (SHARES[:, ::-1], SHARES),
}
UNKNOWN = {
    "ids of other rows": (np.roll(IDS, 1), SHARES),
    "a different threshold": ((CHANCES > 0.8).astype("int64"), CHANCES),
    "one class id as floats": (np.full(24, 2.0), np.roll(np.sort(SHARES), 3, axis=1)),
    "a wrong class id": (np.zeros(24, int), np.roll(np.sort(SHARES), 3, axis=1)),
    "scaled logits": (1.05 * LOGITS, SHARES),
    "four rows that differ": (SHARES, np.where(np.eye(24, 4), 0.5, SHARES)),
}


@pytest.mark.parametrize("name", KNOWN)
def test_a_known_form_is_described(name: str, wording: SnapshotAssertion) -> None:
    form = other_form(*KNOWN[name])
    assert form is not None
    assert form == wording


@pytest.mark.parametrize("name", UNKNOWN)
def test_different_numbers_have_no_form(name: str) -> None:
    assert other_form(*UNKNOWN[name]) is None


def test_rows_that_differ_are_found_in_numbers_and_in_texts() -> None:
    changed = SHARES.copy()
    changed[5, 2], changed[9] = 0.5, np.nan
    assert np.flatnonzero(differing_rows(changed, SHARES)).tolist() == [5, 9]
    words = np.array([["yes"], ["no"], ["yes"]])
    assert differing_rows(words, np.array([["yes"], ["yes"], ["yes"]])).tolist() == [False, True, False]
