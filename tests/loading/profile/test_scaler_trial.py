"""A scaler of a different scikit-learn, tried: what is missing, and whether its numbers are right."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)

from keras_consistency_cli.loading.profile.scaler_trial import find_missing_attributes, gives_stored_numbers
from tests.corpus.reports_versions import old_transformer

ROWS = np.abs(np.random.default_rng(3).normal(2.0, 1.0, size=(60, 4)))
WHOLE = np.round(ROWS)
KNOWN: tuple[Any, ...] = (
    StandardScaler(),
    StandardScaler(with_mean=False),
    MinMaxScaler((-1, 1)),
    MaxAbsScaler(),
    RobustScaler(with_scaling=False),
    make_pipeline(StandardScaler(), MinMaxScaler()),
)


@pytest.mark.parametrize("scaler", KNOWN, ids=repr)
def test_numbers_follow_from_the_statistics(scaler: Any) -> None:
    scaler.fit(ROWS)
    assert gives_stored_numbers(scaler, ROWS) is True
    assert find_missing_attributes(scaler) == ()


@pytest.mark.parametrize("scaler", [PCA(2), PowerTransformer(), MinMaxScaler(clip=True)], ids=repr)
def test_without_a_formula_nothing_is_known(scaler: Any) -> None:
    assert gives_stored_numbers(scaler.fit(ROWS), ROWS) is None


def test_a_scaler_whose_numbers_changed_is_seen() -> None:
    class Doubling(StandardScaler):
        def transform(self, X: Any, copy: bool | None = None) -> Any:
            return 2 * super().transform(X, copy)

    scaler = Doubling().fit(ROWS)
    scaler.__class__.__name__ = "StandardScaler"
    assert gives_stored_numbers(scaler, ROWS) is False


@pytest.mark.parametrize(
    "scaler",
    [
        *(PCA(2), PowerTransformer(), QuantileTransformer(n_quantiles=50), OneHotEncoder()),
        *(KBinsDiscretizer(3, strategy="uniform"), make_pipeline(SimpleImputer(), StandardScaler())),
    ],
    ids=repr,
)
def test_nothing_is_missing_in_a_scaler_of_this_version(scaler: Any) -> None:
    assert find_missing_attributes(scaler.fit(WHOLE)) == ()


def test_an_old_transformer_has_no_idf() -> None:
    assert find_missing_attributes(old_transformer(WHOLE)) == ("TfidfTransformer.idf_",)
