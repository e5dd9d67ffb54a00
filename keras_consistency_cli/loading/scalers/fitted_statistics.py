"""What a fitted scaler remembers of its training rows, read off the estimator as plain numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from keras_consistency_cli.loading.scalers.estimators import parts
from keras_consistency_cli.loading.scalers.scaler import features_expected
from keras_consistency_cli.text import clean

__all__ = ["scaler_statistics"]

_STATISTICS = {
    "mean": "mean_",
    "scale": "scale_",
    "var": "var_",
    "min": "data_min_",
    "max": "data_max_",
    "max_abs": "max_abs_",
    "center": "center_",
    "lambdas": "lambdas_",
    "statistics": "statistics_",
    "quantiles": "quantiles_",
}


def scaler_statistics(scaler: Any) -> dict[str, Any]:
    """Return kind, number of features, names and statistics of a fitted scaler, `parts` within it, and the scikit-learn that runs.

    Statistics that an estimator lacks are left out; each is a list, one number a feature.
    """
    import sklearn

    features, names = features_expected(scaler)
    every = [_of(part) for part in parts(scaler)]
    found: dict[str, Any] = {
        **every[0],
        "features": features,
        "names": None if names is None else [clean(name) for name in names],
    }
    return {**found, "running": sklearn.__version__, "parts": every[1:]}


def _of(part: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"kind": clean(type(part).__name__)}
    for name, attribute in _STATISTICS.items():
        values = vars(part).get(attribute)
        if isinstance(values, np.ndarray) and values.dtype.kind in "fiu":
            found[name] = values.astype(np.float64).tolist()
    seen = vars(part).get("n_samples_seen_")
    # One number, or one for each feature where some values were missing; scikit-learn keeps it as a float of late.
    if isinstance(seen, int | np.number | np.ndarray):
        found["rows"] = int(np.min(seen))
    return found
