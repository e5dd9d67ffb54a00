"""The encoders inside a scaler are found with the columns that reach them as they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from keras_consistency_cli.loading.tables.encoders import find_text_columns, walk_encoders

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
