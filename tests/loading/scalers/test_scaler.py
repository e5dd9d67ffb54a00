"""Scaler files: every estimator in every format transforms as before it was saved."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import skops.io
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.feature_selection import VarianceThreshold
from sklearn.impute import SimpleImputer
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import (
    Binarizer,
    FunctionTransformer,
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.errors import RefusedError, UsageError
from keras_consistency_cli.loading.scalers.fitted_scaler import get_expected_features, transform_rows
from keras_consistency_cli.loading.scalers.scaler import ScalerFile, build_scaler, scan_scaler
from tests.helpers.error_texts import own_text

NUMBERS = np.random.default_rng(0).normal(size=(30, 4)) * [1.0, 10.0, 0.01, 3.0] + [0.0, 5.0, 0.0, -2.0]
CODES = np.random.default_rng(1).integers(0, 3, size=(30, 4))
WORDS = np.array(["low", "high", "none"], dtype=object)[CODES]

SCALERS: dict[str, tuple[Callable[[], Any], np.ndarray]] = {
    "standard": (StandardScaler, NUMBERS),
    "standard-mean-only": (lambda: StandardScaler(with_std=False), NUMBERS),
    "min-max": (lambda: MinMaxScaler(feature_range=(-1, 1), clip=True), NUMBERS),
    "max-abs": (MaxAbsScaler, NUMBERS),
    "robust": (lambda: RobustScaler(quantile_range=(10.0, 90.0)), NUMBERS),
    "normalizer": (Normalizer, NUMBERS),
    "power": (PowerTransformer, NUMBERS),
    "quantile": (lambda: QuantileTransformer(n_quantiles=10, output_distribution="normal"), NUMBERS),
    "binarizer": (lambda: Binarizer(threshold=0.5), NUMBERS),
    "imputer": (
        lambda: SimpleImputer(strategy="median", add_indicator=True),
        np.where(NUMBERS > 2, np.nan, NUMBERS),
    ),
    "one-hot-numbers": (OneHotEncoder, CODES),
    "one-hot-infrequent": (
        lambda: OneHotEncoder(min_frequency=12, handle_unknown="infrequent_if_exist"),
        CODES,
    ),
    "one-hot-words": (lambda: OneHotEncoder(sparse_output=False, dtype=np.float32), WORDS),
    "one-hot-fixed-words": (OneHotEncoder, WORDS.astype("U4")),
    "ordinal": (lambda: OrdinalEncoder(dtype=np.int32), CODES),
    "bins": (lambda: KBinsDiscretizer(4, encode="ordinal"), NUMBERS),
    "bins-one-hot": (
        lambda: KBinsDiscretizer([3, 4, 5, 2], encode="onehot-dense", strategy="kmeans"),
        NUMBERS,
    ),
    "bins-sparse": (lambda: KBinsDiscretizer(3, strategy="uniform"), NUMBERS),
    "polynomial": (lambda: PolynomialFeatures(3, interaction_only=True), NUMBERS),
    "polynomial-scaled": (
        lambda: Pipeline([("p", PolynomialFeatures((1, 2), include_bias=False)), ("s", StandardScaler())]),
        NUMBERS,
    ),
    "variance": (lambda: VarianceThreshold(0.5), NUMBERS),
    "no-function": (FunctionTransformer, NUMBERS),
    "function": (lambda: FunctionTransformer(np.arcsinh), NUMBERS),
    "function-with-numbers": (
        lambda: FunctionTransformer(np.nan_to_num, kw_args={"nan": -1.0, "copy": True}),
        NUMBERS,
    ),
    "logarithms": (
        lambda: Pipeline(
            [
                ("size", FunctionTransformer(np.abs)),
                ("log", FunctionTransformer(np.log1p, np.expm1, validate=True)),
                ("scale", StandardScaler()),
            ]
        ),
        NUMBERS,
    ),
    "pca": (lambda: PCA(2, whiten=True), NUMBERS),
    "pipeline": (
        lambda: Pipeline(
            [("skip", "passthrough"), ("scale", StandardScaler()), ("pca", PCA(3))], verbose=False
        ),
        NUMBERS,
    ),
    "union": (lambda: FeatureUnion([("scale", StandardScaler()), ("pca", PCA(2))], n_jobs=1), NUMBERS),
    "columns": (
        lambda: ColumnTransformer(
            [("a", StandardScaler(), [0, 1]), ("b", "passthrough", slice(2, 3)), ("none", PCA(), [])],
            remainder=MinMaxScaler(),
        ),
        NUMBERS,
    ),
}
COMPRESSIONS = (0, "zlib", "gzip", "bz2", "xz", "lzma")


def dense(result: Any) -> np.ndarray:
    return np.asarray(result.toarray() if hasattr(result, "toarray") else result)


def assert_transforms_alike(path: Path, scaler: Any, rows: np.ndarray) -> None:
    expected = dense(scaler.transform(rows.copy()))
    result = transform_rows(build_scaler(path), rows)
    assert (result.dtype, result.shape, result.tobytes()) == (
        expected.dtype,
        expected.shape,
        expected.tobytes(),
    )


@pytest.fixture(params=SCALERS)
def fitted(request: pytest.FixtureRequest) -> tuple[Any, np.ndarray]:
    make, rows = SCALERS[request.param]
    return make().fit(rows), rows


@pytest.mark.parametrize("protocol", range(6))
def test_every_estimator_comes_back_from_pickle(
    tmp_path: Path, fitted: tuple[Any, np.ndarray], protocol: int
) -> None:
    path = tmp_path / "scaler.pkl"
    path.write_bytes(pickle.dumps(fitted[0], protocol))
    assert scan_scaler(path).kind == "pickle"
    assert_transforms_alike(path, *fitted)


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_every_estimator_comes_back_from_joblib(
    tmp_path: Path, fitted: tuple[Any, np.ndarray], compression: Any
) -> None:
    path = tmp_path / "scaler.joblib"
    for protocol in range(6):
        joblib.dump(fitted[0], path, compress=(compression, 3) if compression else 0, protocol=protocol)
        assert scan_scaler(path).kind == "joblib"
        assert_transforms_alike(path, *fitted)


def test_every_estimator_comes_back_from_skops(tmp_path: Path, fitted: tuple[Any, np.ndarray]) -> None:
    path = tmp_path / "scaler.skops"
    skops.io.dump(fitted[0], path)
    assert scan_scaler(path).kind == "skops"
    assert_transforms_alike(path, *fitted)


def test_scan_describes_the_file(tmp_path: Path) -> None:
    import hashlib

    import sklearn

    path = tmp_path / "scaler.pkl"
    path.write_bytes(pickle.dumps(PCA(2).fit(NUMBERS), 4))
    assert scan_scaler(path) == ScalerFile(
        path=str(path),
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        kind="pickle",
        estimator="PCA",
        sklearn_version=sklearn.__version__,
        wants=(
            "sklearn.decomposition._pca.PCA",
            "numpy._core.multiarray._reconstruct",
            "numpy.ndarray",
            "numpy.dtype",
            "numpy._core.multiarray.scalar",
        ),
    )


def test_scan_needs_neither_scikit_learn_nor_joblib_nor_skops(tmp_path: Path) -> None:
    joblib.dump(StandardScaler().fit(NUMBERS), tmp_path / "a.joblib", compress=3)
    skops.io.dump(StandardScaler().fit(NUMBERS), tmp_path / "b.skops")
    program = (
        "import sys; from pathlib import Path;"
        "from keras_consistency_cli.loading.scalers.scaler import scan_scaler;"
        "names = [scan_scaler(Path(path)).estimator for path in sys.argv[1:]];"
        "heavy = ('sklearn', 'joblib', 'skops', 'scipy', 'pandas');"
        "print(names, [module for module in heavy if module in sys.modules])"
    )
    files = [str(tmp_path / "a.joblib"), str(tmp_path / "b.skops")]
    done = subprocess.run([sys.executable, "-c", program, *files], capture_output=True, text=True, check=True)
    assert done.stdout == "['StandardScaler', 'StandardScaler'] []\n"


def test_settings_that_cache_fork_or_print_are_neutralised(tmp_path: Path) -> None:
    path = tmp_path / "scaler.pkl"
    union = FeatureUnion([("scale", StandardScaler())], n_jobs=4, verbose=True)
    path.write_bytes(
        pickle.dumps(Pipeline([("union", union)], memory=str(tmp_path / "cache"), verbose=True).fit(NUMBERS))
    )
    built = build_scaler(path)
    inner = built.steps[0][1]
    assert (built.memory, built.verbose, inner.n_jobs, inner.verbose) == (None, False, None, False)


# --- files that cannot be used


@pytest.mark.parametrize(
    "name",
    ["missing.pkl", ".", "x" * 300, "nul\0.pkl"],
    ids=["missing", "directory", "long name", "zero byte in the name"],
)
def test_a_file_that_cannot_be_read_is_a_usage_error(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch, wording: SnapshotAssertion
) -> None:
    monkeypatch.chdir(tmp_path)  # a long message is cut, so the length of a folder's name would show
    with pytest.raises(UsageError) as refused:
        scan_scaler(Path(name))
    assert own_text(refused.value, tmp_path) == wording


@pytest.mark.parametrize("trust", [False, True])
def test_several_scalers_in_one_file_are_unusable_and_the_fix_takes_one_out(
    tmp_path: Path, trust: bool, wording: SnapshotAssertion
) -> None:
    path = tmp_path / "scalers.pkl"
    scalers = {"rows": 60, "x": StandardScaler().fit(NUMBERS), "y": MinMaxScaler().fit(NUMBERS)}
    path.write_bytes(pickle.dumps(scalers))
    with pytest.raises(RefusedError) as refused:
        scan_scaler(path, trust=trust)
    assert refused.value.cause == "scaler-unusable"
    assert own_text(refused.value, tmp_path) == wording


def test_an_unlisted_function_needs_trust_and_is_named(tmp_path: Path, wording: SnapshotAssertion) -> None:
    path = tmp_path / "scaler.joblib"
    joblib.dump(FunctionTransformer(np.real).fit(NUMBERS), path)
    with pytest.raises(RefusedError) as refused:
        scan_scaler(path)
    assert "numpy.real" in refused.value.what
    assert own_text(refused.value, tmp_path) == wording
    assert scan_scaler(path, trust=True).wants == (
        "sklearn.preprocessing._function_transformer.FunctionTransformer",
        "numpy.real",
    )
    np.testing.assert_array_equal(
        transform_rows(build_scaler(path, trust=True), abs(NUMBERS)), np.real(abs(NUMBERS))
    )


def test_trust_works_for_skops_too(tmp_path: Path) -> None:
    path = tmp_path / "scaler.skops"
    skops.io.dump(Pipeline([("log", FunctionTransformer(np.real))]).fit(NUMBERS), path)
    with pytest.raises(RefusedError) as refused:
        build_scaler(path)
    assert "numpy.real" in refused.value.what
    np.testing.assert_array_equal(
        transform_rows(build_scaler(path, trust=True), abs(NUMBERS)), np.real(abs(NUMBERS))
    )


def test_trust_does_not_unpickle_what_needs_no_trust(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "scaler.joblib"
    joblib.dump(StandardScaler().fit(NUMBERS), path)
    monkeypatch.setattr(joblib, "load", None)
    assert_transforms_alike(path, StandardScaler().fit(NUMBERS), NUMBERS)
    assert get_expected_features(build_scaler(path, trust=True)) == (4, None)


def test_a_trusted_file_that_fails_is_refused(tmp_path: Path, wording: SnapshotAssertion) -> None:
    path = tmp_path / "scaler.pkl"
    path.write_bytes(b"cno_such_module\nThing\n(tR.")
    with pytest.raises(RefusedError) as refused:
        build_scaler(path, trust=True)
    assert own_text(refused.value, tmp_path) == wording
