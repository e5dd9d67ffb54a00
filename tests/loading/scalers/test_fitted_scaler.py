"""Fitted scalers say what they expect, and transform rows of any rank without changing them."""

from __future__ import annotations

import sys
from pathlib import Path

import joblib
import numpy as np
import pytest
import skops.io
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.decomposition import PCA
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    StandardScaler,
)
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.errors import DataError, RefusedError, UsageError
from keras_consistency_cli.loading.scalers.fitted_scaler import (
    get_expected_features,
    names_to_select,
    transform_rows,
)
from keras_consistency_cli.loading.scalers.scaler import build_scaler
from tests.helpers.error_texts import own_text

NUMBERS = np.random.default_rng(0).normal(size=(30, 4)) * [1.0, 10.0, 0.01, 3.0] + [0.0, 5.0, 0.0, -2.0]


def test_a_scaler_says_how_many_features_and_their_names(wording: SnapshotAssertion) -> None:
    scaler = StandardScaler().fit(NUMBERS)
    assert get_expected_features(scaler) == (4, None)
    scaler.feature_names_in_ = np.array(["a", "b", "c", "d"], dtype=object)
    assert get_expected_features(scaler) == (4, ("a", "b", "c", "d"))
    assert get_expected_features(Pipeline([("skip", None), ("scale", scaler)])) == (4, None)
    with pytest.raises(RefusedError) as refused:
        get_expected_features(StandardScaler())
    assert str(refused.value) == wording


@pytest.mark.parametrize("shape", [(6, 4), (6, 5, 4), (2, 3, 5, 4)])
def test_rows_of_any_rank_are_scaled_feature_by_feature(shape: tuple[int, ...]) -> None:
    rows = np.random.default_rng(2).normal(size=shape)
    kept = rows.copy()
    scaler = StandardScaler(copy=False).fit(NUMBERS.copy())
    result = transform_rows(scaler, rows)
    np.testing.assert_array_equal(result, (rows - scaler.mean_) / scaler.scale_)
    assert result.dtype == np.float64
    np.testing.assert_array_equal(rows, kept)


def test_order_and_byte_order_of_the_rows_do_not_matter() -> None:
    scaler = PCA(3).fit(NUMBERS)
    expected = transform_rows(scaler, NUMBERS)
    assert transform_rows(scaler, np.asfortranarray(NUMBERS)).tobytes() == expected.tobytes()
    np.testing.assert_array_equal(transform_rows(scaler, NUMBERS.astype(">f8")), expected)


def test_a_scaler_may_change_the_number_of_features() -> None:
    rows = NUMBERS.reshape(15, 2, 4)
    assert transform_rows(PCA(2).fit(NUMBERS), rows).shape == (15, 2, 2)


@pytest.mark.parametrize(
    "shape", [(5, 3), (5, 2, 3), (4,), ()], ids=["rows", "series", "one axis", "no axis"]
)
def test_rows_that_do_not_fit_are_refused_with_both_numbers(
    shape: tuple[int, ...], wording: SnapshotAssertion
) -> None:
    with pytest.raises(DataError) as refused:
        transform_rows(StandardScaler().fit(NUMBERS), np.zeros(shape))
    assert str(shape) in refused.value.what
    assert str(refused.value) == wording


def test_values_that_the_scaler_refuses_are_a_data_error(wording: SnapshotAssertion) -> None:
    with pytest.raises(DataError) as refused:
        transform_rows(PCA(2).fit(NUMBERS), np.full((3, 4), np.nan))
    assert "NaN" in refused.value.what
    assert own_text(refused.value) == wording


def test_a_scaler_with_a_missing_attribute_is_refused(wording: SnapshotAssertion) -> None:
    scaler = MinMaxScaler().fit(NUMBERS)
    del scaler.clip
    with pytest.raises(RefusedError) as refused:
        transform_rows(scaler, NUMBERS)
    assert own_text(refused.value) == wording


