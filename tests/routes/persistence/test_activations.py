"""Logits, probabilities and class ids in each other's place."""

from __future__ import annotations

import numpy as np
import pytest

from keras_consistency_cli.routes.persistence.recorded import other_form

LOGITS = np.random.default_rng(0).normal(size=(24, 4))
POWERS = np.exp(LOGITS)
SHARES = POWERS / POWERS.sum(axis=1, keepdims=True)
CHANCES = 1 / (1 + np.exp(-LOGITS[:, :1]))
STEPS = SHARES.reshape(6, 4, 4).repeat(2, axis=0)
IDS = SHARES.argmax(axis=1)


@pytest.mark.parametrize(
    ("recorded", "today", "words"),
    [
        (np.log(SHARES) + 1.7, SHARES, "the logits of today's answers (softmax)"),
        (LOGITS, SHARES, "the logits of today's answers (softmax)"),
        (SHARES, LOGITS, "the softmax of today's answers"),
        (LOGITS[:, :1], CHANCES, "the logits of today's answers (sigmoid)"),
        (CHANCES, LOGITS[:, :1], "the sigmoid of today's answers"),
        (np.log(POWERS + 2), POWERS + 2, "the logarithm of today's answers"),
        (np.log(STEPS) - 0.5, STEPS, "the logits of today's answers (softmax)"),
        (IDS, SHARES, "class ids: the argmax of today's answers"),
        (IDS[:, None], SHARES, "class ids: the argmax of today's answers"),
        (IDS.astype("float32"), LOGITS, "class ids: the argmax of today's answers"),
        (STEPS.argmax(axis=-1), STEPS, "class ids: the argmax of today's answers"),
        ((CHANCES > 0.5).astype("int64"), CHANCES, "classes: today's answers above 0.5"),
        (np.roll(IDS, 1), SHARES, None),
        ((CHANCES > 0.8).astype("int64"), CHANCES, None),
        (np.full(24, 2), np.roll(np.sort(SHARES), 3, axis=1), "class ids: the argmax of today's answers"),
        (np.full(24, 2.0), np.roll(np.sort(SHARES), 3, axis=1), None),
        (np.zeros(24, int), np.roll(np.sort(SHARES), 3, axis=1), None),
        (1.05 * LOGITS, SHARES, None),
        (SHARES[:, ::-1], SHARES, "today's columns in the order 3, 2, 1, 0"),
        (SHARES, np.where(np.eye(24, 4), 0.5, SHARES), None),
    ],
)
def test_forms(recorded: np.ndarray, today: np.ndarray, words: str | None) -> None:
    assert other_form(recorded, today) == words
