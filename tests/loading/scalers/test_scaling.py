"""Scaling: one scaler or preprocess function bound to an input."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, Normalizer, OneHotEncoder, StandardScaler
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.errors import DataError, UsageError
from keras_consistency_cli.loading.scalers.scaling import (
    CannotRefit,
    Scaling,
    import_function,
    split_function,
)
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
    np.testing.assert_allclose(scaling.refitted(few), type(scaler)().fit_transform(few))
    assert np.array_equal(scaling.apply(ROWS), before)


def test_a_single_row_refitted_becomes_zero() -> None:
    assert Scaling(input="x", scaler=StandardScaler().fit(ROWS)).refitted(ROWS[:1]).tolist() == [
        [0.0, 0.0, 0.0]
    ]


def test_refitting_that_makes_no_sense_is_reported(wording: SnapshotAssertion) -> None:
    with pytest.raises(CannotRefit) as function:
        Scaling(input="x", function=lambda rows: rows).refitted(ROWS)
    kinds = np.array([[0.0], [1.0], [2.0]])
    with pytest.raises(CannotRefit) as narrower:
        Scaling(input="x", scaler=OneHotEncoder(sparse_output=False).fit(kinds)).refitted(kinds[:1])
    assert [str(function.value), str(narrower.value)] == wording


def test_remembered_are_plain_numbers_of_every_part() -> None:
    found = Scaling(input="x", scaler=make_pipeline(StandardScaler()).fit(ROWS)).remembered()
    assert (found["kind"], found["features"], found["names"]) == ("Pipeline", 3, None)
    (part,) = found["parts"]
    assert part == {
        "kind": "StandardScaler",
        "mean": ROWS.mean(0).tolist(),
        "scale": pytest.approx(ROWS.std(0).tolist()),
        "var": pytest.approx(ROWS.var(0).tolist()),
        "rows": 40,
    }
    assert Scaling(input="x", function=np.asarray).remembered() == {"kind": "asarray"}


def test_columns_picked_by_name() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(ROWS, columns=["a", "b", "c"])
    scaling = Scaling(input="x", scaler=ColumnTransformer([("s", StandardScaler(), ["c", "a"])]).fit(frame))
    assert scaling.names == ("a", "b", "c")
    np.testing.assert_allclose(
        scaling.refitted(ROWS[:9]), StandardScaler().fit_transform(ROWS[:9][:, [2, 0]])
    )


def doubling(rows: np.ndarray) -> np.ndarray:
    return rows * 2


def halving_in_place(rows: np.ndarray) -> np.ndarray:
    rows /= 2
    return rows


def test_a_function_works_on_a_copy_and_is_found_out() -> None:
    rows = ROWS.copy()
    scaling = Scaling(input="x", function=halving_in_place)
    np.testing.assert_allclose(scaling.apply(rows), ROWS / 2)
    assert np.array_equal(rows, ROWS)
    assert scaling.mutates(rows)
    assert not Scaling(input="x", function=doubling).mutates(rows)
    assert not Scaling(input="x", scaler=StandardScaler().fit(ROWS)).mutates(rows)


def test_a_function_is_given_a_frame_where_columns_have_names() -> None:
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


def test_functions_are_imported_from_files_and_their_folder(
    tmp_path: Path, wording: SnapshotAssertion
) -> None:
    (tmp_path / "beside.py").write_text("FACTOR = 3\n")
    (tmp_path / "serve.py").write_text(
        "from beside import FACTOR\n\ndef prepare(rows):\n    return rows * FACTOR\n"
    )
    assert import_function(f"{tmp_path / 'serve.py'}:prepare")(2) == 6
    assert import_function("math:sqrt")(9.0) == 3.0
    with pytest.raises(UsageError) as refused:
        import_function(f"{tmp_path / 'serve.py'}:prepair")
    assert own_text(refused.value, tmp_path) == wording


@pytest.mark.parametrize(
    "text",
    ["serve.py", "serve.py:", "serve.py:a b", "/nowhere/serve.py:prepare"],
    ids=["file alone", "no name", "two words", "missing file"],
)
def test_a_text_that_names_no_function_is_refused(text: str, wording: SnapshotAssertion) -> None:
    with pytest.raises(UsageError) as refused:
        split_function(text)
    assert str(refused.value) == wording


def test_a_file_that_crashes_is_reported_in_one_line(tmp_path: Path, wording: SnapshotAssertion) -> None:
    (tmp_path / "serve.py").write_text("raise ValueError('no weights\\nhere')\n")
    with pytest.raises(UsageError) as refused:
        import_function(f"{tmp_path / 'serve.py'}:prepare")
    assert str(refused.value).replace(f"{tmp_path}/", "") == wording
