"""Omissions: each step is left out once, and the fitted scaler stays as it is."""

from __future__ import annotations

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from keras_consistency_cli.loading.scalers.missing_steps import lacking

ROWS = np.random.default_rng(0).lognormal(2, 1, (60, 3))


def test_each_step_is_left_out_once_and_by_name() -> None:
    whole = Pipeline(
        [("log", FunctionTransformer(np.log1p)), ("idle", "passthrough"), ("scale", StandardScaler())]
    ).fit(ROWS)
    right = whole.transform(ROWS)
    found = {name: np.asarray(rest.transform(ROWS)) for name, rest in lacking(whole)}
    assert list(found) == ["log", "scale"]
    assert np.array_equal(found["log"], whole[-1].transform(ROWS))
    assert np.array_equal(found["scale"], np.log1p(ROWS))
    assert np.array_equal(whole.transform(ROWS), right)


def test_a_step_within_a_branch_is_left_out_of_that_branch_alone() -> None:
    inner = make_pipeline(SimpleImputer(), make_pipeline(FunctionTransformer(np.sqrt), StandardScaler()))
    whole = ColumnTransformer([("root", inner, [2]), ("plain", StandardScaler(), [0, 1])]).fit(ROWS)
    right = whole.transform(ROWS)
    found = {name: np.asarray(rest.transform(ROWS)) for name, rest in lacking(whole)}
    assert list(found) == ["simpleimputer", "pipeline", "functiontransformer", "standardscaler"]
    assert np.array_equal(found["standardscaler"][:, 0], np.sqrt(ROWS[:, 2]))
    assert all(np.array_equal(rows[:, 1:], right[:, 1:]) for rows in found.values())
    assert np.array_equal(whole.transform(ROWS), right)


def test_what_has_no_steps_lacks_none() -> None:
    assert list(lacking(StandardScaler().fit(ROWS))) == []
    assert list(lacking(make_pipeline(StandardScaler()).fit(ROWS))) == []
