"""The columns that a scaler expects, from the statistics of its training rows.

For each raw feature: centre and spread before scaling, after it, and after scaling twice.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

from keras_consistency_cli.loading.profile.significance import UNKNOWN_ROWS
from keras_consistency_cli.loading.profile.statistics import Statistics
from keras_consistency_cli.loading.scalers.estimators import count_features
from keras_consistency_cli.measurement.data_facts import ExpectedColumn
from keras_consistency_cli.measurement.distance import is_float_or_integer

__all__ = ["measure_column_shares", "measure_shares", "read_expected_columns", "read_expected_outcome"]

Floats = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]

_FAR = 4.0
"""Spreads from the centre up to which a value counts as belonging to the column."""


@dataclass(frozen=True, kw_only=True)
class _Remembered:
    """Centre and spread of each feature of the training rows.

    `low` and `high` are their range, if the scaler keeps it.
    """

    centre: Floats
    spread: Floats
    low: Floats | None = None
    high: Floats | None = None


def read_expected_columns(scaler: Any, names: Sequence[str] | None = None) -> tuple[ExpectedColumn, ...]:
    """Return the raw features that the estimators inside the scaler expect.

    Features whose statistics are unknown are left out.

    Args:
        scaler: a fitted estimator.
        names: names of the raw features; if there are none, their positions are used.
    """
    columns = []
    features = count_features(scaler) or 0
    for leaf, positions, filled in _walk_leaves(scaler, np.arange(features), np.full(features, np.nan)):
        columns += [
            replace(column, filled=_finite_or_none(fill))
            for column, fill in zip(_read_leaf(leaf, positions, names), filled.tolist(), strict=False)
        ]
    return tuple(sorted(columns, key=lambda column: column.column))


def read_expected_outcome(scaler: Any) -> tuple[tuple[float, float], ...]:
    """Return centre and spread of each feature after the last step of a pipeline.

    They come from the statistics of that step. Empty if the last step is not a scaler, or if the pipeline
    changes the number of features.
    """
    is_pipeline = type(scaler).__name__ == "Pipeline"
    steps = [step for _, step in scaler.steps if not _is_inert(step)] if is_pipeline else []
    features = count_features(scaler) or 0
    if not steps or type(steps[-1]).__name__ not in _READERS:
        return ()
    if getattr(steps[-1], "n_features_in_", 0) != features:
        return ()
    return tuple(column.scaled for column in _read_leaf(steps[-1], np.arange(features), None))


def measure_shares(columns: Sequence[ExpectedColumn], statistics: Statistics) -> tuple[ExpectedColumn, ...]:
    """Return the columns that the rows have, each with its shares of the sampled values."""
    return tuple(
        measure_column_shares(column, statistics.finite(column.column))
        for column in columns
        if column.column < len(statistics.count)
    )


def measure_column_shares(expected: ExpectedColumn, values: Floats) -> ExpectedColumn:
    """Return the column with the shares of these values in its three ranges.

    The ranges are those of raw, scaled and twice scaled values.
    """
    if not len(values):
        return expected
    pairs = (expected.raw, expected.scaled, expected.twice)
    raw, scaled, twice = (
        float((np.abs(values - centre) <= _FAR * spread).mean()) for centre, spread in pairs
    )
    return replace(expected, within=(raw, scaled, twice))


def _finite_or_none(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _walk_leaves(part: Any, columns: Numbers, filled: Floats) -> Iterator[tuple[Any, Numbers, Floats]]:
    """Yield each scaler that gets raw features, with their numbers and fillers.

    Fillers are the values that an imputer puts into gaps. Features that pass through several scalers are
    left out.
    """
    kind = type(part).__name__
    if kind == "Pipeline":
        steps = [step for _, step in part.steps if not _is_inert(step)]
        if len(steps) == 1:
            yield from _walk_leaves(steps[0], columns, _read_fillers(part, filled))
    elif kind == "ColumnTransformer":
        positions = getattr(part, "_transformer_to_input_indices", {})
        for name, step, _ in part.transformers_:
            if not isinstance(step, str) and len(positions.get(name, ())):
                chosen = list(positions[name])
                yield from _walk_leaves(step, columns[chosen], filled[chosen])
    elif kind in _READERS and getattr(part, "n_features_in_", len(columns)) == len(columns):
        yield part, columns, filled


def _read_fillers(pipeline: Any, filled: Floats) -> Floats:
    """The values that the imputers of a pipeline put into the gaps of each feature."""
    for _, step in pipeline.steps:
        values = np.asarray(getattr(step, "statistics_", ()))
        if values.shape == filled.shape and is_float_or_integer(values.dtype):
            filled = np.where(np.isnan(filled), values, filled)
    return filled


def _is_inert(step: Any) -> bool:
    """Whether features pass through a step unchanged.

    After any other step, such as a logarithm or a change of units, a scaler has statistics of values that raw
    rows never have. An imputer fills gaps with typical values, unless a constant was chosen for it.
    """
    kind = type(step).__name__
    if kind == "FunctionTransformer":
        return step.func is None
    return step is None or step == "passthrough" or (kind == "SimpleImputer" and step.strategy != "constant")


def _read_leaf(leaf: Any, columns: Numbers, names: Sequence[str] | None) -> list[ExpectedColumn]:
    kind = type(leaf).__name__
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            # The points have no names, and a power of a negative number may be computed.
            warnings.simplefilter("ignore")
            remembered = _READERS[kind](leaf)
            states = None if remembered is None else _scale_points(leaf, remembered)
    except (AttributeError, ValueError, TypeError):
        return []  # a scaler from a different scikit-learn lacks attributes; KC304 reports it
    if remembered is None or states is None:
        return []
    is_constant = _find_constant(remembered)
    once, twice = states
    return [
        ExpectedColumn(
            column=int(column),
            name=names[column] if names is not None else str(column),
            kind=kind,
            raw=(float(remembered.centre[at]), float(remembered.spread[at])),
            scaled=_measure_centre_and_spread(once[:, at]),
            twice=_measure_centre_and_spread(twice[:, at]),
            low=None if remembered.low is None else float(remembered.low[at]),
            high=None if remembered.high is None else float(remembered.high[at]),
            constant=bool(is_constant[at]),
            rows=_count_training_rows(leaf, at),
        )
        for at, column in enumerate(columns.tolist())
    ]


def _find_constant(remembered: _Remembered) -> npt.NDArray[np.bool_]:
    """Which features did not vary in the training rows, but for rounding."""
    return np.asarray(
        ~(remembered.spread > 1e-12 * np.maximum(np.abs(remembered.centre), 1e-300)), dtype=bool
    )


def _count_training_rows(leaf: Any, feature: int) -> int:
    """The least number of rows that a scaler was fitted on; 0 if it is unknown."""
    state = vars(leaf)
    if "n_quantiles_" in state:
        # A QuantileTransformer keeps as many quantiles as its setting says, or as there were rows.
        is_exact = state["n_quantiles_"] < state.get("n_quantiles", 0)
        return int(state["n_quantiles_"]) if is_exact or state["n_quantiles_"] > UNKNOWN_ROWS else 0
    counts = np.ravel(state.get("n_samples_seen_", 0))
    return int(counts[feature if len(counts) > 1 else 0])


def _scale_points(leaf: Any, remembered: _Remembered) -> tuple[Floats, Floats] | None:
    """Three points of each feature scaled once and twice, None if they do not stay finite.

    A clipping scaler changes the points that are scaled twice. This only makes that case look less likely.
    """
    centre, spread = remembered.centre, remembered.spread
    points = np.stack([centre - spread, centre, centre + spread])
    once = np.asarray(leaf.transform(points), dtype=np.float64)
    twice = np.asarray(leaf.transform(once), dtype=np.float64)
    return (once, twice) if np.isfinite(np.stack([points, once, twice])).all() else None


def _measure_centre_and_spread(points: Floats) -> tuple[float, float]:
    return float(points[1]), float(abs(points[2] - points[0]) / 2)


def _remember(centre: Any, spread: Any, low: Any = None, high: Any = None) -> _Remembered:
    return _Remembered(
        centre=np.asarray(centre, dtype=np.float64),
        spread=np.asarray(spread, dtype=np.float64),
        low=low,
        high=high,
    )


def _read_standard(leaf: Any) -> _Remembered | None:
    return None if leaf.var_ is None else _remember(leaf.mean_, np.sqrt(leaf.var_))


def _read_min_max(leaf: Any) -> _Remembered:
    low, high = leaf.data_min_, leaf.data_max_
    return _remember((low + high) / 2, (high - low) / 4, low, high)


def _read_max_abs(leaf: Any) -> _Remembered:
    return _remember(np.zeros_like(leaf.max_abs_), leaf.max_abs_ / 2, -leaf.max_abs_, leaf.max_abs_)


def _read_robust(leaf: Any) -> _Remembered | None:
    if leaf.center_ is None or leaf.scale_ is None:
        return None
    low, high = leaf.quantile_range
    # With unit_variance, the scale is already that of a standard deviation.
    width = 1.0 if leaf.unit_variance else NormalDist().inv_cdf(high / 100) - NormalDist().inv_cdf(low / 100)
    return _remember(leaf.center_, leaf.scale_ / width)


def _read_quantile(leaf: Any) -> _Remembered:
    low, middle, high = (
        np.array([np.interp(share, leaf.references_, column) for column in leaf.quantiles_.T])
        for share in (0.16, 0.5, 0.84)
    )
    return _remember(middle, (high - low) / 2, leaf.quantiles_[0], leaf.quantiles_[-1])


def _read_power(leaf: Any) -> _Remembered | None:
    if not leaf.standardize:
        return None
    points = np.array([[-1.0], [0.0], [1.0]]) + np.zeros((1, len(leaf.lambdas_)))
    raw = np.asarray(leaf.inverse_transform(points))
    return _remember(raw[1], (raw[2] - raw[0]) / 2)


_READERS: dict[str, Callable[[Any], _Remembered | None]] = {
    "StandardScaler": _read_standard,
    "MinMaxScaler": _read_min_max,
    "MaxAbsScaler": _read_max_abs,
    "RobustScaler": _read_robust,
    "QuantileTransformer": _read_quantile,
    "PowerTransformer": _read_power,
}
