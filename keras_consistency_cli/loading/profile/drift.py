"""Drift: the distance of each feature from the training data.

If there are no reference rows, the scaler and the Normalization layers of the model stand for them.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from itertools import chain

import numpy as np
import numpy.typing as npt

from keras_consistency_cli.loading.profile.significance import (
    UNKNOWN_ROWS,
    compute_distance_p_value,
    compute_mean_p_value,
    compute_median_p_value,
    compute_outside_p_value,
)
from keras_consistency_cli.loading.profile.statistics import Statistics
from keras_consistency_cli.measurement.data_facts import (
    ColumnFact,
    DataFacts,
    DriftFact,
    ExpectedColumn,
    PreprocessingFact,
    RowsFact,
)

__all__ = ["measure_drift"]

Floats = npt.NDArray[np.float64]

_MEDIAN_SCALERS = ("RobustScaler", "QuantileTransformer", "PowerTransformer")
"""They keep a median, not a mean."""
_RANGE_SCALERS = ("MinMaxScaler", "MaxAbsScaler")
_FREQUENCY_FACTOR = 3.0
"""A filler is as frequent as gaps, within this factor."""
_NEW_FACTOR = 10.0
"""A filler is this many times as frequent as in the reference rows."""
_FEWEST_FILLERS = 3
"""A filler stands in at least this many rows."""
_MARGIN = 1e-6
"""The part of the training range by which rounding may exceed it."""


def measure_drift(
    facts: DataFacts,
    raw: Mapping[str, Statistics],
    reference: Mapping[str, Statistics],
    texts: Collection[str] = (),
) -> tuple[DriftFact, ...]:
    """Return the drift of every feature from the reference rows.

    Without reference rows, it is the drift from the statistics of scaler and layers.

    Args:
        facts: the facts so far: statistics, scaler, layers.
        raw: the rows as given, with their samples.
        reference: the reference rows, with their samples.
        texts: the names of the columns that hold codes of texts.
    """
    if reference:
        described = {rows.input: rows for rows in facts.reference}
        drift = chain.from_iterable(
            _compare_with_reference((rows, described[rows.input]), (raw[rows.input], reference[rows.input]))
            for rows in facts.raw
            if rows.input in reference
        )
        return tuple(_drop_expected_filler(_without_mean(fact, texts), facts) for fact in drift)
    drift_facts = list(_compare_with_scaler(facts, raw))
    compared = {fact.input for fact in drift_facts}
    for layer in facts.layers:
        if _stands_for_reference(layer) and layer.input not in compared:
            rows = next((rows.rows for rows in facts.fed if rows.input == layer.input), 0)
            drift_facts += _compare_with_layer(layer, rows)
            compared.add(layer.input)
    return tuple(drift_facts)


def _without_mean(fact: DriftFact, texts: Collection[str]) -> DriftFact:
    """The fact; of codes of texts only the distribution counts."""
    if fact.name not in texts:
        return fact
    return replace(fact, is_text=True, shift=0.0, outside=None, outside_p=1.0, filler=None)


def _stands_for_reference(layer: PreprocessingFact) -> bool:
    return layer.kind == "Normalization" and layer.adapted and not layer.after and bool(layer.seen)


def _compare_with_reference(
    described: tuple[RowsFact, RowsFact], measured: tuple[Statistics, Statistics]
) -> Iterator[DriftFact]:
    """Compare rows with the reference rows, both as facts and with their samples."""
    (rows, reference_rows), (candidate, reference) = described, measured
    if len(candidate.count) != len(reference.count):
        return
    for at, columns in enumerate(zip(rows.columns, reference_rows.columns, strict=True)):
        values, reference_values = candidate.finite(at), reference.finite(at)
        if not len(values) or not len(reference_values):
            continue
        # The values of one row are not independent: the evidence is that of as many values as rows.
        count = min(candidate.rows, len(values))
        trained = min(reference.rows, len(reference_values))
        fact = _compare_columns(*columns, rows.input, candidate.rows)
        distance = _measure_distribution_distance(values, reference_values)
        outside = _measure_share_outside(values, columns[1].low, columns[1].high)
        # The range is that of all reference rows, not only of the sampled ones.
        all_trained = min(reference.rows, columns[1].count)
        yield replace(
            fact,
            p_value=compute_distance_p_value(distance, count, trained),
            distance=distance,
            outside=outside,
            outside_p=compute_outside_p_value(round(outside * count), count, all_trained),
            filler=_find_filler(values, reference_values, fact.gaps) if _has_lost_gaps(*columns) else None,
        )


def _compare_columns(column: ColumnFact, reference: ColumnFact, name: str, rows: int) -> DriftFact:
    """The comparison of means, still without p-values."""
    return DriftFact(
        input=name,
        name=column.name,
        against="reference",
        mean=column.mean,
        expected=reference.mean,
        shift=_compute_shift(column.mean - reference.mean, reference.sd, column.sd),
        p_value=1.0,
        rows=rows,
        gaps=reference.nan / (reference.nan + reference.count),
    )


def _has_lost_gaps(column: ColumnFact, reference: ColumnFact) -> bool:
    return bool(reference.nan and not column.nan)


def _find_filler(values: Floats, reference: Floats, gaps: float) -> float | None:
    """The number in the place of missing values: about as frequent as gaps, and new."""
    numbers, counts = np.unique(values, return_counts=True)
    ordered = np.sort(reference)
    reference_counts = np.searchsorted(ordered, numbers, side="right") - np.searchsorted(ordered, numbers)
    reference_shares, shares = reference_counts / len(ordered), counts / len(values)
    is_new = (counts >= _FEWEST_FILLERS) & (reference_shares * _NEW_FACTOR <= shares)
    new_shares = np.where(is_new, shares, 0.0)
    most = new_shares.argmax()
    added = new_shares[most] - reference_shares[most]
    is_as_frequent = gaps / _FREQUENCY_FACTOR <= added <= gaps * _FREQUENCY_FACTOR
    return float(numbers[most]) if is_as_frequent else None


def _drop_expected_filler(fact: DriftFact, facts: DataFacts) -> DriftFact:
    """The fact without its filler, if the filler may be correct.

    A filler is wrong only if the pipeline's imputer is known to fill with a different number.
    """
    scaling = facts.scaling
    if fact.filler is None:
        return fact
    columns = scaling.expected if scaling is not None and scaling.input == fact.input else ()
    filled = next((column.filled for column in columns if column.name == fact.name), None)
    if filled is not None and not math.isclose(filled, fact.filler, rel_tol=1e-6):
        return fact
    return replace(fact, filler=None)


def _measure_distribution_distance(values: Floats, reference: Floats) -> float:
    """The statistic of Kolmogorov and Smirnov.

    It is the greatest distance of two distribution functions.
    """
    points = np.concatenate([values, reference])
    below, reference_below = (
        np.searchsorted(np.sort(sample), points, side="right") / len(sample) for sample in (values, reference)
    )
    return float(np.abs(below - reference_below).max())


def _compare_with_scaler(facts: DataFacts, raw: Mapping[str, Statistics]) -> Iterator[DriftFact]:
    scaling = facts.scaling
    if scaling is None or scaling.function or facts.state == "scaled" or scaling.input not in raw:
        return
    rows = next(rows for rows in facts.raw if rows.input == scaling.input)
    columns = rows.columns
    for expected in scaling.expected:
        if not expected.constant and expected.column < len(columns) and columns[expected.column].count:
            values = raw[scaling.input].finite(expected.column)
            yield _compare_with_expected(rows, scaling.kind, expected, values)


def _compare_with_expected(
    rows: RowsFact, against: str, expected: ExpectedColumn, values: Floats
) -> DriftFact:
    column, (centre, spread) = rows.columns[expected.column], expected.raw
    count, trained = min(rows.rows, len(values)), _count_training_rows(expected, rows)
    outside = None
    if expected.low is not None and expected.high is not None:
        outside = _measure_share_outside(values, expected.low, expected.high)
    has_median = expected.kind in _MEDIAN_SCALERS
    typical = column.quantiles[3] if has_median else column.mean
    # A range scaler keeps only the ends: the mean may have been anywhere between them, so no shift is known.
    shift = 0.0 if expected.kind in _RANGE_SCALERS else _compute_shift(typical - centre, spread, 0.0)
    return DriftFact(
        input=rows.input,
        name=column.name,
        against=against,
        mean=typical,
        expected=centre,
        shift=shift,
        p_value=compute_median_p_value(values, centre, count, trained)
        if has_median
        else _compute_p_value(shift, column, spread, rows.rows, trained),
        outside=outside,
        outside_p=1.0 if outside is None else compute_outside_p_value(round(outside * count), count, trained),
        rows=rows.rows,
    )


def _count_training_rows(expected: ExpectedColumn, rows: RowsFact) -> float:
    """The number of training rows, if the scaler keeps it.

    It counts time steps, if there are some, but these are not independent rows.
    """
    steps = math.prod(rows.shape[:-1])
    return expected.rows / steps if expected.rows else UNKNOWN_ROWS


def _compare_with_layer(layer: PreprocessingFact, rows: int) -> Iterator[DriftFact]:
    for column, mean, sd in zip(layer.seen, layer.mean, layer.sd, strict=False):
        if sd > 0 and column.count:
            shift = _compute_shift(column.mean - mean, sd, 0.0)
            yield DriftFact(
                input=layer.input,
                name=column.name,
                against=layer.path,
                mean=column.mean,
                expected=mean,
                shift=shift,
                p_value=_compute_p_value(shift, column, sd, rows, UNKNOWN_ROWS),
                rows=rows,
            )


def _compute_shift(difference: float, spread: float, other_spread: float) -> float:
    """The difference in standard deviations of the training rows.

    If these never varied, it is in standard deviations of the new rows.
    """
    scale = spread or other_spread
    if scale:
        return difference / scale
    return 0.0 if difference == 0 else math.copysign(math.inf, difference)


def _compute_p_value(shift: float, column: ColumnFact, spread: float, rows: int, trained: float) -> float:
    """The probability of a shift of the mean at least this great, if nothing has changed."""
    if rows < 2 or not spread:
        return 1.0
    return compute_mean_p_value(shift, column.sd / spread, min(rows, column.count), trained)


def _measure_share_outside(values: Floats, low: float, high: float) -> float:
    margin = _MARGIN * (high - low)
    return float(((values < low - margin) | (values > high + margin)).mean()) if len(values) else 0.0
