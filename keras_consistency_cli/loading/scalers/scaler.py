"""Scalers from files: `scan_scaler` tells what a file asks for without running it, `build_scaler` makes the real estimator from its data."""

from __future__ import annotations

import importlib
import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from keras_consistency_cli.errors import DataError, KcheckError, RefusedError, UsageError
from keras_consistency_cli.loading.scalers.estimators import (
    UnfitError,
    check_fitted,
    feature_count,
    parts,
    rebuild,
)
from keras_consistency_cli.loading.scalers.inert_objects import (
    Contents,
    DamagedError,
    Instance,
    NotAllowedError,
    audit,
)
from keras_consistency_cli.loading.scalers.pickles import JOBLIB_ARRAY, read_pickle
from keras_consistency_cli.loading.scalers.scaler_bytes import ScalerBytes, read_scaler_bytes, unpack
from keras_consistency_cli.loading.scalers.skops_files import read_skops
from keras_consistency_cli.text import clean, shape_text

__all__ = ["ScalerFile", "build_scaler", "features_expected", "framed", "scan_scaler", "transform_rows"]

_EXPECTED = "a fitted scikit-learn scaler, imputer, encoder, PCA, or a Pipeline of them, saved with pickle, joblib or skops"
_SAVE_AGAIN = "save it again: joblib.dump(scaler, 'scaler.joblib') or skops.io.dump(scaler, 'scaler.skops')"
_TRUST = "where you trust who made the file, allow it with --trust-scaler: it may then run any code"

ScalerKind = Literal["pickle", "joblib", "skops"]


@dataclass(frozen=True, kw_only=True)
class ScalerFile:
    """What a scaler file says of itself.

    `estimator` is the class name of its top object, `sklearn_version` the scikit-learn that saved it (None where it does not say), `wants`
    every module.name that the file mentions, in the file's order.
    """

    path: str
    sha256: str
    kind: ScalerKind
    estimator: str
    sklearn_version: str | None
    wants: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class _Scan:
    file: ScalerFile
    raw: bytes
    top: Instance
    foreign: tuple[str, ...]


def scan_scaler(path: Path, *, trust: bool = False) -> ScalerFile:
    """Return what the file holds; nothing of it is executed or imported, and scikit-learn is not needed.

    Raises:
        UsageError: the file is missing, a directory or unreadable.
        RefusedError: it is damaged, or asks for something off the allow-list; the latter passes with `trust`.
    """
    with _told_of(path):
        return _scan(path, trust=trust).file


def build_scaler(path: Path, *, trust: bool = False) -> Any:
    """Return the real estimator, rebuilt from the file's data, never through pickle.

    Only with `trust`, and only where the file asks for something off the allow-list, it is unpickled and may run anything.

    Raises:
        UsageError: as `scan_scaler`.
        RefusedError: as `scan_scaler`; also where the scaler is not fitted, or its scale_ is zero or not finite.
    """
    with _told_of(path):
        scan = _scan(path, trust=trust)
        scaler = _unpickled(scan) if scan.foreign else _rebuilt(scan.top)
        check_fitted(scaler)
        return scaler


def features_expected(scaler: Any) -> tuple[int, tuple[str, ...] | None]:
    """Return how many features the scaler was fitted on, and their names (as the file has them) where it was fitted on named columns.

    Raises:
        RefusedError: the scaler does not know, because it was never fitted.
    """
    count = feature_count(scaler)
    if count is None:
        raise RefusedError(
            f"the scaler {clean(type(scaler).__name__)} does not know how many features it takes",
            fix="fit it and save it again",
        )
    names = getattr(scaler, "feature_names_in_", None)
    return count, None if names is None else tuple(str(name) for name in names)


def transform_rows(scaler: Any, rows: np.ndarray) -> np.ndarray:
    """Return the rows as the scaler transforms them; it is never fitted, and `rows` stays as it is.

    Args:
        scaler: what `build_scaler` returned.
        rows: (rows, features) or, with any number of axes between, (rows, ..., features).

    Returns:
        The same leading axes and the features that the scaler gives, in the precision that it gives them.

    Raises:
        DataError: rank or number of features do not fit, or the scaler refuses the values.
        RefusedError: the scaler crashed, as one saved by another scikit-learn may.
    """
    expected, names = features_expected(scaler)
    if rows.ndim < 2 or rows.shape[-1] != expected:
        given = f"{rows.shape[-1]} features" if rows.ndim else "no axis at all"
        raise DataError(
            f"the rows have shape {shape_text(rows.shape)}: {given} where the scaler was fitted on {expected}",
            expected=f"(rows, {expected}) or (rows, ..., {expected})",
            fix="give the rows as they were before scaling, with the columns that the scaler was fitted on, in the same order",
        )
    flat = np.array(rows, order="C", copy=True).reshape(-1, expected)
    scaled = _transformed(scaler, framed(scaler, flat, names))
    if scaled.ndim != 2 or len(scaled) != len(flat):
        raise RefusedError(
            f"the scaler turned rows of shape {flat.shape} into {scaled.shape}",
            expected="one row for each row",
        )
    return scaled.reshape(*rows.shape[:-1], scaled.shape[1])


