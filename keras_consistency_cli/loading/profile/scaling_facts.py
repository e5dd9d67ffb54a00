"""The scaler or preprocess function of a subject as plain data, and what it does to the rows.

The checks of scaling compare its statistics with the rows, with the served rows and with the targets.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from keras_consistency_cli.errors import KcheckError
from keras_consistency_cli.loading.profile.expected_columns import (
    measure_shares,
    read_expected_columns,
    read_expected_outcome,
)
from keras_consistency_cli.loading.profile.passes import Summary
from keras_consistency_cli.loading.profile.scaler_trial import find_missing_attributes, gives_stored_numbers
from keras_consistency_cli.loading.profile.statistics import Statistics
from keras_consistency_cli.loading.profile.unknown_categories import find_unknown_columns
from keras_consistency_cli.loading.scalers.fitted_scaler import get_expected_features
from keras_consistency_cli.loading.scalers.scaling import Scaling
from keras_consistency_cli.loading.subject import Subject
from keras_consistency_cli.measurement.data_facts import (
    ExpectedColumn,
    ScalingFact,
    ServedFact,
    TargetFact,
)
from keras_consistency_cli.measurement.distance import is_numeric
from keras_consistency_cli.measurement.facts import UnknownCategories
from keras_consistency_cli.text import clean

__all__ = ["describe_scaling", "describe_served_rows", "describe_target"]

_SERVED_ROWS = 4096
_TRIED_ROWS = 16
_TRIED_CATEGORIES = 256
_SAME = 1e-4
"""The part of a column's spread up to which a served value equals its counterpart."""


def describe_scaling(
    subject: Subject, raw: Summary, reference: Summary, reference_fed: Summary
) -> ScalingFact | None:
    """Return the scaler or preprocess function as plain data, None if there is none.

    Args:
        subject: the loaded subject.
        raw: statistics of the rows as given.
        reference: statistics of the reference rows before scaling.
        reference_fed: statistics of the reference rows as the model gets them.
    """
    scaling = subject.scaling
    if scaling is None:
        return _describe_joint(subject)
    statistics = scaling.describe_statistics()
    column_names = _clean_names(scaling.column_names)
    expected = () if scaling.scaler is None else read_expected_columns(scaling.scaler, column_names)
    rows = raw.get(scaling.input)
    return ScalingFact(
        kind=scaling.kind,
        input=scaling.input,
        function=scaling.function is not None,
        features=statistics.get("features"),
        names=_clean_names(scaling.names),
        columns=_clean_names(scaling.columns),
        reference_order=None if scaling.selects_by_name else _clean_names(subject.sources.reference_order),
        running=statistics.get("running", ""),
        statistics=statistics,
        expected=() if rows is None else measure_shares(expected, rows),
        outcome=() if expected or scaling.scaler is None else read_expected_outcome(scaling.scaler),
        shown=()
        if rows is None
        else measure_shares(_describe_reference(scaling, column_names, reference, reference_fed), rows),
        missing=() if scaling.scaler is None else find_missing_attributes(scaling.scaler),
        as_stored=None if scaling.scaler is None else _try_formula(subject, scaling),
        unknown=_find_unknown(subject, scaling, column_names),
        mutates=subject.files.data_state == "raw"
        and scaling.mutates(subject.raw(np.arange(min(subject.length, 2)))[scaling.input]),
    )


def _try_formula(subject: Subject, scaling: Scaling) -> bool | None:
    """Whether some rows are scaled as the stored statistics say; None if that is not known."""
    rows = subject.raw(np.arange(min(subject.length, _TRIED_ROWS)))[scaling.input]
    features = rows.shape[-1] if rows.ndim > 1 else 0
    try:
        return gives_stored_numbers(scaling.scaler, rows.reshape(-1, features))
    except Exception:  # a scaler of a different version fails in any way, which scaling the rows reports
        return None


def _find_unknown(
    subject: Subject, scaling: Scaling, names: tuple[str, ...] | None
) -> tuple[UnknownCategories, ...]:
    """The columns with values that an encoder inside the scaler does not know."""
    if scaling.scaler is None or subject.files.data_state == "scaled":
        return ()
    numbers = np.unique(np.linspace(0, subject.length - 1, _TRIED_CATEGORIES).astype(np.int64))
    rows = subject.raw(numbers)[scaling.input]
    if rows.ndim != 2 or not is_numeric(rows.dtype):
        return ()
    return find_unknown_columns(scaling.scaler, rows, scaling.texts, names)


def _clean_names(names: tuple[str, ...] | None) -> tuple[str, ...] | None:
    return None if names is None else tuple(clean(name) for name in names)


