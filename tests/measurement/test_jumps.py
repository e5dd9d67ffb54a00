"""Rows that float64 alone decides differently are no fault; what float32 hides is one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from keras_consistency_cli.measurement.comparison import Comparison
from keras_consistency_cli.measurement.jumps import decided_rows
from keras_consistency_cli.measurement.limits import NoiseEvidence, judge
from keras_consistency_cli.measurement.measure import RowOutputs, compare
from keras_consistency_cli.measurement.policy import Policy

ROWS = 64
TIED = [3, 8, 20, 41, 50]
RANDOM = np.random.default_rng(2)
SCORES = RANDOM.normal(size=(ROWS, 4))
CHOSEN = RANDOM.integers(0, 4, size=ROWS)
TABLE = RANDOM.normal(size=(4, 4))


def compared(candidate: np.ndarray, reference: np.ndarray, copy: np.ndarray | None = None) -> Comparison:
    exact = None if copy is None else RowOutputs(outputs={"out": copy})
    outputs = RowOutputs(outputs={"out": candidate}), RowOutputs(outputs={"out": reference})
    return compare(("candidate", "predict"), *outputs, float64_copy=exact)[0]


def decided(kind: str, *, otherwise: bool) -> np.ndarray:
    """The outputs of the float64 copy, with tied rows decided in one way or the other."""
    chosen = CHOSEN.copy()
    if otherwise:
        chosen[TIED] = (chosen[TIED] + 1) % 4
    found = {
        "one-hot": np.eye(4)[chosen],
        "looked up": TABLE[chosen],
        "rated": TABLE[chosen] @ TABLE + SCORES,
        "rounded": np.round(SCORES * 8) / 8 + 0.125 * (chosen != CHOSEN)[:, None],
        "number": chosen[:, None],
    }
    return found[kind]


KINDS = ("one-hot", "looked up", "rated", "rounded", "number")


def is_within(kind: str, candidate: np.ndarray, *, shown: float = 0.0) -> bool:
    """Judge routes that agree in float32, except by `shown` in tied rows, and on the copy are these two."""
    copy = decided(kind, otherwise=False)
    dtype = np.int32 if kind == "number" else np.float32
    reference = copy.astype(dtype)
    other = reference.copy()
    other[TIED] += dtype(shown)
    # Predict in float32 decides half of the ties otherwise than its copy.
    predict = np.where(np.isin(np.arange(ROWS), TIED[::2])[:, None], decided(kind, otherwise=True), copy)
    noise = compared(predict.astype(dtype), copy, copy)
    evidence = NoiseEvidence(
        pair=compared(other, reference),
        noise=replace(noise, row_digests=tuple(range(ROWS))),
        float64_pair=compared(candidate, copy),
    )
    return judge(evidence, policy=Policy()).within


@pytest.mark.parametrize("kind", KINDS)
def test_ties_that_float64_alone_decides_otherwise_are_no_fault(kind: str) -> None:
    assert is_within(kind, decided(kind, otherwise=True))


@pytest.mark.parametrize("kind", KINDS)
def test_ties_that_float32_decides_otherwise_too_are_a_fault(kind: str) -> None:
    assert not is_within(kind, decided(kind, otherwise=True), shown=1.0)


@pytest.mark.parametrize("kind", KINDS[:-1])
@pytest.mark.parametrize("leak", [1e-9, 1e-7])
def test_ties_do_not_hide_a_leak(kind: str, leak: float) -> None:
    assert not is_within(kind, decided(kind, otherwise=True) + leak)
    assert not is_within(kind, decided(kind, otherwise=True) + leak * (np.arange(ROWS) == 30)[:, None])


def test_numbers_of_every_row_may_be_decided_otherwise() -> None:
    assert is_within("number", decided("number", otherwise=False) + 1)
    assert not is_within("rated", decided("rated", otherwise=False) + 1.0)


@pytest.mark.parametrize("kind", KINDS)
def test_rows_that_are_decided_otherwise_are_counted(kind: str) -> None:
    rounding = 0 if kind == "number" else 1e-8
    pair = compared(decided(kind, otherwise=True) + rounding, decided(kind, otherwise=False))
    assert decided_rows(pair) == len(TIED)


def test_amplified_rounding_decides_nothing() -> None:
    sizes = 1e-7 * 10 ** RANDOM.uniform(0, 7, size=(ROWS, 1))
    assert decided_rows(compared(SCORES + sizes, SCORES)) == 0
    outlier = 1e-7 + 1.0 * (np.arange(ROWS) == 5)[:, None]
    assert decided_rows(compared(SCORES + outlier, SCORES)) == 0
    assert decided_rows(compared(SCORES + 1.0, SCORES)) == 0
