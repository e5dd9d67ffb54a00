"""Unfitted estimators, and those with impossible numbers, are refused by part and attribute."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.impute import SimpleImputer
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import (
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.errors import RefusedError
from keras_consistency_cli.loading.scalers import estimators
from keras_consistency_cli.loading.scalers.estimators import (
    UnfitError,
    check_fitted,
    count_features,
    walk_parts,
)
from keras_consistency_cli.loading.scalers.inert_objects import DamagedError, NotAllowedError
from keras_consistency_cli.loading.scalers.scaler import build_scaler, scan_scaler
from tests.helpers.error_texts import own_text

ROWS = np.random.default_rng(0).normal(size=(20, 3))


def changed(scaler: Any, **state: Any) -> Any:
    scaler.fit(ROWS)
    scaler.__dict__.update(state)
    return scaler


def with_inner(**state: Any) -> Pipeline:
    pipeline = Pipeline([("scale", StandardScaler()), ("pca", PCA(2))]).fit(ROWS)
    pipeline.steps[0][1].__dict__.update(state)
    return pipeline


BAD: dict[str, Callable[[], Any]] = {
    "unfitted": StandardScaler,
    "unfitted, learns nothing": Normalizer,
    "unfitted encoder": OneHotEncoder,
    "unfitted quantiles": QuantileTransformer,
    "unfitted imputer": SimpleImputer,
    "unfitted pipeline": lambda: Pipeline([("pca", PCA(2))]),
    "unfitted union": lambda: FeatureUnion([("pca", PCA(2))]),
    "unfitted columns": lambda: ColumnTransformer([("pca", PCA(2), [0])]),
    "zero scale": lambda: changed(StandardScaler(), scale_=np.array([1.0, 0.0, 2.0])),
    "zero scale inside": lambda: with_inner(scale_=np.zeros(3)),
    "scale next to zero": lambda: changed(StandardScaler(), scale_=np.array([1.0, 2.0, 5e-324])),
    "feature count is a word": lambda: changed(StandardScaler(), n_features_in_="3"),
    "NaN scale": lambda: changed(RobustScaler(), scale_=np.array([1.0, np.nan, 2.0])),
    "infinite mean": lambda: changed(StandardScaler(), mean_=np.array([np.inf, 0, 0])),
    "NaN components": lambda: changed(PCA(2), components_=np.full((2, 3), np.nan)),
    "words as scale": lambda: changed(MinMaxScaler(), scale_=np.array(["a", "b", "c"])),
    "too few means": lambda: changed(StandardScaler(), mean_=np.zeros(2)),
    "wrong rank": lambda: changed(StandardScaler(), scale_=np.ones((3, 3))),
    "a number as scale": lambda: changed(StandardScaler(), scale_=2.0),
    "inner scaler of a power transform": lambda: changed(
        PowerTransformer(), _scaler=changed(StandardScaler(), scale_=np.zeros(3))
    ),
    "steps are a number": lambda: changed(FeatureUnion([("scale", StandardScaler())]), transformer_list=5),
    "a step is a number": lambda: changed(
        FeatureUnion([("scale", StandardScaler())]), transformer_list=[("a", 5)]
    ),
    "last step is a number": lambda: changed(Pipeline([("scale", StandardScaler())]), steps=[("a", 5)]),
    "only the feature count, a word": lambda: changed(Normalizer(), n_features_in_="3"),
}
DAMAGED = {"feature count is a word", "wrong rank", "a number as scale", "steps are a number"}


@pytest.mark.parametrize("case", BAD)
def test_an_unusable_scaler_is_refused_by_part_and_attribute(
    tmp_path: Path, case: str, wording: SnapshotAssertion
) -> None:
    path = tmp_path / "scaler.pkl"
    path.write_bytes(pickle.dumps(BAD[case]()))
    scan_scaler(path)
    with pytest.raises(RefusedError) as refused:
        build_scaler(path)
    assert refused.value.exit_code == 1
    cause = refused.value.__cause__
    assert type(cause) is (DamagedError if case in DAMAGED else UnfitError)
    assert own_text(cause) == wording


def test_a_state_may_not_hide_what_its_class_defines(tmp_path: Path, wording: SnapshotAssertion) -> None:
    path = tmp_path / "scaler.pkl"
    path.write_bytes(pickle.dumps(changed(StandardScaler(), _parameter_constraints={})))
    with pytest.raises(RefusedError) as refused:
        build_scaler(path)
    assert isinstance(refused.value.__cause__, NotAllowedError)
    assert own_text(refused.value, tmp_path) == wording


def test_an_imputer_may_remember_features_without_any_value(tmp_path: Path) -> None:
    rows = ROWS.copy()
    rows[:, 1] = np.nan
    path = tmp_path / "scaler.pkl"
    path.write_bytes(pickle.dumps(SimpleImputer().fit(rows)))
    assert np.isnan(build_scaler(path).statistics_).tolist() == [False, True, False]


def test_parts_are_the_fitted_ones_outermost_first() -> None:
    columns = ColumnTransformer(
        [("a", Pipeline([("s", StandardScaler()), ("p", PCA(1))]), [0, 1]), ("none", MinMaxScaler(), [])]
    ).fit(ROWS)
    assert [type(part).__name__ for part in walk_parts(columns)] == [
        "ColumnTransformer",
        "Pipeline",
        "StandardScaler",
        "PCA",
    ]
    check_fitted(columns)


def test_the_feature_count_comes_from_the_first_real_step() -> None:
    assert count_features(Pipeline([("skip", "passthrough"), ("scale", StandardScaler().fit(ROWS))])) == 3
    assert count_features(Pipeline([("skip", "passthrough")])) is None


def test_a_file_cannot_nest_estimators_without_end(
    monkeypatch: pytest.MonkeyPatch, wording: SnapshotAssertion
) -> None:
    scaler: Any = StandardScaler().fit(ROWS)
    for _ in range(30):
        scaler = FeatureUnion([("a", scaler), ("b", scaler)])
    with pytest.raises(NotAllowedError) as refused:
        list(walk_parts(scaler))
    assert not refused.value.liftable
    assert str(refused.value) == wording
    monkeypatch.setattr(estimators, "_MAX_PARTS", 5)
    with pytest.raises(NotAllowedError) as refused:
        check_fitted(scaler)
    assert str(refused.value) == wording


@pytest.mark.parametrize("depth", [100, 5000])
def test_a_deep_chain_is_refused(tmp_path: Path, depth: int, wording: SnapshotAssertion) -> None:
    path = tmp_path / "scaler.pkl"
    one = b"csklearn.pipeline\nPipeline\n)\x81"
    path.write_bytes(b"\x80\x02" + (one + b"}S'steps'\n") * depth + b"N" + b"sb" * depth + b".")
    with pytest.raises(RefusedError) as refused:
        build_scaler(path)
    assert str(refused.value.__cause__) == wording


def test_values_that_grow_when_written_out_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wording: SnapshotAssertion
) -> None:
    monkeypatch.setattr(estimators, "_MAX_WRITTEN_OUT", 1000)
    path = tmp_path / "scaler.pkl"
    norm: Any = ("l2",)
    for _ in range(12):
        norm = (norm, norm)
    path.write_bytes(pickle.dumps(changed(Normalizer(), norm=norm)))
    with pytest.raises(RefusedError) as refused:
        build_scaler(path)
    assert str(refused.value.__cause__) == wording