def _describe_joint(subject: Subject) -> ScalingFact | None:
    """A function that prepares several inputs at once.

    It has no statistics and is listed with the first input.
    """
    joint = subject.joint
    if joint is None:
        return None
    is_raw = subject.files.data_state == "raw"
    return ScalingFact(
        kind=joint.kind,
        input=joint.inputs[0],
        function=True,
        statistics={"kind": joint.kind},
        mutates=is_raw and joint.mutates(subject.raw(np.arange(min(subject.length, 2)))),
    )


def _describe_reference(
    scaling: Scaling, names: tuple[str, ...] | None, reference: Summary, reference_fed: Summary
) -> tuple[ExpectedColumn, ...]:
    """The columns of the reference rows: raw, scaled, and scaled twice."""
    before, after = reference.get(scaling.input), reference_fed.get(scaling.input)
    if before is None or after is None or len(before.count) != len(after.count):
        return ()
    try:
        rows = scaling.apply(scaling.apply(_list_sample_rows(scaling, before)))
        scaled_twice = Statistics.of(rows, np.arange(len(before.sample)))
    except (KcheckError, ValueError):
        return ()
    described = (
        statistics.describe(scaling.input, names).columns for statistics in (before, after, scaled_twice)
    )
    return tuple(
        ExpectedColumn(
            column=position,
            name=raw.name,
            kind="reference",
            raw=(raw.mean, raw.sd),
            scaled=(scaled.mean, scaled.sd),
            twice=(twice.mean, twice.sd),
            low=raw.low,
            high=raw.high,
        )
        for position, (raw, scaled, twice) in enumerate(zip(*described, strict=True))
    )


def _list_sample_rows(scaling: Scaling, statistics: Statistics) -> npt.NDArray[Any]:
    """The sampled values in the shape of rows.

    A scaler takes rows of any rank feature by feature, but a function must get complete rows.
    """
    if scaling.scaler is None and len(statistics.shape) != 1:
        raise ValueError("rows of this rank cannot be put together from their columns")
    return statistics.ordered


def describe_served_rows(subject: Subject) -> ServedFact | None:
    """Return the shares of served rows that equal the rows in each state.

    The states are: as given, scaled once, and scaled twice.
    """
    scaling = subject.scaling
    if scaling is None:
        return None
    numbers = np.linspace(0, subject.length - 1, min(subject.length, _SERVED_ROWS)).astype(np.int64)
    served, rows = subject.sources.served(numbers), subject.raw(numbers)[scaling.input]
    if served is None:
        return None
    once = rows if subject.files.data_state == "scaled" else scaling.apply(rows)
    try:
        twice = scaling.apply(once)
    except KcheckError:
        twice = np.zeros(0)
    # Texts were never fed to the model: their codes are numbers of kcheck's own.
    unscaled = np.zeros(0) if scaling.texts else rows
    shares = [_measure_share_equal(served[scaling.input], values) for values in (unscaled, once, twice)]
    return ServedFact(rows=len(numbers), raw=shares[0], scaled=shares[1], twice=shares[2])


def _measure_share_equal(served: npt.NDArray[Any], other: npt.NDArray[Any]) -> float:
    """The share of rows that are equal but for rounding; NaN equals NaN."""
    if served.shape != other.shape or not len(served):
        return 0.0
    candidate, reference = (
        values.astype(np.float64).reshape(-1, values.shape[-1]) for values in (served, other)
    )
    is_near = np.isclose(candidate, reference, rtol=1e-5, atol=1e-12, equal_nan=True)
    is_near |= np.abs(candidate - reference) <= _SAME * _measure_spread(reference)
    return float(is_near.reshape(len(served), -1).all(axis=1).mean())


def _measure_spread(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    if len(values) < 2:
        return np.zeros(values.shape[1])
    return np.asarray(np.nanstd(np.where(np.isfinite(values), values, np.nan), axis=0))


def describe_target(subject: Subject) -> TargetFact | None:
    """Return the scaler of the targets as plain data, None if there is none.

    `units` are the units of the target per scaled unit; empty if they are not the same everywhere.
    """
    scaler = subject.target_scaler
    if scaler is None:
        return None
    kind, width = clean(type(scaler).__name__), get_expected_features(scaler)[0]
    if not hasattr(scaler, "inverse_transform"):
        return TargetFact(kind=kind)
    points = np.array([[0.0], [0.25], [0.5]]) + np.zeros((1, width))
    targets = np.asarray(scaler.inverse_transform(points), dtype=np.float64)
    slopes = np.diff(targets, axis=0) / 0.25
    is_linear = bool(np.isfinite(slopes).all() and np.allclose(slopes[0], slopes[1]))
    return TargetFact(kind=kind, units=tuple(np.abs(slopes[0]).tolist()) if is_linear else ())
