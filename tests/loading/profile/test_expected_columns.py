"""Expectations: what a scaler remembers, told as centre and spread of raw features, scaled ones, and twice scaled ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)

from keras_consistency_cli.loading.profile.expected_columns import (
    expected_columns,
    expected_outcome,
    with_shares,
)
from keras_consistency_cli.measurement.facts import ExpectedColumn

ROWS = np.random.default_rng(0).normal([50.0, -3.0], [10.0, 0.1], (400, 2))


def near(pair: tuple[float, float], by: float = 0.2) -> Any:
    return pytest.approx(pair, rel=by, abs=0.05)


@pytest.mark.parametrize(
    "scaler",
    [StandardScaler(), RobustScaler(), PowerTransformer(), QuantileTransformer(n_quantiles=100)],
    ids=str,
)
def test_centre_and_spread_are_those_of_the_rows(scaler: Any) -> None:
    first, second = expected_columns(scaler.fit(ROWS))
    assert (first.column, first.name, first.kind, second.column) == (0, "0", type(scaler).__name__, 1)
    assert (first.raw, second.raw) == (near((50.0, 10.0)), near((-3.0, 0.1)))


@pytest.mark.parametrize(
    "scaler", [StandardScaler(), MinMaxScaler(), MaxAbsScaler(), RobustScaler()], ids=str
)
def test_scaled_and_scaled_twice_are_what_the_scaler_makes_of_it(scaler: Any) -> None:
    scaler.fit(ROWS)
    for at, found in enumerate(expected_columns(scaler)):
        points = np.zeros((2, 2))
        points[:, at] = found.raw[0], found.raw[0] + found.raw[1]
        for state in (found.scaled, found.twice):
            points = scaler.transform(points)
            assert state == pytest.approx((points[0, at], points[1, at] - points[0, at]))


def test_a_range_is_remembered() -> None:
    found = expected_columns(MinMaxScaler().fit(ROWS))[0]
    assert (found.low, found.high) == (ROWS[:, 0].min(), ROWS[:, 0].max())
    assert expected_columns(StandardScaler().fit(ROWS))[0].low is None


@pytest.mark.parametrize(
    "scaler", [StandardScaler(), MinMaxScaler(), QuantileTransformer(n_quantiles=10)], ids=str
)
def test_a_feature_that_never_varied_is_marked(scaler: Any) -> None:
    constant = np.column_stack([ROWS[:, 0], np.full(400, 7.0)])
    assert [each.constant for each in expected_columns(scaler.fit(constant))] == [False, True]


def test_columns_of_a_pipeline_and_of_a_column_transformer_keep_their_places() -> None:
    wide = np.column_stack([ROWS, ROWS[:, 0] * 3])
    mixed = ColumnTransformer(
        [
            ("a", StandardScaler(), [2]),
            ("b", make_pipeline(SimpleImputer(), MinMaxScaler()), [1]),
            ("c", "drop", [0]),
        ]
    )
    found = expected_columns(mixed.fit(wide), ("x", "y", "z"))
    assert [(each.column, each.name, each.kind) for each in found] == [
        (1, "y", "MinMaxScaler"),
        (2, "z", "StandardScaler"),
    ]
    assert found[1].raw == near((150.0, 30.0))
    assert [each.filled for each in found] == [pytest.approx(ROWS[:, 1].mean()), None]


@pytest.mark.parametrize(
    "scaler",
    [
        Normalizer(),
        make_pipeline(StandardScaler(), MinMaxScaler()),
        StandardScaler(with_mean=False, with_std=False),
        PowerTransformer(standardize=False),
        make_pipeline(FunctionTransformer(np.rad2deg), StandardScaler()),
        make_pipeline(StandardScaler(), FunctionTransformer(np.tanh)),
        make_pipeline(SimpleImputer(strategy="constant", fill_value=-999.0), StandardScaler()),
        ColumnTransformer(
            [
                (
                    "log",
                    make_pipeline(FunctionTransformer(np.abs), FunctionTransformer(np.log1p), MinMaxScaler()),
                    [0, 1],
                )
            ]
        ),
    ],
)
def test_nothing_is_made_up(scaler: Any) -> None:
    assert expected_columns(scaler.fit(ROWS)) == ()


@pytest.mark.parametrize("step", [FunctionTransformer(), "passthrough", None], ids=str)
def test_a_step_that_changes_nothing_hides_nothing(step: Any) -> None:
    scaler = StandardScaler()
    assert expected_columns(Pipeline([("before", step), ("scale", scaler)]).fit(ROWS)) == expected_columns(
        scaler
    )


def test_shares_of_values_where_they_would_be() -> None:
    found = ExpectedColumn(
        column=0, name="a", kind="", raw=(50.0, 10.0), scaled=(0.0, 1.0), twice=(-5.0, 0.1)
    )
    assert with_shares(found, np.array([50.0, 60.0, 3.0, 95.0])).within == (0.5, 0.25, 0.0)
    assert with_shares(found, np.zeros(0)) == found


def test_the_outcome_of_a_pipeline_is_that_of_its_last_step() -> None:
    bent = make_pipeline(FunctionTransformer(np.abs), MinMaxScaler()).fit(ROWS)
    assert expected_outcome(bent) == (pytest.approx((0.5, 0.25)), pytest.approx((0.5, 0.25)))
    assert expected_outcome(make_pipeline(StandardScaler(), FunctionTransformer(np.tanh)).fit(ROWS)) == ()
    assert expected_outcome(make_pipeline(PolynomialFeatures(), StandardScaler()).fit(ROWS)) == ()
    assert expected_outcome(StandardScaler().fit(ROWS)) == ()
