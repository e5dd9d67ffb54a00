"""Drift told from noise: seeded simulations of short, heavy-tailed, skewed and coarse features, many at once, still and moved."""

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
from keras_consistency_cli.loading.profile.drift import drift_facts
from keras_consistency_cli.loading.profile.statistics import Statistics
from keras_consistency_cli.measurement.facts import DataFacts
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
REMEMBERING: dict[str, Callable[[], Any] | None] = {
    "reference": None,
    "standard": StandardScaler,
    "range": MinMaxScaler,
    "robust": RobustScaler,
    "quantile": QuantileTransformer,
}
FEATURES = 60
pytestmark = pytest.mark.filterwarnings("ignore:n_quantiles:UserWarning")


def told(rows: np.ndarray, trained: np.ndarray, remembering: str) -> Verdict:
    """What KC702 says of these rows, against reference rows or what a scaler fitted on them remembers."""
    mine = Statistics.of(rows, np.arange(len(rows)))
    known = DataFacts(raw=(mine.facts("x"),), fed=(mine.facts("x"),))
    make = REMEMBERING[remembering]
    if make is not None:
        known = replace(known, scaling=scaling_fact(make().fit(trained), rows))
        return examined(CHECK, replace(known, drift=drift_facts(known, {"x": mine}, {})))
    theirs = Statistics.of(trained, np.arange(len(trained)))
    known = replace(known, reference=(theirs.facts("x"),))
    return examined(CHECK, replace(known, drift=drift_facts(known, {"x": mine}, {"x": theirs})))


@pytest.mark.parametrize("remembering", REMEMBERING)
@pytest.mark.parametrize("noise", NOISE)
def test_rows_of_the_same_kind_never_alarm(noise: str, remembering: str) -> None:
    for seed, (trained, rows) in enumerate([(25, 25), (200, 200), (2000, 25), (8, 8), (60, 1000)]):
        random = np.random.default_rng(seed)
        verdict = told(
            NOISE[noise](random, (rows, FEATURES)), NOISE[noise](random, (trained, FEATURES)), remembering
        )
        # Where every feature is constant in what the scaler keeps, there is nothing to hold rows against.
        assert verdict.status in (Status.PASS, Status.SKIP), (trained, rows, verdict.message)


@pytest.mark.parametrize(
    ("noise", "remembering", "trained", "rows", "change"),
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
    noise: str, remembering: str, trained: int, rows: int, change: Any
) -> None:
    random = np.random.default_rng(7)
    given, fitted = (NOISE[noise](random, (length, FEATURES)) for length in (rows, trained))
    given[:, 17] = change(given[:, 17])
    verdict = told(given, fitted, remembering)
    assert (verdict.status, list(verdict.findings["moved"])) == (Status.WARN, ["17"]), verdict.message


GAPPY = np.where(
    np.random.default_rng(1).random((600, 2)) < [0.1, 0.0],
    np.nan,
    np.random.default_rng(2).normal([50.0, -3.0], [9.0, 1.0], (600, 2)),
)


def fillers(rows: np.ndarray, scaler: Any) -> list[float | None]:
    """Which number each feature of these rows holds where GAPPY misses values, the pipeline being fitted on that."""
    mine, theirs = (Statistics.of(each, np.arange(len(each))) for each in (rows, GAPPY))
    known = DataFacts(raw=(mine.facts("x"),), reference=(theirs.facts("x"),))
    if scaler is not None:
        known = replace(known, scaling=scaling_fact(scaler.fit(GAPPY), rows))
    return [fact.filler for fact in drift_facts(known, {"x": mine}, {"x": theirs})]


def filled(value: float, share: float = 0.1) -> np.ndarray:
    random = np.random.default_rng(4)
    rows = random.normal([50.0, -3.0], [9.0, 1.0], (300, 2))
    rows[random.random(300) < share, 0] = value
    return rows


def test_a_number_that_takes_the_place_of_gaps_is_known() -> None:
    imputing = make_pipeline(SimpleImputer(), StandardScaler())
    assert fillers(filled(0.0), imputing) == [0.0, None]
    assert fillers(filled(-999.0, share=0.06), imputing) == [-999.0, None]


def test_a_number_that_other_numbers_come_more_often_than_is_found() -> None:
    rows = filled(0.0)
    rows[rows[:, 0] > 45, 0] = 45.0
    reference = np.where(GAPPY > 45, 45.0, GAPPY)
    mine, theirs = (Statistics.of(each, np.arange(len(each))) for each in (rows, reference))
    scaling = scaling_fact(make_pipeline(SimpleImputer(), StandardScaler()).fit(reference), rows)
    known = DataFacts(raw=(mine.facts("x"),), reference=(theirs.facts("x"),), scaling=scaling)
    assert next(iter(drift_facts(known, {"x": mine}, {"x": theirs}))).filler == 0.0


def test_numbers_that_come_too_rarely_too_often_or_rightly_are_none() -> None:
    imputing = make_pipeline(SimpleImputer(), StandardScaler())
    assert fillers(filled(0.0, share=0.005), imputing) == [None, None]
    assert fillers(filled(0.0, share=0.6), imputing) == [None, None]
    assert fillers(filled(float(np.nanmean(GAPPY[:, 0]))), imputing) == [None, None]
    assert fillers(filled(np.nan), imputing) == [None, None]


def test_without_a_known_imputer_no_number_is_out_of_place() -> None:
    assert fillers(filled(0.0), None) == [None, None]
    assert fillers(filled(0.0), StandardScaler()) == [None, None]
    assert fillers(
        filled(0.0), make_pipeline(SimpleImputer(strategy="constant", fill_value=0.0), StandardScaler())
    ) == [None, None]
