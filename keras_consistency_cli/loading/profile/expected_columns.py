"""How raw features ought to look by what a scaler remembers: centre and spread before scaling, after it, and after scaling twice."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

from keras_consistency_cli.loading.profile.significance import UNKNOWN_ROWS
from keras_consistency_cli.loading.scalers.estimators import count_features
from keras_consistency_cli.measurement.facts import ExpectedColumn

__all__ = ["expected_columns", "expected_outcome", "with_shares"]

Floats = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]

_FAR = 4.0
"""Spreads from the centre within which a value is taken to belong."""


def expected_columns(scaler: Any, names: Sequence[str] | None = None) -> tuple[ExpectedColumn, ...]:
    """Return what each raw feature ought to look like, as far as it can be read off the estimators within; the others are left out.

    Args:
        scaler: a fitted estimator.
        names: names of the raw features; their places are used where there are none.
    """
    found = []
    features = count_features(scaler) or 0
    for leaf, columns, filled in _leaves(scaler, np.arange(features), np.full(features, np.nan)):
        found += [
            replace(each, filled=_number(fill))
            for each, fill in zip(_of_leaf(leaf, columns, names), filled.tolist(), strict=False)
        ]
    return tuple(sorted(found, key=lambda each: each.column))


def expected_outcome(scaler: Any) -> tuple[tuple[float, float], ...]:
    """Return centre and spread of each feature behind the last step of a pipeline, as that step remembers them.

    Nothing where the last step is no scaler, or where as many features do not go in as come out.
    """
    steps = (
        [step for _, step in scaler.steps if not _inert(step)] if type(scaler).__name__ == "Pipeline" else []
    )
    features = count_features(scaler) or 0
    if (
        not steps
        or type(steps[-1]).__name__ not in _RAW
        or getattr(steps[-1], "n_features_in_", 0) != features
    ):
        return ()
    return tuple(each.scaled for each in _of_leaf(steps[-1], np.arange(features), None))


def with_shares(expected: ExpectedColumn, values: Floats) -> ExpectedColumn:
    """Return it with the shares of these values that lie where they would if raw, scaled, and scaled twice."""
    if not len(values):
        return expected
    pairs = (expected.raw, expected.scaled, expected.twice)
    raw, scaled, twice = (
        float((np.abs(values - centre) <= _FAR * spread).mean()) for centre, spread in pairs
    )
    return replace(expected, within=(raw, scaled, twice))


def _number(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _leaves(part: Any, columns: Numbers, filled: Floats) -> Iterator[tuple[Any, Numbers, Floats]]:
    """Yield each scaler that raw features enter, with their numbers and what fills their gaps; nothing where features pass through several."""
    kind = type(part).__name__
    if kind == "Pipeline":
        steps = [step for _, step in part.steps if not _inert(step)]
        if len(steps) == 1:
            yield from _leaves(steps[0], columns, _gaps(part, filled))
    elif kind == "ColumnTransformer":
        places = getattr(part, "_transformer_to_input_indices", {})
        for name, step, _ in part.transformers_:
            if not isinstance(step, str) and len(places.get(name, ())):
                yield from _leaves(step, columns[list(places[name])], filled[list(places[name])])
    elif kind in _RAW and getattr(part, "n_features_in_", len(columns)) == len(columns):
        yield part, columns, filled


def _gaps(pipeline: Any, filled: Floats) -> Floats:
    """What fills the gaps of each feature behind the imputers of a pipeline."""
    for _, step in pipeline.steps:
        values = np.asarray(getattr(step, "statistics_", ()))
        if values.shape == filled.shape and values.dtype.kind in "fiu":
            filled = np.where(np.isnan(filled), values, filled)
    return filled


def _inert(step: Any) -> bool:
    """Whether features come out of a step as they went in.

    Behind any other step, a logarithm or a change of units, a scaler remembers values that raw rows never have. An imputer fills
    gaps with what the feature looks like anyway, but for a value that its owner chose.
    """
    kind = type(step).__name__
    if kind == "FunctionTransformer":
        return step.func is None
    return step is None or step == "passthrough" or (kind == "SimpleImputer" and step.strategy != "constant")


def _of_leaf(leaf: Any, columns: npt.NDArray[np.int64], names: Sequence[str] | None) -> list[ExpectedColumn]:
    kind = type(leaf).__name__
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            # points come without names, and a power may be taken of a negative number
            warnings.simplefilter("ignore")
            read = _RAW[kind](leaf)
            sketched = (
                None
                if read is None
                else _sketched(leaf, *(np.asarray(each, dtype=np.float64) for each in read[:2]))
            )
    except (AttributeError, ValueError, TypeError):
        return []  # a scaler from another scikit-learn lacks what this one keeps; KC304 says so
    if read is None or sketched is None:
        return []
    centre, spread = (np.asarray(each, dtype=np.float64) for each in read[:2])
    low, high = read[2:] if len(read) == 4 else (None, None)
    constant = ~(spread > 1e-12 * np.maximum(np.abs(centre), 1e-300))
    once, twice = sketched
    return [
        ExpectedColumn(
            column=int(column),
            name=names[column] if names is not None else str(column),
            kind=kind,
            raw=(float(centre[at]), float(spread[at])),
            scaled=_sketch(once[:, at]),
            twice=_sketch(twice[:, at]),
            low=None if low is None else float(low[at]),
            high=None if high is None else float(high[at]),
            constant=bool(constant[at]),
            rows=_fitted_on(leaf, at),
        )
        for at, column in enumerate(columns.tolist())
    ]


def _fitted_on(leaf: Any, feature: int) -> int:
    """Rows that a scaler was fitted on, at the least; 0 where it does not remember."""
    kept = vars(leaf)
    if "n_quantiles_" in kept:
        # A QuantileTransformer keeps as many quantiles as it was told to, or as there were rows.
        exact = kept["n_quantiles_"] < kept.get("n_quantiles", 0)
        return int(kept["n_quantiles_"]) if exact or kept["n_quantiles_"] > UNKNOWN_ROWS else 0
    seen = np.ravel(kept.get("n_samples_seen_", 0))
    return int(seen[feature if len(seen) > 1 else 0])


def _sketched(leaf: Any, centre: Floats, spread: Floats) -> tuple[Floats, Floats] | None:
    """Three points of each feature scaled once and twice, None where they do not stay finite."""
    points = np.stack([centre - spread, centre, centre + spread])
    once = np.asarray(leaf.transform(points), dtype=np.float64)
    # A clipping scaler would fold what was scaled twice; in a sketch of three points that only makes it look the less likely.
    twice = np.asarray(leaf.transform(once), dtype=np.float64)
    return (once, twice) if np.isfinite(np.stack([points, once, twice])).all() else None


def _sketch(points: Floats) -> tuple[float, float]:
    return float(points[1]), float(abs(points[2] - points[0]) / 2)


def _standard(leaf: Any) -> Any:
    return None if leaf.var_ is None else (leaf.mean_, np.sqrt(leaf.var_))


def _min_max(leaf: Any) -> Any:
    low, high = leaf.data_min_, leaf.data_max_
    return (low + high) / 2, (high - low) / 4, low, high


def _max_abs(leaf: Any) -> Any:
    return np.zeros_like(leaf.max_abs_), leaf.max_abs_ / 2, -leaf.max_abs_, leaf.max_abs_


def _robust(leaf: Any) -> Any:
    if leaf.center_ is None or leaf.scale_ is None:
        return None
    low, high = leaf.quantile_range
    # With unit_variance the scale already is what a standard deviation would be.
    width = 1.0 if leaf.unit_variance else NormalDist().inv_cdf(high / 100) - NormalDist().inv_cdf(low / 100)
    return leaf.center_, leaf.scale_ / width


def _quantile(leaf: Any) -> Any:
    at = [
        np.array([np.interp(share, leaf.references_, column) for column in leaf.quantiles_.T])
        for share in (0.16, 0.5, 0.84)
    ]
    return at[1], (at[2] - at[0]) / 2, leaf.quantiles_[0], leaf.quantiles_[-1]


def _power(leaf: Any) -> Any:
    if not leaf.standardize:
        return None
    back = np.asarray(
        leaf.inverse_transform(np.array([[-1.0], [0.0], [1.0]]) + np.zeros((1, len(leaf.lambdas_))))
    )
    return back[1], (back[2] - back[0]) / 2


_RAW: dict[str, Any] = {
    "StandardScaler": _standard,
    "MinMaxScaler": _min_max,
    "MaxAbsScaler": _max_abs,
    "RobustScaler": _robust,
    "QuantileTransformer": _quantile,
    "PowerTransformer": _power,
}
