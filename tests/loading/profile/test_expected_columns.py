"""Expected columns: centre and spread of raw, scaled and twice scaled features."""

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
    measure_column_shares,
    read_expected_columns,
    read_expected_outcome,
)
from keras_consistency_cli.measurement.data_facts import ExpectedColumn

ROWS = np.random.default_rng(0).normal([50.0, -3.0], [10.0, 0.1], (400, 2))


def near(pair: tuple[float, float], by: float = 0.2) -> Any:
    return pytest.approx(pair, rel=by, abs=0.05)


@pytest.mark.parametrize(
    "scaler",
    [StandardScaler(), RobustScaler(), PowerTransformer(), QuantileTransformer(n_quantiles=100)],
    ids=str,
)
def test_centre_and_spread_are_those_of_the_rows(scaler: Any) -> None:
    first, second = read_expected_columns(scaler.fit(ROWS))
    assert (first.column, first.name, first.kind, second.column) == (0, "0", type(scaler).__name__, 1)
    assert (first.raw, second.raw) == (near((50.0, 10.0)), near((-3.0, 0.1)))


@pytest.mark.parametrize(
    "scaler", [StandardScaler(), MinMaxScaler(), MaxAbsScaler(), RobustScaler()], ids=str
)
def test_scaled_and_twice_scaled_columns_agree_with_the_scaler(scaler: Any) -> None:
    scaler.fit(ROWS)
    for at, column in enumerate(read_expected_columns(scaler)):
        points = np.zeros((2, 2))
        points[:, at] = column.raw[0], column.raw[0] + column.raw[1]
        for state in (column.scaled, column.twice):
            points = scaler.transform(points)
            assert state == pytest.approx((points[0, at], points[1, at] - points[0, at]))


def test_a_range_scaler_has_a_range() -> None:
    column = read_expected_columns(MinMaxScaler().fit(ROWS))[0]
    assert (column.low, column.high) == (ROWS[:, 0].min(), ROWS[:, 0].max())
    assert read_expected_columns(StandardScaler().fit(ROWS))[0].low is None


@pytest.mark.parametrize(
    "scaler", [StandardScaler(), MinMaxScaler(), QuantileTransformer(n_quantiles=10)], ids=str
)
def test_a_feature_that_never_varied_is_marked(scaler: Any) -> None:
    constant = np.column_stack([ROWS[:, 0], np.full(400, 7.0)])
    assert [column.constant for column in read_expected_columns(scaler.fit(constant))] == [False, True]


def test_columns_of_pipelines_and_column_transformers_keep_their_positions() -> None:
    wide = np.column_stack([ROWS, ROWS[:, 0] * 3])
    mixed = ColumnTransformer(
        [
            ("a", StandardScaler(), [2]),
            ("b", make_pipeline(SimpleImputer(), MinMaxScaler()), [1]),
            ("c", "drop", [0]),
        ]
    )
    columns = read_expected_columns(mixed.fit(wide), ("x", "y", "z"))
    assert [(column.column, column.name, column.kind) for column in columns] == [
        (1, "y", "MinMaxScaler"),
        (2, "z", "StandardScaler"),
    ]
    assert columns[1].raw == near((150.0, 30.0))
    assert [column.filled for column in columns] == [pytest.approx(ROWS[:, 1].mean()), None]


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
def test_unknown_columns_are_left_out(scaler: Any) -> None:
    assert read_expected_columns(scaler.fit(ROWS)) == ()


@pytest.mark.parametrize("step", [FunctionTransformer(), "passthrough", None], ids=str)
def test_a_step_that_changes_nothing_is_ignored(step: Any) -> None:
    scaler = StandardScaler()
    assert read_expected_columns(
        Pipeline([("before", step), ("scale", scaler)]).fit(ROWS)
    ) == read_expected_columns(scaler)


def test_shares_of_values_in_each_range() -> None:
    column = ExpectedColumn(
        column=0, name="a", kind="", raw=(50.0, 10.0), scaled=(0.0, 1.0), twice=(-5.0, 0.1)
    )
    assert measure_column_shares(column, np.array([50.0, 60.0, 3.0, 95.0])).within == (0.5, 0.25, 0.0)
    assert measure_column_shares(column, np.zeros(0)) == column


def test_the_outcome_of_a_pipeline_comes_from_its_last_step() -> None:
    bent = make_pipeline(FunctionTransformer(np.abs), MinMaxScaler()).fit(ROWS)
    assert read_expected_outcome(bent) == (pytest.approx((0.5, 0.25)), pytest.approx((0.5, 0.25)))
    assert (
        read_expected_outcome(make_pipeline(StandardScaler(), FunctionTransformer(np.tanh)).fit(ROWS)) == ()
    )
    assert read_expected_outcome(make_pipeline(PolynomialFeatures(), StandardScaler()).fit(ROWS)) == ()
    assert read_expected_outcome(StandardScaler().fit(ROWS)) == ()
