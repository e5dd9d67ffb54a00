"""A scaler of a different version of scikit-learn, tried: is anything missing, and are the numbers the same?

An estimator from a file has the attributes that its version of fit() set. If this version sets one more, its
transform() may leave a step out without an error: a TfidfTransformer of 1.4 answers without its idf in 1.9.
`scripts/scaler_versions.py` measures which estimators that concerns.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from keras_consistency_cli.loading.scalers.estimators import walk_parts
from keras_consistency_cli.text import clean

__all__ = ["find_missing_attributes", "gives_stored_numbers"]

_ROWS = 40
_CONTAINERS = frozenset({"Pipeline", "FeatureUnion", "ColumnTransformer"})
_SAME = 1e-6
"""As a share of the largest output; scalers that were fitted in float32 compute in it."""


def find_missing_attributes(scaler: Any) -> tuple[str, ...]:
    """Return what fit() of this version sets and a part of the scaler has not, as "TfidfTransformer.idf_"."""
    missing = []
    for part in walk_parts(scaler):
        kind = type(part)
        if kind.__name__ not in _CONTAINERS and kind.__module__.startswith("sklearn."):
            missing += [f"{clean(kind.__name__)}.{clean(name)}" for name in _missing_in(part)]
    return tuple(dict.fromkeys(missing))


def _missing_in(part: Any) -> Iterator[str]:
    features = getattr(part, "n_features_in_", 0)
    rows = np.abs(np.random.default_rng(0).normal(size=(_ROWS, features)))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fresh = _copy_unfitted(part).fit(rows)
    except Exception:  # such an estimator cannot be fitted on numbers; nothing is known then
        return
    fitted = {name for name in vars(fresh) if name.endswith("_") and not name.startswith("_")}
    yield from sorted(fitted - set(vars(part)))


def _copy_unfitted(part: Any) -> Any:
    """Return an estimator with the same arguments; those that its version did not have are the defaults."""
    arguments = type(part)().get_params(deep=False)
    return type(part)(**{name: vars(part).get(name, default) for name, default in arguments.items()})


def gives_stored_numbers(scaler: Any, rows: np.ndarray) -> bool | None:
    """Whether the scaler gives what follows from its stored statistics; None if kcheck knows no formula.

    Args:
        scaler: a fitted estimator.
        rows: some rows, (rows, features).
    """
    wanted = _compute(scaler, rows.astype(np.float64))
    if wanted is None:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = np.asarray(scaler.transform(rows), dtype=np.float64)
    if found.shape != wanted.shape:
        return False
    largest = np.nanmax(np.abs(wanted), initial=0.0)
    return bool(np.nanmax(np.abs(found - wanted), initial=0.0) <= _SAME * largest)


def _compute(scaler: Any, rows: np.ndarray) -> np.ndarray | None:
    """The numbers that follow from the statistics, without the code of scikit-learn."""
    kind, state = type(scaler).__name__, vars(scaler)
    if kind == "Pipeline":
        values: np.ndarray | None = rows
        for _, step in scaler.steps:
            values = None if values is None else _compute(step, values)
        return values
    if kind == "MinMaxScaler" and not state.get("clip"):
        return np.asarray(rows * state["scale_"] + state["min_"])
    if kind == "MaxAbsScaler" and not state.get("clip"):
        return np.asarray(rows / state["scale_"])
    if kind in ("StandardScaler", "RobustScaler"):
        centre, scale = state.get("mean_" if kind == "StandardScaler" else "center_"), state.get("scale_")
        is_moved = centre is not None and _is_used(state, "with_mean", "with_centering")
        moved = rows - centre if is_moved else rows
        return moved if scale is None or not _is_used(state, "with_std", "with_scaling") else moved / scale
    return None


def _is_used(state: dict[str, Any], *arguments: str) -> bool:
    return all(state.get(argument, True) for argument in arguments)
