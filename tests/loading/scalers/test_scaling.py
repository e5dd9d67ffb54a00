"""Scaling: one scaler or preprocess function, bound to an input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    StandardScaler,
)
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.errors import DataError
from keras_consistency_cli.loading.scalers.scaling import CannotRefit, Scaling, drop_each_step
from tests.helpers.error_texts import own_text

ROWS = np.random.default_rng(0).normal(5.0, 3.0, (40, 3))


def test_apply_scales_per_feature_and_leaves_the_rows_alone() -> None:
    scaling, rows = Scaling(input="x", scaler=StandardScaler().fit(ROWS)), ROWS.reshape(10, 4, 3).copy()
    expected = ((ROWS - ROWS.mean(0)) / ROWS.std(0)).reshape(10, 4, 3)
    np.testing.assert_allclose(scaling.apply(rows), expected)
    assert np.array_equal(rows, ROWS.reshape(10, 4, 3))
    assert (scaling.kind, scaling.names) == ("StandardScaler", None)


@pytest.mark.parametrize(
    "scaler", [StandardScaler(), MinMaxScaler(), Normalizer()], ids=lambda scaler: type(scaler).__name__
)
def test_refitted_is_fit_transform_and_leaves_the_scaler_alone(scaler: object) -> None:
    scaling, few = Scaling(input="x", scaler=scaler.fit(ROWS)), ROWS[:7] * 2  # type: ignore[attr-defined]
    before = scaling.apply(ROWS)
    np.testing.assert_allclose(scaling.refit_transform(few), type(scaler)().fit_transform(few))
    assert np.array_equal(scaling.apply(ROWS), before)


def test_a_single_row_refitted_becomes_zero() -> None:
    assert Scaling(input="x", scaler=StandardScaler().fit(ROWS)).refit_transform(ROWS[:1]).tolist() == [
        [0.0, 0.0, 0.0]
    ]


def test_refitting_that_makes_no_sense_is_reported(wording: SnapshotAssertion) -> None:
    with pytest.raises(CannotRefit) as function:
        Scaling(input="x", function=lambda rows: rows).refit_transform(ROWS)
    kinds = np.array([[0.0], [1.0], [2.0]])
    with pytest.raises(CannotRefit) as narrower:
        Scaling(input="x", scaler=OneHotEncoder(sparse_output=False).fit(kinds)).refit_transform(kinds[:1])
    assert [str(function.value), str(narrower.value)] == wording


def test_statistics_are_plain_numbers_of_every_part() -> None:
    statistics = Scaling(input="x", scaler=make_pipeline(StandardScaler()).fit(ROWS)).describe_statistics()
    assert (statistics["kind"], statistics["features"], statistics["names"]) == ("Pipeline", 3, None)
    (part,) = statistics["parts"]
    assert part == {
        "kind": "StandardScaler",
        "mean": ROWS.mean(0).tolist(),
        "scale": pytest.approx(ROWS.std(0).tolist()),
        "var": pytest.approx(ROWS.var(0).tolist()),
        "rows": 40,
    }
    assert Scaling(input="x", function=np.asarray).describe_statistics() == {"kind": "asarray"}


def test_columns_are_selected_by_name() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(ROWS, columns=["a", "b", "c"])
    scaling = Scaling(input="x", scaler=ColumnTransformer([("s", StandardScaler(), ["c", "a"])]).fit(frame))
    assert scaling.names == ("a", "b", "c")
    np.testing.assert_allclose(
        scaling.refit_transform(ROWS[:9]), StandardScaler().fit_transform(ROWS[:9][:, [2, 0]])
    )


def doubling(rows: np.ndarray) -> np.ndarray:
    return rows * 2


def halving_in_place(rows: np.ndarray) -> np.ndarray:
    rows /= 2
    return rows


def test_a_function_gets_a_copy_and_its_changes_are_detected() -> None:
    rows = ROWS.copy()
    scaling = Scaling(input="x", function=halving_in_place)
    np.testing.assert_allclose(scaling.apply(rows), ROWS / 2)
    assert np.array_equal(rows, ROWS)
    assert scaling.mutates(rows)
    assert not Scaling(input="x", function=doubling).mutates(rows)
    assert not Scaling(input="x", scaler=StandardScaler().fit(ROWS)).mutates(rows)


def test_a_function_gets_a_frame_if_columns_have_names() -> None:
    pytest.importorskip("pandas")
    scaling = Scaling(input="x", function=lambda frame: frame[["b", "a"]], columns=("a", "b", "c"))
    assert np.array_equal(scaling.apply(ROWS), ROWS[:, [1, 0]])


@pytest.mark.parametrize(
    "function",
    [lambda rows: rows[:-1], lambda rows: np.array([None] * len(rows)), lambda rows: 1 / 0],
    ids=["a row missing", "objects", "crash"],
)
def test_a_function_that_returns_no_rows_is_refused(function: Any, wording: SnapshotAssertion) -> None:
    with pytest.raises(DataError) as refused:
        Scaling(input="x", function=function).apply(ROWS)
    assert own_text(refused.value) == wording


# --- pipelines without one step

SKEWED = np.random.default_rng(0).lognormal(2, 1, (60, 3))


def test_each_step_is_dropped_once_and_by_name() -> None:
    whole = Pipeline(
        [("log", FunctionTransformer(np.log1p)), ("idle", "passthrough"), ("scale", StandardScaler())]
    ).fit(SKEWED)
    complete = whole.transform(SKEWED)
    transformed = {name: np.asarray(rest.transform(SKEWED)) for name, rest in drop_each_step(whole)}
    assert list(transformed) == ["log", "scale"]
    assert np.array_equal(transformed["log"], whole[-1].transform(SKEWED))
    assert np.array_equal(transformed["scale"], np.log1p(SKEWED))
    assert np.array_equal(whole.transform(SKEWED), complete)


def test_a_step_within_a_branch_is_dropped_from_that_branch_only() -> None:
    inner = make_pipeline(SimpleImputer(), make_pipeline(FunctionTransformer(np.sqrt), StandardScaler()))
    whole = ColumnTransformer([("root", inner, [2]), ("plain", StandardScaler(), [0, 1])]).fit(SKEWED)
    complete = whole.transform(SKEWED)
    transformed = {name: np.asarray(rest.transform(SKEWED)) for name, rest in drop_each_step(whole)}
    assert list(transformed) == ["simpleimputer", "pipeline", "functiontransformer", "standardscaler"]
    assert np.array_equal(transformed["standardscaler"][:, 0], np.sqrt(SKEWED[:, 2]))
    assert all(np.array_equal(rows[:, 1:], complete[:, 1:]) for rows in transformed.values())
    assert np.array_equal(whole.transform(SKEWED), complete)


def test_a_scaler_without_steps_gives_nothing() -> None:
    assert list(drop_each_step(StandardScaler().fit(SKEWED))) == []
    assert list(drop_each_step(make_pipeline(StandardScaler()).fit(SKEWED))) == []


TOWNS = Scaling(
    input="x",
    function=lambda frame: frame.assign(town=frame["town"].map({"Rome": 1.0, "Paris": 2.0})).to_numpy(float),
    columns=("age", "town"),
    words={"town": ("Paris", "Rome")},
)


def test_a_function_gets_the_texts_of_a_table() -> None:
    pytest.importorskip("pandas")
    assert TOWNS.apply(np.array([[30.0, 1.0], [40.0, 0.0]])).tolist() == [[30.0, 1.0], [40.0, 2.0]]
    assert not TOWNS.mutates(np.array([[30.0, 1.0]]))


def test_fewer_bits_do_not_change_codes_of_texts() -> None:
    narrow = TOWNS.narrow(np.array([[0.1, 4097.0]]), np.float16)
    assert narrow.tolist() == [[float(np.float16(0.1)), 4097.0]]
    assert Scaling(input="x").narrow(ROWS, np.float16).dtype == np.float16
