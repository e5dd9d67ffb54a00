"""Scalers with statistics that are impossible for the rows, whatever sample of them it was fitted on.

Of the rows that a scaler was fitted on, at most one in k^2 lies more than k deviations from their mean
(Chebyshev), none lies far beyond their range, and half of them lie between their quartiles. Drift, outliers
and heavy tails widen the deviation and the range, and never bring half of the rows so far out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from keras_consistency_cli.checks.analysis.scaling_state import by_input
from keras_consistency_cli.checks.analysis.staleness import STALE
from keras_consistency_cli.checks.verdict import Verdict
from keras_consistency_cli.measurement.data_facts import (
    ColumnFact,
    DataFacts,
    ExpectedColumn,
    RowsFact,
    ScalingFact,
)
from keras_consistency_cli.text import clean

__all__ = ["STALE_SCALER", "find_unfit_features", "is_fitted_on_scaled_rows", "judge_unfit_scaler"]

STALE_SCALER = "scaler-stale"
_IMPOSSIBLE = 100.0
"""Spreads beyond which half of the rows must lie. At most one row in 10,000 of a fit lies so far."""
_LARGER = 10.0
"""How many times as large as anything near the centre these rows must be.

Time stamps and numbers of rows grow, and features that hardly vary have tiny spreads: both lie far out in
spreads, and are nearly the same numbers.
"""
_LOWER, _MIDDLE, _UPPER = 2, 3, 4
"""Places of the quartiles in `ColumnFact.quantiles`."""
_ERRORS = 5.0
"""Standard errors by which the mean and the deviation of scaled rows may differ from 0 and 1."""
_UNIT_RANGE = 0.05
_AGAIN = "fit it on the raw rows that the model is trained on, and save both together"


def find_unfit_features(scaling: ScalingFact, rows: RowsFact | None) -> dict[str, float]:
    """Return the features for which the scaler is impossible, and how many spreads out half of them lie."""
    if rows is None:
        return {}
    distances = {
        expected.name: _measure_distance(expected, rows.columns[expected.column])
        for expected in scaling.expected
        if expected.column < len(rows.columns) and not expected.constant
    }
    return {name: distance for name, distance in distances.items() if distance > _IMPOSSIBLE}


def _measure_distance(expected: ExpectedColumn, column: ColumnFact) -> float:
    """Return the distance in spreads beyond which half of the values lie, 0 if they are no larger ones."""
    centre, spread = expected.raw
    if not column.quantiles or not spread > 0 or not math.isfinite(centre + spread):
        return 0.0
    lower, middle, upper = (column.quantiles[at] for at in (_LOWER, _MIDDLE, _UPPER))
    is_around = lower < centre < upper
    near = min(abs(lower - centre), abs(upper - centre)) if is_around else abs(middle - centre)
    size = min(abs(lower), abs(upper)) if is_around else abs(middle)
    return near / spread if size > _LARGER * (abs(centre) + spread) else 0.0


def is_fitted_on_scaled_rows(scaling: ScalingFact) -> bool:
    """Whether the statistics are those of scaled rows in every feature: 0 and 1, but for sampling error."""
    varying = [expected for expected in scaling.expected if not expected.constant]
    return bool(varying) and all(map(_is_scaled, varying))


def _is_scaled(expected: ExpectedColumn) -> bool:
    centre, spread = expected.raw
    if expected.kind in ("MinMaxScaler", "MaxAbsScaler"):
        low, high = expected.low, expected.high
        return (
            high is not None and abs(high - 1) <= _UNIT_RANGE and min(_to(low, 0), _to(low, -1)) < _UNIT_RANGE
        )
    error = min(_ERRORS / math.sqrt(expected.rows), STALE) if expected.rows else STALE
    return abs(centre) <= error and abs(spread - 1) <= error


def _to(value: float | None, target: float) -> float:
    return math.inf if value is None else abs(value - target)


def judge_unfit_scaler(
    description: DataFacts, scaling: ScalingFact, findings: Mapping[str, Any]
) -> Verdict | None:
    """FAIL if neither the reference rows nor the rows can have been fitted, WARN if only the rows are known.

    If the scaler fits the rows, the reference rows may be the wrong ones.
    """
    if description.state != "raw" or description.generated:
        return None
    unfit = find_unfit_features(scaling, by_input(description.raw, scaling.input))
    if not unfit:
        return None
    reference = by_input(description.reference, scaling.input)
    if reference is None:
        if not is_fitted_on_scaled_rows(scaling):
            return None
        message = f"the scaler was fitted on scaled rows; its statistics are 0 and 1; {_describe(unfit)}"
        return Verdict.warn(message, cause=STALE_SCALER, findings={**findings, "unfit": unfit}, advice=_AGAIN)
    both = {name: far for name, far in find_unfit_features(scaling, reference).items() if name in unfit}
    if not both:
        return None
    message = f"the scaler cannot have been fitted on the reference rows; {_describe(both)}"
    return Verdict.fail(message, cause=STALE_SCALER, findings={**findings, "unfit": both}, advice=_AGAIN)


def _describe(unfit: Mapping[str, float]) -> str:
    name = max(unfit, key=lambda each: unfit[each])
    which = f"{len(unfit)} features are far outside its range, most of all" if len(unfit) > 1 else "feature"
    return (
        f"{which} '{clean(name, 40)}': half of its values are more than {unfit[name]:.2g} spreads from the "
        "centre"
    )
