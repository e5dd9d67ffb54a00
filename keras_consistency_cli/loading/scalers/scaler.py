"""Scalers from files.

`scan_scaler` describes a file, and `build_scaler` builds the real estimator from its data. Neither unpickles
anything. Only a file with names off the allow-list is unpickled, and only if the user trusts it.
"""

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

from keras_consistency_cli.errors import KcheckError, RefusedError, UsageError
from keras_consistency_cli.loading.scalers.allow_list import audit
from keras_consistency_cli.loading.scalers.estimators import UnfitError, check_fitted, rebuild
from keras_consistency_cli.loading.scalers.inert_objects import (
    Contents,
    DamagedError,
    Instance,
    NotAllowedError,
    NotOneScalerError,
    Pending,
)
from keras_consistency_cli.loading.scalers.pickle_stack import JOBLIB_ARRAY
from keras_consistency_cli.loading.scalers.pickles import read_pickle
from keras_consistency_cli.loading.scalers.scaler_bytes import (
    Packing,
    ScalerBytes,
    read_scaler_bytes,
    unpack,
)
from keras_consistency_cli.loading.scalers.skops_files import read_skops
from keras_consistency_cli.text import clean

__all__ = ["ScalerFile", "build_scaler", "scan_scaler", "stored_columns"]

_EXPECTED = (
    "a fitted scikit-learn scaler, imputer, encoder, PCA, or a Pipeline of them, "
    "saved with pickle, joblib or skops"
)
_SAVE_AGAIN = "save it again: joblib.dump(scaler, 'scaler.joblib') or skops.io.dump(scaler, 'scaler.skops')"
_TRUST = "if you trust the author of the file, allow it with --trust-scaler: the file may then run any code"
_NOT_LIFTED = f"{_SAVE_AGAIN} (--trust-scaler does not allow this)"

ScalerKind = Literal["pickle", "joblib", "skops"]


@dataclass(frozen=True, kw_only=True)
class ScalerFile:
    """The description of a scaler file.

    `estimator` is the class name of its top object, `sklearn_version` the scikit-learn that saved it (None if
    the file does not say), `wants` every module.name in the file, in the file's order.
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
    """Describe a scaler file.

    Nothing in it is executed or imported, and scikit-learn is not needed.

    Raises:
        UsageError: the file is missing, a directory or unreadable.
        RefusedError: it is damaged, or asks for something off the allow-list; the latter passes with `trust`.
    """
    with _refusing(path):
        return _scan(path, trust=trust).file


def build_scaler(path: Path, *, trust: bool = False) -> Any:
    """Return the real estimator, built from the file's data and never through pickle.

    Only with `trust`, and only if the file asks for something off the allow-list, it is unpickled and may
    run anything.

    Raises:
        UsageError: as `scan_scaler`.
        RefusedError: as `scan_scaler`; also if the scaler is not fitted, or its scale_ is zero or not finite.
    """
    with _refusing(path):
        scan = _scan(path, trust=trust)
        scaler = _unpickle(scan) if scan.foreign else _rebuild(scan.top)
        check_fitted(scaler)
        return scaler


def stored_columns(path: Path) -> tuple[str, ...]:
    """Return the names of the columns that a scaler was fitted with, in order; empty if it has none.

    Raises:
        UsageError: as `scan_scaler`.
        RefusedError: as `scan_scaler`.
    """
    with _refusing(path):
        names = (_scan(path, trust=False).top.state or {}).get("feature_names_in_")
    values = names.value if isinstance(names, Pending) else names
    return tuple(map(str, values)) if isinstance(values, np.ndarray) and values.ndim == 1 else ()


def _scan(path: Path, *, trust: bool) -> _Scan:
    source = read_scaler_bytes(path)
    content, packing = unpack(source.raw)
    try:
        read = read_skops if packing == "zip" else read_pickle
        contents = read(content, trust=trust)
    except DamagedError as error:
        if _is_text(content):
            raise DamagedError("it is text, not a saved scaler") from error
        raise
    top = audit(contents.top, trust=trust)
    file = _describe(path, source, _find_kind(contents, packing, path), contents, top)
    return _Scan(file=file, raw=source.raw, top=top, foreign=contents.foreign)


def _find_kind(contents: Contents, packing: Packing, path: Path) -> ScalerKind:
    """The library that saved the file.

    Without a large array, joblib writes the same bytes as pickle. Then only compression or the file's name
    show the difference.
    """
    if packing == "zip":
        return "skops"
    is_joblib = packing == "compressed" or str(JOBLIB_ARRAY) in contents.wants or path.suffix == ".joblib"
    return "joblib" if is_joblib else "pickle"


def _describe(
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
    """Whether this is text, but not a pickle of protocol 0, which is text as well."""
    beginning = content[:4096]
    is_pickle = beginning.startswith((b"ccopy_reg", b"(dp"))
    return not is_pickle and not any(byte < 9 or 13 < byte < 32 or byte == 127 for byte in beginning)


@contextmanager
def _refusing(path: Path) -> Iterator[None]:
    """Turn every fault of a file into a refusal that names the file."""
    name = clean(path)
    try:
        yield
    except KcheckError:
        raise
    except NotOneScalerError as error:
        what = f"the scaler '{name}' holds {clean(error)}"
        load = f"joblib.dump(joblib.load('{name}'){clean(error.place)}, 'scaler.joblib')"
        fix = f"save one of them alone: {load}; --target-scaler takes the one of the target"
        fix = fix if error.place else _SAVE_AGAIN
        raise RefusedError(what, expected=_EXPECTED, fix=fix, cause="scaler-unusable") from error
    except NotAllowedError as error:
        what = f"the scaler '{name}' asks for {clean(error)}, which kcheck does not run"
        fix = _TRUST if error.liftable else _NOT_LIFTED
        raise RefusedError(what, expected=_EXPECTED, fix=fix, cause="code-in-scaler") from error
    except UnfitError as error:
        what, fix = (
            f"the scaler '{name}' cannot be used: {clean(error)}",
            f"fit it on the training rows, then {_SAVE_AGAIN}",
        )
        raise RefusedError(what, expected=_EXPECTED, fix=fix, cause="scaler-unusable") from error
    except DamagedError as error:
        what = f"the scaler '{name}' cannot be read: {clean(error)}"
        raise RefusedError(what, expected=_EXPECTED, fix=_SAVE_AGAIN, cause="scaler-unusable") from error


def _rebuild(top: Instance) -> Any:
    try:
        importlib.import_module("sklearn")
    except ImportError as error:
        raise UsageError(
            "a scaler needs scikit-learn, which is not installed", fix="pip install scikit-learn"
        ) from error
    return rebuild(top)


def _unpickle(scan: _Scan) -> Any:
    """Load a file that the user trusts, from the bytes that were scanned."""
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
            # A check compares the versions of scikit-learn, so its warning is dropped here.
            warnings.simplefilter("ignore")
            if scan.file.kind == "skops":
                return module.loads(scan.raw, trusted=module.get_untrusted_types(data=scan.raw))
            return module.load(io.BytesIO(scan.raw))
    except Exception as error:  # a trusted file runs code of its own, which may fail in any way
        raise DamagedError(f"loading it failed with {type(error).__name__}: {error}") from error