def _scan(path: Path, *, trust: bool) -> _Scan:
    source = read_scaler_bytes(path)
    content, kept = unpack(source.raw)
    try:
        contents = read_skops(content, trust=trust) if kept == "zip" else read_pickle(content, trust=trust)
    except DamagedError as error:
        if _is_text(content):
            raise DamagedError("it is text, not a saved scaler") from error
        raise
    top = audit(contents.top, trust=trust)
    kind = _kind(contents, kept, path)
    return _Scan(
        file=_described(path, source, kind, contents, top), raw=source.raw, top=top, foreign=contents.foreign
    )


def _kind(contents: Contents, kept: str, path: Path) -> ScalerKind:
    if kept == "zip":
        return "skops"
    # without a large array, joblib writes what pickle writes: then only compression or the file's name tell them apart
    return (
        "joblib"
        if kept == "compressed" or str(JOBLIB_ARRAY) in contents.wants or path.suffix == ".joblib"
        else "pickle"
    )


def _described(
    path: Path, source: ScalerBytes, kind: ScalerKind, contents: Contents, top: Instance
) -> ScalerFile:
    version = (top.state or {}).get("_sklearn_version")
    return ScalerFile(
        path=str(path),
        sha256=source.sha256,
        kind=kind,
        estimator=clean(top.kind.name),
        sklearn_version=clean(version) if isinstance(version, str) else None,
        wants=tuple(clean(name) for name in contents.wants),
    )


def _is_text(content: bytes) -> bool:
    """Whether these are words rather than a cut pickle of protocol 0, which is text as well but begins in one of two ways."""
    beginning = content[:4096]
    return not beginning.startswith((b"ccopy_reg", b"(dp")) and not any(
        byte < 9 or 13 < byte < 32 or byte == 127 for byte in beginning
    )


@contextmanager
def _told_of(path: Path) -> Iterator[None]:
    """Turn what is wrong with a file into a refusal that names it."""
    try:
        yield
    except KcheckError:
        raise
    except NotAllowedError as error:
        fix = _TRUST if error.liftable else f"{_SAVE_AGAIN} (--trust-scaler does not lift this)"
        raise RefusedError(
            f"the scaler '{clean(path)}' asks for {clean(error)}, which kcheck does not run",
            expected=_EXPECTED,
            fix=fix,
        ) from error
    except UnfitError as error:
        fix = f"fit it on the training rows, then {_SAVE_AGAIN}"
        raise RefusedError(
            f"the scaler '{clean(path)}' cannot be used: {clean(error)}", expected=_EXPECTED, fix=fix
        ) from error
    except DamagedError as error:
        raise RefusedError(
            f"the scaler '{clean(path)}' cannot be read: {clean(error)}", expected=_EXPECTED, fix=_SAVE_AGAIN
        ) from error


def _rebuilt(top: Instance) -> Any:
    try:
        importlib.import_module("sklearn")
    except ImportError as error:
        raise UsageError(
            "a scaler needs scikit-learn, which is not installed", fix="pip install scikit-learn"
        ) from error
    return rebuild(top)


def _unpickled(scan: _Scan) -> Any:
    """Load a file that the user trusts, from the bytes that were scanned; versions are compared elsewhere, so the warning is dropped."""
    loader = "skops.io" if scan.file.kind == "skops" else "joblib"
    try:
        module = importlib.import_module(loader)
    except ImportError as error:
        raise UsageError(
            f"this scaler needs {loader}, which is not installed",
            fix=f"pip install {loader.partition('.')[0]}",
        ) from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if scan.file.kind == "skops":
                return module.loads(scan.raw, trusted=module.get_untrusted_types(data=scan.raw))
            return module.load(io.BytesIO(scan.raw))
    except Exception as error:  # a trusted file runs code of its own, which may fail in any way
        raise DamagedError(f"loading it failed with {type(error).__name__}: {error}") from error


def framed(scaler: Any, flat: np.ndarray, names: tuple[str, ...] | None) -> Any:
    """Return the rows under column names where the scaler picks columns by name, as a ColumnTransformer fitted on a DataFrame does."""
    if names is None or not any(type(part).__name__ == "ColumnTransformer" for part in parts(scaler)):
        return flat
    try:
        pandas = importlib.import_module("pandas")
    except ImportError as error:
        raise UsageError(
            "this scaler picks columns by name, which needs pandas", fix="pip install pandas"
        ) from error
    return pandas.DataFrame(flat, columns=list(names))


def _transformed(scaler: Any, rows: Any) -> np.ndarray:
    kind = clean(type(scaler).__name__)
    try:
        with warnings.catch_warnings():
            # rows come without names and may hold NaN: checks say so themselves
            warnings.simplefilter("ignore")
            result = scaler.transform(rows)
    except ValueError as error:
        fix = "give the rows as they were before scaling; where they are scaled already, say facts: {data_state: scaled}"
        raise DataError(f"the scaler {kind} refuses the rows: {clean(error)}", fix=fix) from error
    except Exception as error:  # a scaler from another scikit-learn lacks attributes and fails in any way
        raise RefusedError(
            f"the scaler {kind} fails to transform: {type(error).__name__}: {clean(error)}",
            fix="a scaler saved by another scikit-learn does this: install that version, or fit and save it again with this one",
        ) from error
    return np.asarray(result.toarray() if hasattr(result, "toarray") else result)