def test_a_scaler_that_loses_rows_is_refused(wording: SnapshotAssertion) -> None:
    scaler = FunctionTransformer(lambda rows: rows[:2]).fit(NUMBERS)
    with pytest.raises(RefusedError) as refused:
        transform_rows(scaler, NUMBERS)
    assert str(refused.value) == wording


def test_selecting_columns_by_name_without_pandas_says_so(
    monkeypatch: pytest.MonkeyPatch, wording: SnapshotAssertion
) -> None:
    scaler = ColumnTransformer([("a", StandardScaler(), [0])]).fit(NUMBERS)
    scaler.feature_names_in_ = np.array(["a", "b", "c", "d"], dtype=object)
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(UsageError) as refused:
        transform_rows(scaler, NUMBERS)
    assert str(refused.value) == wording


def test_selecting_columns_by_name_works_with_pandas(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(NUMBERS, columns=["a", "b", "c", "d"])
    scaler = ColumnTransformer(
        [
            ("x", StandardScaler(), ["b", "d"]),
            ("y", MinMaxScaler(), make_column_selector(dtype_include=np.number, pattern="a")),
        ],
        remainder="passthrough",
    ).fit(frame)
    for name, save in (("s.pkl", joblib.dump), ("s.joblib", joblib.dump), ("s.skops", skops.io.dump)):
        save(scaler, tmp_path / name)
        built = build_scaler(tmp_path / name)
        assert get_expected_features(built) == (4, ("a", "b", "c", "d"))
        np.testing.assert_array_equal(transform_rows(built, NUMBERS), np.asarray(scaler.transform(frame)))


def test_texts_reach_an_encoder_and_a_named_selection_in_any_order(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"age": [1.0, 2.0, 3.0], "town": ["Rome", None, "Paris"]})
    scaler = ColumnTransformer(
        [("n", StandardScaler(), ["age"]), ("t", OneHotEncoder(handle_unknown="ignore"), ["town"])]
    ).fit(frame)
    codes = np.array([[1.0, 1.0], [2.0, np.nan], [3.0, 0.0]])
    expected = np.asarray(scaler.transform(frame))
    np.testing.assert_array_equal(transform_rows(scaler, codes, {1: ("Paris", "Rome")}), expected)
    joblib.dump(Pipeline([("select", scaler), ("scale", StandardScaler().fit(expected))]), tmp_path / "p.pkl")
    assert names_to_select(build_scaler(tmp_path / "p.pkl")) == ("age", "town")


def test_a_scaler_that_goes_by_places_selects_nothing_by_name() -> None:
    pandas = pytest.importorskip("pandas")
    assert names_to_select(StandardScaler().fit(pandas.DataFrame(NUMBERS, columns=list("abcd")))) == ()
    assert names_to_select(ColumnTransformer([("a", StandardScaler(), [0])]).fit(NUMBERS)) == ()


def test_texts_reach_an_encoder_that_was_fitted_without_names() -> None:
    encoder = OrdinalEncoder().fit(np.array([["Rome", "x"], ["Paris", "y"]], dtype=object))
    codes = np.array([[1.0, 0.0], [0.0, 1.0]])
    assert transform_rows(encoder, codes, {0: ("Paris", "Rome"), 1: ("x", "y")}).tolist() == [[1, 0], [0, 1]]


def test_texts_in_a_column_that_the_scaler_takes_as_numbers_are_named(wording: SnapshotAssertion) -> None:
    """A line of totals, among numbers that are texts as well then."""
    rows = np.column_stack([NUMBERS[:, 0], [*range(len(NUMBERS) - 1), 60.0]])
    words = {1: (*(f"{place}.5" for place in range(60)), "Total")}
    with pytest.raises(DataError) as refused:
        transform_rows(StandardScaler().fit(rows), rows, words)
    assert str(refused.value) == wording


def test_a_text_that_an_encoder_refuses_is_not_a_wrong_number() -> None:
    encoder = OrdinalEncoder().fit(np.array([["Rome"], ["Paris"]], dtype=object))
    with pytest.raises(DataError) as refused:
        transform_rows(encoder, np.array([[0.0], [1.0]]), {0: ("Oslo", "Rome")})
    assert "takes numbers" not in refused.value.what
