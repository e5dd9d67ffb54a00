"""Drift is distinguished from noise in seeded simulations of features, unchanged and moved.

They are short, heavy-tailed, skewed or coarse, and there are many at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, QuantileTransformer, RobustScaler, StandardScaler

from keras_consistency_cli.checks.rules.kc702_distribution_shift import CHECK
from keras_consistency_cli.checks.verdict import Status, Verdict
from keras_consistency_cli.loading.profile.drift import measure_drift
from keras_consistency_cli.loading.profile.statistics import Statistics
from keras_consistency_cli.measurement.data_facts import DataFacts
from tests.helpers.described import examined, scaling_fact

Draw = Callable[[np.random.Generator, tuple[int, int]], np.ndarray]

NOISE: dict[str, Draw] = {
    "normal": lambda random, shape: random.normal(size=shape),
    "heavy tails": lambda random, shape: random.standard_t(2, shape),
    "heavier tails": lambda random, shape: random.standard_cauchy(shape),
    "skewed": lambda random, shape: random.lognormal(0.0, 1.5, shape),
    "flags": lambda random, shape: random.integers(0, 2, shape).astype(float),
    "rare flags": lambda random, shape: (random.random(shape) < 0.05).astype(float),
    "two humps": lambda random, shape: random.normal(size=shape) * 0.1 + 10.0 * random.integers(0, 2, shape),
    "counts": lambda random, shape: random.poisson(0.7, shape).astype(float),
}
REFERENCES: dict[str, Callable[[], Any] | None] = {
    "reference": None,
    "standard": StandardScaler,
    "range": MinMaxScaler,
    "robust": RobustScaler,
    "quantile": QuantileTransformer,
}
FEATURES = 60
pytestmark = pytest.mark.filterwarnings("ignore:n_quantiles:UserWarning")


def judge(rows: np.ndarray, trained: np.ndarray, reference_kind: str) -> Verdict:
    """Return the verdict of KC702, with training rows as reference rows or as the statistics of a scaler."""
    candidate = Statistics.of(rows, np.arange(len(rows)))
    facts = DataFacts(raw=(candidate.describe("x"),), fed=(candidate.describe("x"),))
    make = REFERENCES[reference_kind]
    if make is not None:
        facts = replace(facts, scaling=scaling_fact(make().fit(trained), rows))
        return examined(CHECK, replace(facts, drift=measure_drift(facts, {"x": candidate}, {})))
    reference = Statistics.of(trained, np.arange(len(trained)))
    facts = replace(facts, reference=(reference.describe("x"),))
    return examined(CHECK, replace(facts, drift=measure_drift(facts, {"x": candidate}, {"x": reference})))


@pytest.mark.parametrize("reference_kind", REFERENCES)
@pytest.mark.parametrize("noise", NOISE)
def test_rows_of_the_same_kind_raise_no_alarm(noise: str, reference_kind: str) -> None:
    for seed, (trained, rows) in enumerate([(25, 25), (200, 200), (2000, 25), (8, 8), (60, 1000)]):
        random = np.random.default_rng(seed)
        verdict = judge(
            NOISE[noise](random, (rows, FEATURES)), NOISE[noise](random, (trained, FEATURES)), reference_kind
        )
        # If every feature is constant in the scaler's statistics, there is nothing to compare rows with.
        assert verdict.status in (Status.PASS, Status.SKIP), (trained, rows, verdict.message)


@pytest.mark.parametrize(
    ("noise", "reference_kind", "trained", "rows", "change"),
    [
        ("normal", "reference", 25, 25, lambda values: values + 2.5),
        ("normal", "reference", 200, 200, lambda values: values + 0.8),
        ("normal", "reference", 200, 200, lambda values: 3.0 * values),
        ("normal", "standard", 200, 100, lambda values: values + 1.0),
        ("normal", "range", 200, 100, lambda values: values + 2.0),
        ("normal", "robust", 200, 200, lambda values: values + 1.5),
        ("normal", "quantile", 200, 100, lambda values: values + 1.5),
        ("heavy tails", "reference", 200, 200, lambda values: values + 2.0),
        ("heavy tails", "robust", 200, 200, lambda values: values + 3.0),
        ("skewed", "reference", 25, 25, lambda values: 100.0 * values),
        ("flags", "reference", 200, 200, np.zeros_like),
    ],
)
def test_one_feature_that_moves_is_found_among_many(
    noise: str, reference_kind: str, trained: int, rows: int, change: Any
) -> None:
    random = np.random.default_rng(7)
    changed, fitted = (NOISE[noise](random, (length, FEATURES)) for length in (rows, trained))
    changed[:, 17] = change(changed[:, 17])
    verdict = judge(changed, fitted, reference_kind)
    assert (verdict.status, list(verdict.findings["moved"])) == (Status.WARN, ["17"]), verdict.message


GAPPY = np.where(
    np.random.default_rng(1).random((600, 2)) < [0.1, 0.0],
    np.nan,
    np.random.default_rng(2).normal([50.0, -3.0], [9.0, 1.0], (600, 2)),
)


def fillers(rows: np.ndarray, scaler: Any) -> list[float | None]:
    """Return the filler of each feature, for a pipeline that was fitted on GAPPY."""
    candidate, reference = (Statistics.of(sample, np.arange(len(sample))) for sample in (rows, GAPPY))
    facts = DataFacts(raw=(candidate.describe("x"),), reference=(reference.describe("x"),))
    if scaler is not None:
        facts = replace(facts, scaling=scaling_fact(scaler.fit(GAPPY), rows))
    return [fact.filler for fact in measure_drift(facts, {"x": candidate}, {"x": reference})]


def filled(value: float, share: float = 0.1) -> np.ndarray:
    random = np.random.default_rng(4)
    rows = random.normal([50.0, -3.0], [9.0, 1.0], (300, 2))
    rows[random.random(300) < share, 0] = value
    return rows


def test_a_number_in_the_place_of_gaps_is_found() -> None:
    imputing = make_pipeline(SimpleImputer(), StandardScaler())
    assert fillers(filled(0.0), imputing) == [0.0, None]
    assert fillers(filled(-999.0, share=0.06), imputing) == [-999.0, None]


def test_a_filler_is_found_next_to_more_frequent_numbers() -> None:
    rows = filled(0.0)
    rows[rows[:, 0] > 45, 0] = 45.0
    trained = np.where(GAPPY > 45, 45.0, GAPPY)
    candidate, reference = (Statistics.of(sample, np.arange(len(sample))) for sample in (rows, trained))
    scaling = scaling_fact(make_pipeline(SimpleImputer(), StandardScaler()).fit(trained), rows)
    facts = DataFacts(raw=(candidate.describe("x"),), reference=(reference.describe("x"),), scaling=scaling)
    assert next(iter(measure_drift(facts, {"x": candidate}, {"x": reference}))).filler == 0.0


def test_numbers_that_are_too_rare_too_frequent_or_correct_are_no_fillers() -> None:
    imputing = make_pipeline(SimpleImputer(), StandardScaler())
    assert fillers(filled(0.0, share=0.005), imputing) == [None, None]
    assert fillers(filled(0.0, share=0.6), imputing) == [None, None]
    assert fillers(filled(float(np.nanmean(GAPPY[:, 0]))), imputing) == [None, None]
    assert fillers(filled(np.nan), imputing) == [None, None]


def test_without_a_known_imputer_there_are_no_fillers() -> None:
    assert fillers(filled(0.0), None) == [None, None]
    assert fillers(filled(0.0), StandardScaler()) == [None, None]
    assert fillers(
        filled(0.0), make_pipeline(SimpleImputer(strategy="constant", fill_value=0.0), StandardScaler())
    ) == [None, None]


@pytest.mark.parametrize("shares", [(0.4, 0.3, 0.2, 0.1), (0.1, 0.2, 0.3, 0.4)], ids=["same", "other"])
def test_texts_drift_by_their_shares_and_have_no_mean(shares: tuple[float, ...]) -> None:
    random = np.random.default_rng(5)
    trained = random.choice(4, (900, 1), p=(0.4, 0.3, 0.2, 0.1)).astype(float)
    measured = Statistics.of(random.choice(4, (400, 1), p=shares).astype(float), np.arange(400))
    reference = Statistics.of(trained, np.arange(900))
    facts = DataFacts(
        raw=(measured.describe("x", ("town",)),),
        fed=(measured.describe("x", ("town",)),),
        reference=(reference.describe("x", ("town",)),),
    )
    (drift,) = measure_drift(facts, {"x": measured}, {"x": reference}, {"town"})
    assert (drift.is_text, drift.shift, drift.outside) == (True, 0.0, None)
    verdict = examined(CHECK, replace(facts, drift=(drift,)))
    assert verdict.status is (Status.PASS if shares[0] == 0.4 else Status.WARN)
    assert "mean" not in verdict.message
