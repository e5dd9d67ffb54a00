"""The encoders inside a scaler are found with the columns that reach them as they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from keras_consistency_cli.loading.tables.encoders import explain_refusal, find_text_columns, walk_encoders

ROWS = np.array([["Rome", 1, 2.5, "x"], ["Paris", 2, 3.5, "y"], [np.nan, 1, 4.5, "y"]], dtype=object)


@pytest.mark.parametrize(
    ("scaler", "rows", "columns"),
    [
        (OneHotEncoder(), ROWS[:, [0, 1]], (0,)),
        (OrdinalEncoder(), ROWS[:, [3]], (0,)),
        (ColumnTransformer([("n", StandardScaler(), [2]), ("c", OneHotEncoder(), [3, 1])]), ROWS, (3,)),
        (
            ColumnTransformer(
                [("c", make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder()), [0])],
                remainder="drop",
            ),
            ROWS,
            (0,),
        ),
        (StandardScaler(), ROWS[:, [2]], ()),
    ],
    ids=["texts and numbers", "ordinal", "selected", "imputed", "no encoder"],
)
def test_columns_of_texts_are_those_whose_categories_are_texts(
    scaler: Any, rows: np.ndarray, columns: tuple[int, ...]
) -> None:
    assert find_text_columns(scaler.fit(rows)) == columns


def test_a_column_that_another_step_changes_is_left_out() -> None:
    scaler = make_pipeline(StandardScaler(), OneHotEncoder()).fit(ROWS[:, [1]])
    assert list(walk_encoders(scaler)) == []


@pytest.mark.parametrize("as_frame", [True, False])
def test_new_categories_are_named_with_their_column(as_frame: bool) -> None:
    frame = pandas.DataFrame({"age": [1.0, 2.0], "city": ["Rome", "Bonn"]})
    scaler = ColumnTransformer([("n", StandardScaler(), [0]), ("c", OneHotEncoder(), [1])])
    fitted = scaler.fit(frame if as_frame else frame.to_numpy(dtype=object))
    new = frame.assign(city=["Oslo", "Bonn"])
    what, fix = explain_refusal(
        fitted,
        new if as_frame else new.to_numpy(dtype=object),
        ValueError("Found unknown categories ['Oslo'] in column 0 during transform"),
    )
    assert f"column '{'city' if as_frame else 1}' holds 'Oslo'" in what
    assert "handle_unknown" in fix


def test_another_refusal_keeps_its_words() -> None:
    what, fix = explain_refusal(StandardScaler(), np.zeros((2, 1)), ValueError("X has 3 features"))
    assert what == "X has 3 features"
    assert "data_state" in fix
