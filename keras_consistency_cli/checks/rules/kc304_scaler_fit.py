"""The scaler must belong to the model and to the rows: the same features in the same order, fitted on the rows of training.

Why: a scaler is a file of its own. It is saved from another experiment, fitted before the data were cleaned, applied to
columns in another order, or loaded by another scikit-learn than saved it.

How: names and order of the columns are held against `feature_names_in_`, and the scikit-learn that saved the file
against the one that runs. With reference rows, what the scaler remembers is held against them: mean and spread (or
median and quartiles, or the range), in standard deviations, beyond what so many rows leave to chance. A feature that
never varied when the scaler was fitted is not divided by anything; where it varies now, that is told.

To fix: fit scaler and model on the same rows, save both together, and pass a DataFrame (or columns in the fitted order).

Sources: scikit-learn#25297, https://scikit-learn.org/stable/model_persistence.html.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from keras_consistency_cli.checks.analysis.scaling_state import by_input
from keras_consistency_cli.checks.base import Check, Evidence, Status, Verdict
from keras_consistency_cli.measurement.column_facts import ColumnFact, ExpectedColumn
from keras_consistency_cli.measurement.facts import DataFacts, ScalingFact
from keras_consistency_cli.text import clean

__all__ = ["CHECK", "Stale", "differences", "staleness"]

STALE = 0.15
"""Standard deviations by which mean or spread may differ from those of the reference rows, and the share of a range that they may overshoot."""
_PROOF = 5.0
"""Standard errors that a difference must have to be no accident."""
_UNUSED = 0.2
"""Share of a remembered range that the reference rows must fill, where there are at least so many of them."""
_MANY = 1000


@dataclass(frozen=True, kw_only=True)
class Stale:
    """One feature that a scaler or layer remembers otherwise than the reference rows have it; `by` in standard deviations, or shares of a range."""

    name: str
    what: str
    by: float


def examine(evidence: Evidence) -> Verdict:
    """FAIL for columns in another order; WARN for another scikit-learn, a stale scaler and features that only vary now."""
    known: DataFacts | None = evidence.data.get("description")
    if known is None or known.scaling is None:
        return Verdict(
            status=Status.SKIP, message="no scaler to look at", reason="no scaler or preprocess given"
        )
    scaling = known.scaling
    if scaling.function:
        reason = "a preprocess function has no statistics to look at"
        return Verdict(status=Status.SKIP, message="no scaler to look at", reason=reason)
    if scaling.names and scaling.columns and scaling.names != scaling.columns:
        return _other_order(scaling.names, scaling.columns)
    stale, varying = list(_stale(known, scaling)), list(_varying(known, scaling))
    version = _other_version(evidence.data.get("scaler_saved_with"), scaling.running)
    findings: dict[str, Any] = {
        "stale": {each.name: each.by for each in stale},
        "varying": varying,
        "version": version,
    }
    if stale:
        return _told_stale(stale, findings)
    if version:
        message = (
            f"scikit-learn {version} saved the scaler, {scaling.running} runs: it loads, but nobody "
            "promises the same numbers"
        )
        advice = "install the version that saved it where the model is served, or fit and save it again"
        return Verdict(
            status=Status.WARN,
            message=message,
            findings={**findings, "cause": "scaler-version"},
            advice=advice,
        )
    if varying:
        message = (
            f"feature '{varying[0]}' never varied when the scaler was fitted, and varies now: it reaches "
            "the model unscaled"
        )
        advice = "fit scaler and model on rows where it varies"
        return Verdict(
            status=Status.WARN, message=message, findings={**findings, "cause": "scaler-stale"}, advice=advice
        )
    checked = "features, order and statistics" if known.reference else "features and order"
    return Verdict(
        status=Status.PASS,
        message=f"{scaling.kind} of {scaling.features} features fits the rows: {checked}",
        findings=findings,
    )


def _other_order(names: tuple[str, ...], columns: tuple[str, ...]) -> Verdict:
    wrong = [at for at, (name, column) in enumerate(zip(names, columns, strict=True)) if name != column]
    first = wrong[0]
    message = (
        f"{len(wrong)} of {len(names)} columns are in another order than the scaler was fitted on: column "
        f"{first} is '{columns[first]}', "
        f"'{names[first]}' was fitted there"
    )
    findings = {"fitted": list(names), "columns": list(columns), "cause": "feature-order"}
    return Verdict(
        status=Status.FAIL,
        message=message,
        findings=findings,
        advice="order by name: frame[list(scaler.feature_names_in_)]",
    )


def _other_version(saved: str | None, running: str) -> str | None:
    """The version that saved the scaler, where it differs in more than the last number."""
    return clean(saved) if saved and running and saved.split(".")[:2] != running.split(".")[:2] else None


def _stale(known: DataFacts, scaling: ScalingFact) -> Iterator[Stale]:
    reference = by_input(known.reference, scaling.input)
    if reference is None or known.state == "scaled":
        return
    for expected in scaling.expected:
        if expected.column < len(reference.columns) and not expected.constant:
            found = _against(
                expected, _filled(reference.columns[expected.column], expected.filled), reference.rows
            )
            if found is not None:
                yield found


def _filled(column: ColumnFact, value: float | None) -> ColumnFact:
    """The column with its gaps filled, as the scaler behind an imputer saw it; of its quantiles nothing is known then."""
    if value is None or not column.nan or not column.count:
        return column
    share = column.nan / (column.count + column.nan)
    mean = column.mean + share * (value - column.mean)
    squares = (1 - share) * (column.sd**2 + (column.mean - mean) ** 2) + share * (value - mean) ** 2
    return replace(column, mean=mean, sd=math.sqrt(squares), quantiles=())


def _against(expected: ExpectedColumn, column: ColumnFact, rows: int) -> Stale | None:
    if expected.kind in ("MinMaxScaler", "MaxAbsScaler"):
        return _against_range(expected, column)
    if expected.kind in ("RobustScaler", "QuantileTransformer", "PowerTransformer"):
        if not column.quantiles:
            return None
        quartiles = (column.quantiles[4] - column.quantiles[2]) / 1.349
        # Only a RobustScaler keeps the quartiles, and none that are zero: it divides by 1 then.
        spread = quartiles if expected.kind == "RobustScaler" and quartiles > 0 else expected.raw[1]
        # The median, and quartiles more so, scatter more than mean and standard deviation do.
        return staleness(expected.name, expected.raw, (column.quantiles[3], spread), rows=rows, scatter=1.6)
    return staleness(
        expected.name, expected.raw, (column.mean, column.sd), rows=rows, kurtosis=column.kurtosis
    )


def _against_range(expected: ExpectedColumn, column: ColumnFact) -> Stale | None:
    if expected.low is None or expected.high is None or not column.count:
        return None
    width = expected.high - expected.low
    beyond = max(expected.low - column.low, column.high - expected.high) / width
    if beyond > STALE:
        return Stale(name=expected.name, what="reference rows lie beyond its range by", by=beyond)
    filled = (column.high - column.low) / width
    if expected.kind == "MinMaxScaler" and column.count >= _MANY and filled < _UNUSED:
        return Stale(name=expected.name, what="reference rows leave unused", by=1 - filled)
    return None


def staleness(
    name: str,
    remembered: tuple[float, float],
    shown: tuple[float, float],
    *,
    rows: int,
    kurtosis: float = 3.0,
    scatter: float = 1.0,
) -> Stale | None:
    """Hold a remembered (centre, spread) against that of the reference rows.

    Args:
        name: the feature.
        remembered: centre and spread in the scaler or layer.
        shown: the same of the reference rows.
        rows: reference rows.
        kurtosis: of the feature; heavy tails make its spread uncertain.
        scatter: how much more these statistics scatter than mean and standard deviation.
    """
    (centre, spread), (mean, sd) = remembered, shown
    if not spread > 0 or not math.isfinite(mean + sd) or rows < 2:
        return None
    error = scatter / math.sqrt(rows)
    wide = max(sd / spread, 1.0)
    moved = (mean - centre) / spread
    if abs(moved) > STALE and abs(moved) > _PROOF * error * wide:
        return Stale(name=name, what="the mean is off by", by=abs(moved))
    ratio = math.log(sd / spread) if sd > 0 else -math.inf
    if abs(ratio) > STALE and abs(ratio) > _PROOF * error * math.sqrt(max(kurtosis - 1, 1)) / 2:
        return Stale(
            name=name,
            what="the spread is off by a factor of",
            by=math.exp(abs(ratio)) if math.isfinite(ratio) else math.inf,
        )
    return None


def _varying(known: DataFacts, scaling: ScalingFact) -> Iterator[str]:
    """Features that were constant in training and vary in the rows."""
    rows = by_input(known.raw, scaling.input)
    for expected in scaling.expected if rows is not None and known.state == "raw" else ():
        assert rows is not None
        if (
            expected.constant
            and expected.column < len(rows.columns)
            and _differs(rows.columns[expected.column], expected.raw[0])
        ):
            yield expected.name


def _differs(column: ColumnFact, constant: float) -> bool:
    return column.count > 0 and max(abs(column.high - constant), abs(column.low - constant)) > 1e-6 * max(
        abs(constant), 1.0
    )


def differences(stale: Sequence[Stale]) -> str:
    """Return in words how many features differ, and the one that differs most."""
    worst = max(stale, key=lambda each: each.by)
    unit = " standard deviations" if "mean" in worst.what else ""
    return f"{len(stale)} features differ, '{worst.name}' most: {worst.what} {worst.by:.2g}{unit}"


def _told_stale(stale: list[Stale], findings: dict[str, Any]) -> Verdict:
    message = f"the scaler was not fitted on the reference rows: {differences(stale)}"
    advice = "fit it again on the rows that the model is trained on, and save both together"
    return Verdict(
        status=Status.WARN, message=message, findings={**findings, "cause": "scaler-stale"}, advice=advice
    )


CHECK = Check(
    code="KC304",
    name="scaler-fit",
    title="the scaler belongs to the model and the rows: features, order, version, statistics",
    explanation=__doc__,
    routes=("rows",),
    examine=examine,
)
